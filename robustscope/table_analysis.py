"""`robustscope analyze` of a table: imported into a temporary results file, then analysed."""

import tempfile
from pathlib import Path

from analysis.pipeline import AnalysisSummary, Track, analyze
from sampling.tables.guessing import complete, guess_kind
from sampling.tables.imported import Request
from sampling.tables.importing import import_table
from sampling.tables.streams import TableError

HDF5 = b"\x89HDF\r\n\x1a\n"


def is_results(path: Path) -> bool:
    """Whether a file is read as a results file: HDF5 by its first bytes or by its name."""
    if path.suffix in (".h5", ".hdf5") or not path.exists():
        return True
    if path.is_dir():
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(len(HDF5)) == HDF5
    except OSError:
        return True


def analyze_table(
    path: Path, out: Path, kind: str, request: Request, track: Track | None = None
) -> tuple[AnalysisSummary, tuple[str, ...]]:
    """The analysis of a table, and what was taken for granted to read it.

    Args:
        path: The table, or the folder that export or RobustBench made.
        out: Folder to write to.
        kind: What the table is, "" to go by its name and header.
        request: What the user says about it.
        track: Shows progress over the steps.

    Raises:
        ValueError: The table or an option will not do; nothing was written.
    """
    if not path.exists():
        raise TableError(f"analyze.table must be there; got {path}. Correct the path.")
    kind = kind or guess_kind(path)
    notes: list[str] = []
    if kind == "csv":
        request, notes = complete(path, request)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.h5"
        import_table(path, kind, results, request, tuple(notes))
        return analyze(results, out, track), tuple(notes)
