"""The pickles CIFAR-10 is published as, read without trusting them.

A pickle may name any function and have it called. Here names are looked up in a table of five
stand-ins that can only hold bytes; NumPy itself is never called with what the file says.
"""

import io
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROW = 3 * 32 * 32


@dataclass(frozen=True, eq=False)
class Batch:
    """Images as stored: (n, 3072) uint8, the red, green and blue planes; (n,) int64 labels."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


class _Array:
    """Stands in for the array NumPy would rebuild: keeps its shape and bytes."""

    shape: tuple[int, ...] = ()
    raw: bytes = b""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, dtype, fortran, self.raw = state
        if not isinstance(dtype, _Dtype) or dtype.kind not in ("u1", b"u1") or fortran:
            raise pickle.UnpicklingError("an array that is not of bytes in row order")


class _Dtype:
    """Stands in for `numpy.dtype`: keeps its name."""

    def __init__(self, kind: str | bytes, *_: object) -> None:
        self.kind = kind

    def __setstate__(self, state: object) -> None:
        """Byte order and fields mean nothing for bytes."""


def _latin1(text: str, encoding: str) -> bytes:
    # how Python 3 writes bytes into a pickle of protocol 2
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"the encoding {encoding!r}")
    return text.encode("latin1")


_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _latin1,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # the signature of the base class
        """The stand-in for a global the file names, if there is one."""
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"the global {module}.{name}")
        return _ADMITTED[module, name]


def _load(data: bytes, where: str) -> dict[Any, Any]:
    try:
        content = _Unpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:  # a damaged pickle may raise anything
        reason = " ".join(str(error).split())
        raise ValueError(
            f"cifar10.batch must hold only arrays, lists and bytes; got {reason} in {where}. "
            "Give the batches as published."
        ) from None
    if not isinstance(content, dict):
        raise ValueError(
            f"cifar10.batch must be a dictionary; got {type(content).__name__} in {where}. "
            "Give the batches as published."
        )
    return content


def read_pickled_batch(data: bytes, where: str) -> Batch:
    """The images and labels of one python batch.

    Args:
        data: Content of a file such as data_batch_1.
        where: What to call it in messages.

    Raises:
        ValueError: It is damaged, of another layout, or names anything that is not admitted.
    """
    content = _load(data, where)
    array, labels = content.get(b"data"), content.get(b"labels")
    if (
        not isinstance(array, _Array)
        or not isinstance(labels, list)
        or not labels
        or array.shape != (len(labels), _ROW)
        or not isinstance(array.raw, bytes)
        or len(array.raw) != len(labels) * _ROW
        or not all(type(label) is int and 0 <= label < 256 for label in labels)
    ):
        raise ValueError(
            f"cifar10.batch must have data of shape (n, {_ROW}) and n labels; got another layout "
            f"in {where}. Give the batches as published."
        )
    pixels = np.frombuffer(array.raw, np.uint8).reshape(-1, _ROW)
    return Batch(pixels, np.array(labels, np.int64))


def read_label_names(data: bytes, where: str) -> tuple[str, ...]:
    """The class names of batches.meta."""
    names = _load(data, where).get(b"label_names")
    if not isinstance(names, list) or not names or not all(type(n) is bytes for n in names):
        raise ValueError(
            f"cifar10.label_names must be a list of names; got {str(names)[:80]} in {where}. "
            "Give the batches as published."
        )
    return tuple(name.decode("ascii", "replace") for name in names)
