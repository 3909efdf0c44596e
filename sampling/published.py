"""Puts one network through image sets that others published: ImageNet-C, -A, -O, CIFAR-10-C.

Images are read a batch at a time. ImageNet-A and -O are judged among the classes they cover; the
images of -O show none of them, so that only confidences say something, next to those on images that
do show these classes (`covered_part`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from images.listing import Listing
from images.published import Corrupted
from sampling.answers import confident_class, finite_logits
from sampling.store import SetOutcome, SetRecord
from sampling.store.layers import LAYERS
from training.loop import to_float

CLEAN = "clean"


@dataclass(frozen=True, eq=False)
class PublishedSet:
    """An image set that networks are asked of besides the campaign's.

    Attributes:
        record: Its name, images, labels and covered classes.
        conditions: Names of the conditions asked of it, among the campaign's.
        read: The pixels (n, s, s, 3) uint8 under a condition of n images, given their numbers (n,).
    """

    record: SetRecord
    conditions: tuple[str, ...]
    read: Callable[[str, NDArray[np.int64]], NDArray[np.uint8]]


def corrupted_set(name: str, corrupted: Corrupted, size: int) -> PublishedSet:
    """ImageNet-C or CIFAR-10-C: conditions "<corruption>_s<severity>", all classes.

    Args:
        name: Of the set in the results, for instance "imagenet_c".
        corrupted: The set as listed.
        size: Side of the images in pixels.
    """
    places = {f"{noise}_s{severity}": (noise, severity) for noise, severity in corrupted.conditions}

    def read(condition: str, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        return corrupted.read(places[condition], size, index)[0].pixels

    record = SetRecord(name, corrupted.ids, corrupted.labels)
    return PublishedSet(record, tuple(places), read)


def covered_set(name: str, listing: Listing, size: int, shown: bool = True) -> PublishedSet:
    """ImageNet-A or -O under "clean", judged among the classes it covers.

    Args:
        name: Of the set in the results, for instance "imagenet_a".
        listing: The set as listed.
        size: Side of the images in pixels.
        shown: Whether images show the class of their folder; False for ImageNet-O, whose labels in
            the results are -1.
    """
    labels = listing.labels if shown else np.full_like(listing.labels, -1)
    return _listed(SetRecord(name, listing.ids, labels, _plain(listing.covered)), listing, size)


def covered_part(name: str, listing: Listing, covered: Sequence[int], size: int) -> PublishedSet:
    """The images of a listing that show one of some classes, judged among these.

    AUPR on ImageNet-O takes the validation images of its classes for the known ones.

    Args:
        name: Of the set in the results, for instance "imagenet_o_known".
        listing: Files of the data set, labels counting in its classes.
        covered: Ascending classes.
        size: Side of the images in pixels.
    """
    part = listing.take(np.flatnonzero(np.isin(listing.labels, covered)))
    return _listed(SetRecord(name, part.ids, part.labels, _plain(covered)), part, size)


def answer_set(
    network: nn.Module,
    published: PublishedSet,
    conditions: Sequence[str],
    batch: int,
    device: str,
) -> SetOutcome:
    """What a network in eval mode says of a published set.

    Args:
        network: (B, 3, s, s) in [0, 1] to logits (B, K).
        published: The images.
        conditions: (M,) names of the campaign's conditions; those not asked of the set are left
            unevaluated.
        batch: Images per batch.
        device: "cpu" or "cuda".

    Returns:
        Right or wrong, prediction and confidence, (M, I).

    Raises:
        ValueError: A condition of the set is not the campaign's, a file is damaged, or the
            network's outputs are not finite.
    """
    record = published.record
    missing = [name for name in published.conditions if name not in conditions]
    if missing:
        raise ValueError(
            f"PublishedSet.conditions must be among the campaign's; got {missing[0]} for "
            f"{record.name}. Add the condition, or leave the corruption out."
        )
    shape = len(conditions), len(record.image_ids)
    prediction, confidence = (LAYERS[n].empty(shape) for n in ("prediction", "confidence"))
    for name in published.conditions:
        c = conditions.index(name)
        for start in range(0, shape[1], batch):
            index = np.arange(start, min(start + batch, shape[1]))
            logits = finite_logits(network, to_float(published.read(name, index), device))
            prediction[c, index], confidence[c, index] = confident_class(logits, record.covered)
    evaluated = LAYERS["prediction"].made(prediction)
    correct = evaluated & (prediction == record.labels)
    return SetOutcome(evaluated, correct, prediction, confidence)


def _listed(record: SetRecord, listing: Listing, size: int) -> PublishedSet:
    def read(_: str, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        return listing.take(index).read(size)[0].pixels

    return PublishedSet(record, (CLEAN,), read)


def _plain(classes: Sequence[int] | NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(k) for k in classes)
