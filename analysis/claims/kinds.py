"""Which networks a claim speaks of: kinds of architecture, techniques, and what was not shared."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from analysis.scores import Score
from analysis.study import Study
from metrics import Floats

CNN, TRANSFORMER, MIXER = KINDS = ("CNN", "Transformer", "MLP-Mixer")
FAMILIES: Mapping[str, str] = {
    **dict.fromkeys(("mixer", "resmlp", "gmlp"), MIXER),
    **dict.fromkeys(("vit", "deit", "swin", "autoformer"), TRANSFORMER),
    **dict.fromkeys(("resnet", "resnext", "wide_resnet", "wideresnet", "densenet"), CNN),
    **dict.fromkeys(("shufflenet", "mobilenet", "mnasnet", "repvgg", "regnet"), CNN),
    **dict.fromkeys(("efficientnet", "alexnet", "vgg", "convnext", "inception"), CNN),
}
"""What the name of a family begins with, to its kind."""

LIGHT = ("efficientnet", "mobilenetv2", "mobilenetv3")
"""The light-weight families of the paper."""

ADVERSARIAL = frozenset({"adversarial", "fast", "trades"})
EXTRA = frozenset({"extra"})
"""Names of techniques."""

Rows = NDArray[np.intp]


def plain(name: str) -> str:
    """A name in lower case with nothing but letters and digits."""
    return "".join(c for c in name.lower() if c.isalnum())


def kind_of(family: str) -> str:
    """Kind of a family, "" if it is none of them."""
    name = plain(family)
    return next((kind for start, kind in FAMILIES.items() if name.startswith(plain(start))), "")


def techniques(label: str) -> frozenset[str]:
    """Names in a label such as "adversarial:eps=0.03+ema"; empty for the standard training."""
    names = {spec.partition(":")[0].strip() for spec in label.split("+")}
    return frozenset(names - {"", "standard"})


def rows_of_kind(study: Study, kind: str) -> Rows:
    """Positions of the networks of a kind."""
    return np.flatnonzero([kind_of(str(family)) == kind for family in study.networks["family"]])


def unshared(study: Study) -> Rows:
    """Positions of the networks whose weights are their own, trained as the standard is."""
    own = (study.networks["origin"] != "supernet").to_numpy()
    usual = np.array([not techniques(str(t)) for t in study.networks["technique"]], bool)
    return np.flatnonzero(own & usual)


def twins(study: Study, names: frozenset[str]) -> tuple[Rows, Rows]:
    """(P,) networks trained with a technique, and (P,) the same trained without it.

    All else is equal: architecture, origin, seed, other techniques; supernets of the same name or,
    where names tell the trainings apart, of the same family.

    Args:
        study: The networks.
        names: Names of a technique, any of which counts.
    """
    table = study.networks
    labels = [techniques(str(t)) for t in table["technique"]]
    keys = list(zip(*(table[c] for c in ("id", "family", "origin", "seed")), strict=True))
    without = {
        (key, label): row
        for row, (key, label) in enumerate(zip(keys, labels, strict=True))
        if not label & names
    }
    found = [
        (row, without[key, label - names])
        for row, (key, label) in enumerate(zip(keys, labels, strict=True))
        if label & names and (key, label - names) in without
    ]
    first, second = (np.array([pair[side] for pair in found], np.intp) for side in (0, 1))
    return first, second


def points_of(score: Score) -> Floats:
    """(N, J) contributions in percentage points, or (N, 1) accuracies where counts are known."""
    if score.per_image.shape[1]:
        return score.in_points
    scale = 1.0 if score.outcome.kind == "deviation" else 100.0
    return scale * score.estimate.value[:, None]


def units_of(study: Study, rows: Rows) -> Rows:
    """(n,) design unit of some networks, else their architecture, as consecutive integers."""
    part = study.networks.iloc[rows]
    names = [f"pair {p}" if p else f"id {i}" for p, i in zip(part["pair"], part["id"], strict=True)]
    return np.unique(names, return_inverse=True)[1].astype(np.intp)


def judged_on(study: Study, score: Score) -> str:
    """How many images, in words."""
    if score.per_image.shape[1]:
        return f"{len(score.images):,} images"
    return f"counts of {int(study.counts[0].max()):,} images"
