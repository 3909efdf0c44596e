"""`robustscope noise`: every noise listed, or drawn."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """Two actions with options of their own."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list",
        help="names, parameters and sources of every noise",
        description="Print every noise with its group, its parameters (constants of severities 1 "
        "to 5; settings of attacks in each protocol) and its source.",
    )
    listing.add_argument(
        "--family", help="adversarial, natural, system, inference or sequence (all by default)"
    )
    listing.add_argument("--size", type=int, default=32, help="of the images, pixels (%(default)s)")
    form = listing.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as a JSON list")
    form.add_argument("--markdown", action="store_true", help="as the tables of docs/noises.md")
    preview = actions.add_parser(
        "preview",
        help="contact sheets of the noises on your images",
        description="Write contact sheets of test images: natural noises at every severity to the "
        "file named, what system variants change and frames of sequences to files beside it.",
    )
    preview.add_argument("--data", default="digits", help="as for run (%(default)s)")
    preview.add_argument("--out", type=Path, required=True, help="a .png file")
    preview.add_argument(
        "--size", type=int, help="of the images, pixels (digits 16, cifar10 32, a folder's own)"
    )
    preview.add_argument("--images", type=int, default=3, help="how many (%(default)s)")
    preview.add_argument("--noise", help="names, comma separated (all by default)")
    for action in (listing, preview):
        add_common(action)


def do(options: argparse.Namespace) -> str:
    """The list of noises, or the files with pictures of them."""
    if options.action == "list":
        from robustscope.noise_list import as_json, as_markdown, as_table, list_noises

        noises = list_noises(options.size, options.family)
        form = as_json if options.json else as_markdown if options.markdown else as_table
        return form(noises)
    from robustscope.noise_preview import check_out, preview, some_images
    from robustscope.progress import Progress

    check_out(options.out)
    images = some_images(options.data, options.size, options.images)
    names = None if options.noise is None else list(dict.fromkeys(options.noise.split(",")))
    written = preview(images, names, options.out, Progress(options.quiet))
    return "\n".join(f"Wrote {path}" for path in written)


COMMAND = Command(
    "noise",
    help="list every noise, or draw what they do to your images",
    description="List every noise, or draw what they do to your images.",
    add=add_options,
    do=do,
)
