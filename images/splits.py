"""Which images: subsets that keep the share of each class."""

import numpy as np
from numpy.typing import NDArray


def stratified(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """(count,) sorted indices of images, class shares those of `labels` to within one image.

    Shares are rounded by largest remainder; which class wins a tie, and which images of a class are
    taken, depends on the seed. The raw output of a bit generator is used because NumPy guarantees
    it over versions, unlike that of `Generator`: equal arguments give equal images everywhere.

    Args:
        labels: (I,) class indices.
        count: Number of images wanted, 1 to I.
        seed: At least 0.
    """
    total = len(labels)
    if not 1 <= count <= total:
        raise ValueError(
            f"stratified.count must be from 1 to the {total} images there are; got {count}. "
            "Ask for fewer images."
        )
    keys = np.random.Philox(seed).random_raw(total)  # one random key per image
    classes, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    quotas, remainders = np.divmod(sizes * count, total)  # integers: ties are ties
    ties = np.random.Philox(seed).jumped().random_raw(len(classes))
    winners = np.lexsort((ties, -remainders))[: count - int(quotas.sum())]
    quotas[winners] += 1
    chosen = []
    for index, quota in enumerate(quotas):
        members = np.flatnonzero(inverse == index)
        order = np.argsort(keys[members], kind="stable")
        chosen.append(members[order[:quota]])
    return np.sort(np.concatenate(chosen)).astype(np.int64)
