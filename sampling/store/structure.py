"""Whether an open file has every part of schema 1, in shapes and counts that fit each other."""

from pathlib import Path

import h5py
import numpy as np

from .checks import StoreError
from .schema import (
    GROUPS,
    HASH_ATTRIBUTE,
    LIST_ATTRIBUTES,
    SCHEMA,
    TEXT_ATTRIBUTES,
    expected,
    get_text,
    kind_of,
)

ADVICE = "Export it again from the journal or restore a copy."


def check_structure(path: Path, file: h5py.File) -> None:
    """Refuses a file of another schema, an incomplete one, and one that contradicts itself.

    Only shapes, types and the two tables of counts are read, so that it costs the same for any
    number of images; the bits are counted when they are read, and by `verify`.

    Raises:
        StoreError: The first thing found, with the path of the file.
    """
    _check_schema(path, file)
    _check_present(
        path,
        [n for n in (*TEXT_ATTRIBUTES, *LIST_ATTRIBUTES, HASH_ATTRIBUTE) if n not in file.attrs],
    )
    _check_present(path, [n for n in GROUPS if not isinstance(file.get(n), h5py.Group)])
    image_set = get_text(file, "image_set")
    table = _table(file, image_set)
    _check_present(path, [n for n in table if not isinstance(file.get(n), h5py.Dataset)])
    for name, (shape, kind) in table.items():
        dataset = file[name]
        if dataset.shape != shape or kind_of(dataset) != kind:
            raise StoreError(
                f"Results./{name} must be {kind} {shape} to fit the other datasets; got "
                f"{kind_of(dataset)} {dataset.shape} in {path}. {ADVICE}"
            )
    _check_counts(path, file[f"sets/{image_set}"])


def _check_schema(path: Path, file: h5py.File) -> None:
    schema = file.attrs.get("schema")
    if np.shape(schema) != () or schema != SCHEMA:
        got = "none" if schema is None else schema
        raise StoreError(
            f"Results.schema must be {SCHEMA}; got {got} in {path}. "
            "Read it with the version of robustscope that wrote it."
        )


def _check_present(path: Path, missing: list[str]) -> None:
    if missing:
        raise StoreError(
            f"Results.path must hold all of schema {SCHEMA}; got no {', '.join(missing[:4])} "
            f"in {path}. {ADVICE}"
        )


def _table(file: h5py.File, image_set: str) -> dict[str, tuple[tuple[int, ...], str]]:
    """What must be there, given the lengths of the three columns that set N, M and I."""
    n, m, i = (
        _length(file, name)
        for name in ("networks/id", "conditions/name", f"sets/{image_set}/label")
    )
    table = expected(n, m, i, image_set)
    table |= {f"networks/factors/{name}": ((n,), "float64") for name in file["networks/factors"]}
    table |= {f"alarms/{name}": ((n, m), "float64") for name in file["alarms"]}
    return table


def _length(file: h5py.File, name: str) -> int:
    dataset = file.get(name)
    return len(dataset) if isinstance(dataset, h5py.Dataset) and dataset.ndim else 0


def _check_counts(path: Path, image_set: h5py.Group) -> None:
    n_images = len(image_set["label"])
    tried, right = image_set["n_evaluated"][...], image_set["n_correct"][...]
    if np.any(right > tried) or np.any(tried > n_images):
        raise StoreError(
            f"Results.counts must satisfy n_correct <= n_evaluated <= {n_images}; got others "
            f"in {path}. {ADVICE}"
        )
