"""A table of correlations as observed and without luck: as it is, given MACs, given clean accuracy.

Clean accuracy is measured on images too. Holding the measured one leaves part of the true one
free, so the true partial correlation takes every correlation without luck first, that of two
accuracies on the same images less what their shared luck adds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.correlations.scales import from_normal, partial, to_normal
from metrics import Floats

TINY = 1e-12


@dataclass(frozen=True)
class Side:
    """What the rows, or the columns, of a table bring with them.

    Attributes:
        share: (..., R) luck's share of the variance of each; 0 for a factor.
        third: Per variable that is held: (..., R) correlation of each with it.
        third_shared: Per variable that is held: (..., R) what shared luck adds to that.
    """

    share: Floats
    third: Sequence[Floats]
    third_shared: Sequence[Floats]


@dataclass(frozen=True)
class Held:
    """H = 1 + K statistics of a table, with nothing held and with each of K variables.

    Attributes:
        observed: (..., H, R, C).
        true: (..., H, R, C) without luck.
        attenuation: (..., H, R, C) by what luck shrinks the true one, in (0, 1].
        left: (..., H, R, C) share of the true variance that holding leaves, of row or column.
    """

    observed: Floats
    true: Floats
    attenuation: Floats
    left: Floats


def without_luck(r: Floats, shared: Floats, root: Floats, ranks: bool) -> Floats:
    """Correlations of what is measured, less the luck of measuring (Spearman 1904).

    Args:
        r: As observed.
        shared: What luck shared by both adds; on the normal scale for ranks.
        root: Root of the product of both reliabilities.
        ranks: Whether these are Spearman correlations.
    """
    if ranks:
        return from_normal((to_normal(r) - shared) / root)
    return np.asarray((r - shared) / root)


def given(r: Floats, rows: Sequence[Floats], columns: Sequence[Floats]) -> Floats:
    """(..., H, R, C) correlations with nothing held and with each of K variables.

    Args:
        r: (..., R, C) correlations.
        rows: Per variable (..., R) correlation of the rows with it.
        columns: Per variable (..., C) correlation of the columns with it.
    """
    made = np.empty((*r.shape[:-2], 1 + len(rows), *r.shape[-2:]))
    made[..., 0, :, :] = r
    for k, (a, b) in enumerate(zip(rows, columns, strict=True), 1):
        made[..., k, :, :] = partial(r, a[..., :, None], b[..., None, :])
    return made


def hold(
    r: Floats, shared: Floats, sides: tuple[Side, Side], third: Sequence[Floats], ranks: bool
) -> Held:
    """Observed and true correlations of a table, with nothing and with each third variable held.

    Args:
        r: (..., R, C) observed.
        shared: (..., R, C) what shared luck adds.
        sides: Of the rows and of the columns.
        third: Per variable that is held: (...) luck's share of it.
        ranks: Whether these are Spearman correlations.
    """
    roots = [np.sqrt(np.maximum(1 - side.share, TINY)) for side in sides]
    own = [np.sqrt(np.maximum(1 - share, TINY))[..., None] for share in third]
    thirds = [
        [
            without_luck(v, added, root * k, ranks)
            for v, added, k in zip(side.third, side.third_shared, own, strict=True)
        ]
        for side, root in zip(sides, roots, strict=True)
    ]
    root = roots[0][..., :, None] * roots[1][..., None, :]
    attenuation, left = np.ones((2, *r.shape[:-2], 1 + len(own), *r.shape[-2:]))
    attenuation[...] = root[..., None, :, :]
    for k, (a, b) in enumerate(zip(*thirds, strict=True), 1):
        rest = np.maximum(1 - a**2, 0.0), np.maximum(1 - b**2, 0.0)
        measured = [np.maximum(1 - side.third[k - 1] ** 2, TINY) for side in sides]
        shrunk = [np.sqrt(v / m) for v, m in zip(rest, measured, strict=True)]
        attenuation[..., k, :, :] *= shrunk[0][..., :, None] * shrunk[1][..., None, :]
        left[..., k, :, :] = np.minimum(rest[0][..., :, None], rest[1][..., None, :])
    return Held(
        given(r, sides[0].third, sides[1].third),
        given(without_luck(r, shared, root, ranks), *thirds),
        np.clip(attenuation, 0.05, 1.0),
        left,
    )
