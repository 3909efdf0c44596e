"""What the store refuses: bad values before they reach the disk, damaged files after."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .records import Network

# What h5py and HDF5 raise for files that are missing, foreign, truncated or damaged.
_HDF5_ERRORS = (
    *(OSError, KeyError, RuntimeError, TypeError, ValueError),
    *(AttributeError, OverflowError, MemoryError),
)


class StoreError(ValueError):
    """A bad value or a damaged file, in one line that says what to do."""


@contextmanager
def hdf5_seam(path: Path, constraint: str, advice: str) -> Iterator[None]:
    """Re-raises whatever HDF5 raises as one line that names the file.

    Args:
        path: The results file at hand.
        constraint: What the file must be, for instance "a readable results file".
        advice: What the reader of the message can do.
    """
    try:
        yield
    except StoreError:
        raise
    except _HDF5_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise StoreError(
            f"Results.path must be {constraint}; got {path} ({reason}). {advice}"
        ) from error


def check_text(owner: str, value: str) -> None:
    """Refuses text that HDF5 cannot hold: no text at all, NUL characters, lone surrogates."""
    if not isinstance(value, str):
        raise StoreError(f"{owner} must be text; got {value!r}. Convert it with str().")
    if "\0" in value or (not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)):
        raise StoreError(
            f"{owner} must be text without NUL characters or lone surrogates; "
            f"got {value[:80]!r}. Remove or replace them."
        )


def check_link(owner: str, value: str) -> None:
    """Refuses names that cannot be one step of an HDF5 path."""
    check_text(owner, value)
    if value in ("", ".") or "/" in value:
        raise StoreError(f"{owner} must be a non-empty name without '/'; got {value!r}. Rename it.")


def check_network(network: Network) -> None:
    """Refuses a network that could be queued now but not exported later."""
    for name in ("id", "architecture", "family", "origin", "supernet", "technique"):
        check_text(f"Network.{name}", getattr(network, name))
    check_text("Network.design", network.design)
    check_text("Network.pair", network.pair)
    if isinstance(network.seed, bool) or not isinstance(network.seed, int | np.integer):
        raise StoreError(f"Network.seed must be an integer; got {network.seed!r}. Pass an int.")
    if not -(2**63) <= network.seed < 2**63:
        raise StoreError(
            f"Network.seed must fit 64 bits; got {network.seed}. Choose a smaller seed."
        )
    for name, value in network.factors.items():
        check_link("Network.factors", name)
        if np.isinf(value):
            raise StoreError(
                f"Network.factors must be finite or NaN; got {name} = {value} for {network.id}. "
                "Use NaN where the factor does not apply."
            )


def check_unique(owner: str, names: Iterable[str]) -> None:
    """Refuses a name that is there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise StoreError(f"{owner} must be unique; got {name!r} twice. Rename one.")
        seen.add(name)
