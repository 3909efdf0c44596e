"""Reads a stranger's results file in a child process first, with limits.

On a malformed file libhdf5 can crash, run without end, or ask for more memory than there is. That
happens to the child alone; what the child has read in full and found whole are the same bytes when
they are read again.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from .checks import StoreError
from .verification import Verification, verify

SECONDS = 60.0
"""That the child may take, and a second more for every `RATE` bytes of the file."""

RATE = 5 << 20

MEMORY = 4 << 30
"""Bytes of address space the child may have, beside the size of the file."""

STARTING = "import sys; from sampling.store.guard import report; report(sys.argv[1], {limit})"


def verify_apart(path: Path) -> Verification:
    """What `verify` finds, done in a child process.

    Raises:
        StoreError: There is no such file, or the child died of it, took too long, or needed too
            much memory.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"verify.path must be an existing file; got {path}. Correct the path.")
    size = path.stat().st_size
    code = STARTING.format(limit=MEMORY + size)
    here = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    try:
        child = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env=os.environ | here,
            capture_output=True,
            timeout=SECONDS + size / RATE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _malformed(path, f"reading it took over {error.timeout:.0f} s") from error
    try:
        found = json.loads(child.stdout)
    except ValueError as error:
        raise _malformed(path, _ending(child)) from error
    listed = {name: tuple(found[name]) for name in ("problems", "counted")}
    return Verification(**found | {"path": path} | listed)


def check_file(path: Path) -> None:
    """Refuses a results file that cannot be read in full, safely, or is not whole.

    Raises:
        StoreError: Says what was found.
    """
    found = verify_apart(path)
    if not found.ok:
        unread = not found.recomputed_hash
        said = "; ".join(found.problems)
        raise StoreError(said if unread else f"{path} is damaged: {said}")


def report(path: str, limit: int) -> None:
    """Writes what `verify` finds as JSON; body of the child.

    Args:
        path: Of the file.
        limit: Bytes of memory, where the system can limit it.
    """
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # no such limits here: the time limit stays
        pass
    found = verify(Path(path))
    sys.stdout.write(json.dumps(asdict(found) | {"path": path}))


def _ending(child: subprocess.CompletedProcess[bytes]) -> str:
    if child.returncode < 0:
        return f"the reader died of {signal.Signals(-child.returncode).name}"
    last = child.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
    return f"the reader ended with {last[0]}"


def _malformed(path: Path, why: str) -> StoreError:
    return StoreError(
        f"Results.path must be a readable results file; got {path} ({why}). "
        "Export it again from the journal or restore a copy."
    )
