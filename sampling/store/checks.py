"""What the store refuses: bad values before they reach the disk, damaged files after."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .records import Campaign, Network, Outcome

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


def check_outcome(key: str, outcome: Outcome) -> None:
    """Refuses an outcome whose arrays contradict each other; `key` names its network."""
    check_text("Outcome.weights", outcome.weights)
    evaluated, correct = outcome.evaluated, outcome.correct
    for name, bits in (("evaluated", evaluated), ("correct", correct)):
        if bits.dtype != np.bool_ or bits.ndim != 2 or bits.size == 0:
            raise StoreError(
                f"Outcome.{name} must be a non-empty (M, I) bool array; got {bits.dtype} "
                f"{bits.shape} for {key}. Pass one row per condition, one column per image."
            )
    if evaluated.shape != correct.shape:
        raise StoreError(
            f"Outcome.correct must have the shape of Outcome.evaluated {evaluated.shape}; "
            f"got {correct.shape} for {key}. Pass both as (M, I)."
        )
    if np.any(correct & ~evaluated):
        raise StoreError(
            f"Outcome.correct must be False wherever evaluated is False; got "
            f"{int(np.sum(correct & ~evaluated))} contradictions for {key}. Mask it first."
        )
    if not 0 <= outcome.seconds < np.inf:
        raise StoreError(
            f"Outcome.seconds must be finite and not negative; got {outcome.seconds} for {key}. "
            "Pass the wall time."
        )
    for name, values in outcome.alarms.items():
        check_link("Outcome.alarms", name)
        if np.shape(values) != evaluated.shape[:1]:
            raise StoreError(
                f"Outcome.alarms must be (M,) = {evaluated.shape[:1]} each; got {name} of shape "
                f"{np.shape(values)} for {key}. Pass NaN where an alarm does not apply."
            )


def check_campaign(campaign: Campaign) -> None:
    """Refuses a campaign that does not describe its own columns and images."""
    texts = ("protocol", "protocol_hash", "dataset", "dataset_sha256", "device")
    for name in texts:
        check_text(f"Campaign.{name}", getattr(campaign, name))
    for name in ("classes", "notes", "image_ids"):
        for value in getattr(campaign, name):
            check_text(f"Campaign.{name}", value)
    for name in ("spaces", "supernets", "factor_units"):
        for key, value in getattr(campaign, name).items():
            check_link(f"Campaign.{name}", key)
            check_text(f"Campaign.{name}[{key!r}]", value)
    check_link("Campaign.image_set", campaign.image_set)
    _check_conditions(campaign)
    _check_images(campaign)


def _check_conditions(campaign: Campaign) -> None:
    conditions = campaign.conditions
    if not conditions or conditions[0].family != "clean":
        got = conditions[0].name if conditions else "none"
        raise StoreError(
            f"Campaign.conditions must begin with the clean one; got {got}. Put it first."
        )
    names = [condition.name for condition in conditions]
    _check_unique("Campaign.conditions", names)
    for condition in conditions:
        for field in ("name", "family", "parameters", "reference"):
            check_text(f"Condition.{field}", getattr(condition, field))
        if condition.reference not in names:
            raise StoreError(
                f"Condition.reference must name a condition of the campaign; got "
                f"{condition.reference!r} for {condition.name!r}. Add it or correct the name."
            )


def _check_images(campaign: Campaign) -> None:
    n_images, labels = len(campaign.image_ids), campaign.labels
    if n_images == 0:
        raise StoreError("Campaign.image_ids must not be empty; got (). Choose some images.")
    if labels.shape != (n_images,) or labels.dtype.kind not in "iu":
        raise StoreError(
            f"Campaign.labels must be ({n_images},) integers, one per image id; got "
            f"{labels.dtype} {labels.shape}. Pass one class index per image."
        )
    if labels.min() < 0 or labels.max() >= len(campaign.classes):
        raise StoreError(
            f"Campaign.labels must be indices of the {len(campaign.classes)} classes; got "
            f"{labels.min()} to {labels.max()}. Pass all class names."
        )
    _check_unique("Campaign.image_ids", campaign.image_ids)


def _check_unique(owner: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise StoreError(f"{owner} must be unique; got {name!r} twice. Rename one.")
        seen.add(name)
