"""Whether an open file has every part of schema 1, in shapes and counts that fit each other."""

from pathlib import Path

import h5py
import numpy as np

from .checks import StoreError
from .migrations import check_schema
from .schema import (
    GROUPS,
    HASH_ATTRIBUTE,
    LIST_ATTRIBUTES,
    SCHEMA,
    TEXT_ATTRIBUTES,
    Table,
    expected,
    expected_counts,
    expected_sequences,
    expected_set,
    get_text,
    is_counted,
    is_sequences,
    kind_of,
    optional_sequences,
    optional_set,
)

READABLE = "a readable results file"
ADVICE = "Export it again with robustscope repair, or restore a copy."
_ROWS_AT_ONCE = 1 << 14  # of the tables of counts, which may be long


def check_structure(path: Path, file: h5py.File) -> None:
    """Refuses a file of another schema, an incomplete one, and one that contradicts itself.

    Only shapes, types and the two tables of counts are read, so that it costs the same for any
    number of images; the bits are counted when they are read, and by `verify`.

    Raises:
        StoreError: The first thing found, with the path of the file.
    """
    check_schema(path, file)
    _check_present(
        path,
        [n for n in (*TEXT_ATTRIBUTES, *LIST_ATTRIBUTES, HASH_ATTRIBUTE) if n not in file.attrs],
    )
    _check_present(path, [n for n in GROUPS if not isinstance(file.get(n), h5py.Group)])
    n, m = _length(file, "networks/id"), _length(file, "conditions/name")
    table = expected(n, m) | _columns(file, n, m)
    optional: Table = {}
    for name in {get_text(file, "image_set"), *file["sets"]}:
        required, allowed = _set_tables(file, f"sets/{name}", n, m)
        table |= required
        optional |= allowed
    _check_present(path, [name for name in table if not isinstance(file.get(name), h5py.Dataset)])
    for name, (shape, kind) in (table | {k: v for k, v in optional.items() if k in file}).items():
        dataset = file[name]
        if dataset.shape != shape or kind_of(dataset) != kind:
            raise StoreError(
                f"Results./{name} must be {kind} {shape} to fit the other datasets; got "
                f"{kind_of(dataset)} {dataset.shape} in {path}. {ADVICE}"
            )
    for image_set in file["sets"].values():
        if not is_sequences(image_set):
            _check_counts(path, image_set)


def _check_present(path: Path, missing: list[str]) -> None:
    if missing:
        raise StoreError(
            f"Results.path must hold all of schema {SCHEMA}; got no {', '.join(missing[:4])} "
            f"in {path}. {ADVICE}"
        )


def _columns(file: h5py.File, n: int, m: int) -> Table:
    """The columns whose names are the file's own."""
    factors, alarms = file["networks/factors"], file["alarms"]
    table: Table = {f"networks/factors/{name}": ((n,), "float64") for name in factors}
    return table | {f"alarms/{name}": ((n, m), "float64") for name in alarms}


def _set_tables(file: h5py.File, folder: str, n: int, m: int) -> tuple[Table, Table]:
    """What a set must hold and may hold, given the columns that set its lengths."""
    i = _length(file, f"{folder}/label")
    tables: tuple[Table, Table]
    if folder in file and is_counted(file[folder]):
        tables = expected_counts(n, m), {}
    elif folder in file and is_sequences(file[folder]):
        frames = file[f"{folder}/frames"][...]
        q, f = len(frames), int(frames.max(initial=0))
        tables = expected_sequences(n, q, f, i), optional_sequences(n, q, i)
    else:
        covered = _length(file, f"{folder}/covered")
        tables = expected_set(n, m, i), optional_set(n, m, i, covered)
    required, allowed = ({f"{folder}/{k}": v for k, v in t.items()} for t in tables)
    return required, allowed


def _length(file: h5py.File, name: str) -> int:
    dataset = file.get(name)
    return len(dataset) if isinstance(dataset, h5py.Dataset) and dataset.ndim else 0


def _check_counts(path: Path, image_set: h5py.Group) -> None:
    n_images = None if is_counted(image_set) else len(image_set["label"])
    limit = "" if n_images is None else f" <= {n_images}"
    for start in range(0, len(image_set["n_correct"]), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        tried, right = image_set["n_evaluated"][rows], image_set["n_correct"][rows]
        if np.any(right > tried) or (n_images is not None and np.any(tried > n_images)):
            raise StoreError(
                f"Results.counts must satisfy n_correct <= n_evaluated{limit}; got others "
                f"in {path}. {ADVICE}"
            )
