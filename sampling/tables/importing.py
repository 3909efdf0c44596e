"""The formats that can be imported, and the one way from a table to a results file."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sampling.store import StoreError, write_counts
from sampling.tables.imported import Imported, Request
from sampling.tables.named_columns import import_named
from sampling.tables.nas_robbench201 import import_nas_robbench201
from sampling.tables.nasbench201 import import_nasbench201
from sampling.tables.robustbench import import_robustbench
from sampling.tables.streams import TableError

Importer = Callable[[Path, Request], Imported]

KINDS: dict[str, Importer] = {
    "csv": import_named,
    "robustbench": import_robustbench,
    "nasbench201": import_nasbench201,
    "nas-robbench-201": import_nas_robbench201,
}
"""Name of a format to what reads it."""


def import_table(
    path: Path, kind: str, out: Path, request: Request, notes: Sequence[str] = ()
) -> Imported:
    """Writes `out`, a results file of counts, from a table, and returns what it holds.

    Args:
        path: The table.
        kind: Its format.
        out: Where the file goes.
        request: What the user says about it.
        notes: What else a reader must know; first among the notes of the file.

    Raises:
        ValueError: The kind is unknown, the table cannot be read, or `out` cannot be written.
    """
    if kind not in KINDS:
        raise TableError(f"import.kind must be one of {', '.join(KINDS)}; got {kind!r}.")
    if not path.exists():
        raise TableError(f"import.table must be there; got {path}. Correct the path.")
    if out.exists() and path.exists() and out.resolve() == path.resolve():
        raise TableError(f"import.out must be another file than the table; got {out} for both.")
    imported = KINDS[kind](path, request)
    campaign = imported.campaign
    imported = replace(imported, campaign=replace(campaign, notes=(*notes, *campaign.notes)))
    provenance = {"command": f"robustscope import --kind {kind}", "table": path.name}
    if path.is_file():
        with path.open("rb") as stream:
            provenance["table_sha256"] = hashlib.file_digest(stream, "sha256").hexdigest()
    try:
        write_counts(out, imported.campaign, imported.networks, imported.counts, provenance)
    except StoreError as error:
        raise TableError(f"{path} cannot be stored: {error}") from error
    return imported
