"""Numba's compiler with the types of the function kept, and without a cache where none can be."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The function as machine code, kept on disk beside its source after the first call.

    No `fastmath`: sums keep their order, so the numbers are the same on every processor.
    """
    try:
        return cast(F, njit(cache=True, nogil=True)(function))
    except RuntimeError:  # installed read-only and no home folder: compile in each process
        return cast(F, njit(nogil=True)(function))
