"""The content hash: one number for everything a results file says, and for nothing else.

SHA-256 over groups, datasets and attributes in the order of their paths (UTF-8), each with kind,
path, type, shape and values. Hashed are the values, not how HDF5 lays them out: compression,
chunks, padding of text, byte order and the version of the library make no difference. Every
variable part is preceded by its length, so no two contents share one byte stream. `/provenance` and
the stored hash itself stay out.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .checks import StoreError
from .schema import HASH_ATTRIBUTE, PROVENANCE

_BLOCK_BYTES = 8 << 20
_DEPTH = 8  # deeper than any schema; stops a damaged file whose groups contain themselves


def content_hash(file: h5py.File) -> str:
    """64 hex digits over everything in an open results file but `/provenance`.

    Raises:
        StoreError: The file holds links to other places or types that schema 1 does not know.
    """
    digest = hashlib.sha256()
    for path, node in sorted(_walk(file, "", 0), key=lambda item: item[0].encode()):
        if isinstance(node, h5py.Dataset):
            _feed(digest, b"dataset", path.encode())
            _feed_dataset(digest, node)
        else:
            _feed(digest, b"group", path.encode())
        for name in sorted(node.attrs, key=str.encode):
            if path or name != HASH_ATTRIBUTE:
                _feed(digest, b"attribute", path.encode(), name.encode())
                _feed_values(digest, np.asarray(node.attrs[name]))
    return digest.hexdigest()


def _walk(group: h5py.Group, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    yield path, group
    for name in group:
        below = f"{path}/{name}"
        if below == f"/{PROVENANCE}":
            continue
        if not isinstance(group.get(name, getlink=True), h5py.HardLink) or depth == _DEPTH:
            raise StoreError(
                f"Results.path must hold plain groups and datasets; got a link at {below} "
                f"in {group.file.filename}. Write the file again."
            )
        node = group[name]
        if isinstance(node, h5py.Group):
            yield from _walk(node, below, depth + 1)
        else:
            yield below, node


def _feed(digest: Any, *fields: bytes) -> None:
    for field in fields:
        digest.update(len(field).to_bytes(8, "little"))
        digest.update(field)


def _feed_dataset(digest: Any, dataset: h5py.Dataset) -> None:
    if dataset.ndim == 0:
        _feed_values(digest, np.asarray(dataset[()]))
        return
    text = h5py.check_string_dtype(dataset.dtype) is not None
    _feed_header(digest, dataset.dtype, text, dataset.shape)
    row_bytes = max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:])))
    step = max(1, _BLOCK_BYTES // row_bytes)
    for start in range(0, len(dataset), step):
        _feed_block(digest, np.asarray(dataset[start : start + step]), text)


def _feed_values(digest: Any, values: NDArray[Any]) -> None:
    text = values.dtype.kind in "OSU"
    _feed_header(digest, values.dtype, text, values.shape)
    _feed_block(digest, values, text)


def _feed_header(digest: Any, dtype: np.dtype[Any], text: bool, shape: tuple[int, ...]) -> None:
    if not text and dtype.kind not in "biuf":
        raise StoreError(
            f"Results.path must hold text, integers and floats; got {dtype}. Write the file again."
        )
    name = "text" if text else dtype.newbyteorder("<").str
    _feed(digest, name.encode(), ",".join(map(str, shape)).encode())


def _feed_block(digest: Any, values: NDArray[Any], text: bool) -> None:
    if text:
        for value in values.ravel().tolist():
            _feed(digest, value if isinstance(value, bytes) else str(value).encode())
        return
    if values.dtype.kind == "f":  # every NaN is the same NaN
        values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
