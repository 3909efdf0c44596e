"""How often and how far a network's answer moves along a perturbation sequence.

Hendrycks and Dietterich (2019), section 4.2: flip probability and top-5 distance (T5D) per
sequence, and their means over sequences relative to a reference network, mFR and mT5D. The frames
of a noise are compared with its clean first frame, all others with the frame before.

Each image gives one number per sequence, and images are independent: intervals come from the spread
between images, whatever the comparisons within a sequence have in common.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from metrics.accuracy import mean_over_images
from metrics.estimate import LEVEL, Bits, Estimate, Floats

Ints = NDArray[np.integer]

TOP = 5
WORST_DISTANCE = 15.0  # all five of the classes left the top five: 5 + 4 + 3 + 2 + 1


def flip_shares(predictions: Ints, against_first: Bits, frames: Ints | None = None) -> Floats:
    """Share of the comparisons of a sequence in which the prediction changed, per image.

    Args:
        predictions: (..., Q, F, I) predicted classes of Q sequences of up to F frames; negative
            where nothing was evaluated.
        against_first: (Q,) True: frames are compared with frame 0, else with the frame before.
        frames: (Q,) number of frames of each sequence, 2 to F; F for all when None.

    Returns:
        (..., Q, I) in [0, 1]; NaN for an image not evaluated on every frame of the sequence.
    """
    shares = []
    for base, later in _pairs(predictions, against_first, frames, "flip_shares.predictions"):
        known = (base >= 0).all(-2) & (later >= 0).all(-2)
        shares.append(np.where(known, (base != later).mean(-2), np.nan))
    return np.stack(shares, axis=-2)


def top5_distances(ranked: Ints, against_first: Bits, frames: Ints | None = None) -> Floats:
    """Mean top-5 distance of the comparisons of a sequence, per image.

    A comparison is worth sum over i = 1..5 of |min(i - 1, 5) - min(s(i) - 1, 5)|, s(i) the new rank
    of the class that was ranked i. It is 15 where none of the five classes is left among the five.

    Args:
        ranked: (..., Q, F, I, 5) the five most probable classes, best first; negative where nothing
            was evaluated.
        against_first: (Q,) as in `flip_shares`.
        frames: (Q,) as in `flip_shares`.

    Returns:
        (..., Q, I) in [0, 15]; NaN for an image not evaluated on every frame of the sequence.
    """
    if np.shape(ranked)[-1] != TOP:
        raise ValueError(
            f"top5_distances.ranked must hold {TOP} classes on its last axis; "
            f"got shape {np.shape(ranked)}. Rank at least {TOP} classes, best first."
        )
    classes_first = np.moveaxis(ranked, -1, 0)  # (5, ..., Q, F, I)
    distances = []
    for base, later in _pairs(classes_first, against_first, frames, "top5_distances.ranked"):
        known = (base >= 0).all((0, -2)) & (later >= 0).all((0, -2))
        total = np.zeros(later.shape[1:])
        for i in range(TOP):
            same = base[i] == later  # (5, ..., F - 1, I)
            rank = np.where(same.any(0), same.argmax(0), TOP)  # from 0
            total += np.abs(i - rank)
        distances.append(np.where(known, total.mean(-2), np.nan))
    return np.stack(distances, axis=-2)


def flip_probability(shares: Floats, level: float = LEVEL) -> Estimate:
    """Flip probability: mean over images of the share of flips.

    Args:
        shares: (..., I) of `flip_shares`.
        level: Confidence level in (0, 1).

    Returns:
        (...) in [0, 1]; NaN where no image counts.
    """
    return mean_over_images(shares, np.inf, level)


def top5_distance(distances: Floats, level: float = LEVEL) -> Estimate:
    """T5D: mean over images of the mean top-5 distance.

    Args:
        distances: (..., I) of `top5_distances`.
        level: Confidence level in (0, 1).

    Returns:
        (...) in [0, 15]; NaN where no image counts.
    """
    return _times(mean_over_images(distances / WORST_DISTANCE, np.inf, level), WORST_DISTANCE)


def mean_flip_rate(
    shares: Floats, reference: Floats | None = None, level: float = LEVEL
) -> Estimate:
    """mFR: mean over sequences of the flip probability over the reference network's.

    Args:
        shares: (..., Q, I) of `flip_shares`, of the sequences that are averaged.
        reference: (Q,) flip probabilities above 0 of the reference network; when None the result is
            the plain mean over sequences of the flip probability.
        level: Confidence level in (0, 1). The interval takes the reference as given.

    Returns:
        (...) ratios; 1 flips as often as the reference (multiply by 100 for the usual display). An
        image counts if it was evaluated on every sequence; NaN where none was.
    """
    return _mean_relative(shares, 1.0, reference, level, "mean_flip_rate.reference")


def mean_top5_distance(
    distances: Floats, reference: Floats | None = None, level: float = LEVEL
) -> Estimate:
    """mT5D: mean over sequences of T5D over the reference network's.

    Args:
        distances: (..., Q, I) of `top5_distances`, of the sequences that are averaged.
        reference: (Q,) T5D above 0 of the reference network; when None the result is the
            unnormalised mean over sequences, in [0, 15].
        level: Confidence level in (0, 1). The interval takes the reference as given.

    Returns:
        (...) as `mean_flip_rate`.
    """
    name = "mean_top5_distance.reference"
    return _mean_relative(distances, WORST_DISTANCE, reference, level, name)


def _mean_relative(
    scores: Floats, worst: float, reference: Floats | None, level: float, name: str
) -> Estimate:
    """Mean over Q of scores (..., Q, I) in [0, worst] over (Q,): a weighted mean, scaled."""
    q = scores.shape[-2]
    base = np.ones(q) if reference is None else np.asarray(reference, float)
    if base.shape != (q,) or not np.all(base > 0):
        raise ValueError(
            f"{name} must be {q} numbers above 0, one per sequence; got {base.tolist()}. "
            "Choose a reference network that flips on every sequence."
        )
    weights = 1.0 / base
    mean = np.einsum("q,...qi->...i", weights / weights.sum(), scores / worst)  # NaN if one is
    mean = np.clip(mean, 0.0, 1.0)  # rounding must not leave the range
    return _times(mean_over_images(mean, np.inf, level), worst * float(weights.mean()))


def _times(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.value * factor, estimate.low * factor, estimate.high * factor)


def _pairs(
    answers: Ints, against_first: Bits, frames: Ints | None, name: str
) -> Iterator[tuple[Ints, Ints]]:
    """Per sequence of (..., Q, F, I): the frame or frames before, and frames 1 to F - 1."""
    *_, q, f, _ = answers.shape
    counts = np.full(q, f) if frames is None else np.asarray(frames)
    owner = name.split(".", maxsplit=1)[0]
    if not np.issubdtype(answers.dtype, np.integer):
        raise ValueError(
            f"{name} must be integers; got {answers.dtype}. Give classes, -1 for not evaluated."
        )
    if np.shape(against_first) != (q,) or np.asarray(against_first).dtype != np.bool_:
        raise ValueError(
            f"{owner}.against_first must be bool, one for each of the {q} sequences; "
            f"got {against_first}. It is True for the noises."
        )
    if counts.shape != (q,) or counts.min() < 2 or counts.max() > f:
        raise ValueError(
            f"{owner}.frames must be {q} numbers from 2 to {f}; got {counts.tolist()}. "
            "Give the number of frames of each sequence."
        )
    for i in range(q):
        sequence = answers[..., i, : counts[i], :]
        base = sequence[..., :1, :] if against_first[i] else sequence[..., :-1, :]
        yield base, sequence[..., 1:, :]
