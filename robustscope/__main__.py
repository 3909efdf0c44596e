"""The command line. Heavy imports happen inside the commands, so that --help is quick."""

import errno
import io
import os
import signal
import sys
from collections.abc import Sequence

from images.paths import is_utf8
from robustscope.commands.command import BAD_INPUT, Parser
from robustscope.commands.table import COMMANDS

STOPPED = 130


def build_parser() -> Parser:
    """Every command with its options, units and defaults."""
    parser = Parser(
        prog="robustscope",
        description="Which choices in the design of an image network make it robust, to what kind "
        "of noise, and how sure are we.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add(
            commands.add_parser(
                name,
                help=command.help,
                description=command.description,
                epilog=command.epilog or None,
            )
        )
    return parser


def say(text: str) -> None:
    """Print; a reader that has gone (`| head`) is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end_bars() -> None:
    """Let what is printed next begin on a line of its own."""
    from robustscope.progress import close_bars

    close_bars()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it ended well, 2 for bad input, 130 when it was stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = build_parser()
    options = parser.parse_args(arguments)
    if not all(is_utf8(text) for text in arguments):
        parser.error("arguments must be UTF-8, as results keep them; rename the file or folder")
    try:
        say(COMMANDS[options.command].do(options))
    except (ValueError, OSError) as error:
        if options.traceback:
            raise
        _end_bars()
        text = " ".join(str(error).split())
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EROFS, errno.EDQUOT):
            text += ". Make room or choose another folder: what was finished is kept."
        print(f"robustscope: error: {text}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        _end_bars()
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        return STOPPED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
