"""Two results files side by side: which networks and which images have other outcomes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .checks import StoreError
from .records import DONE
from .results import Results

FACTS = ("protocol_hash", "dataset_sha256", "device", "image_set")
"""Attributes that files of one campaign share."""


@dataclass(frozen=True)
class Flips:
    """What one network did under the m conditions that both files have, on the images of both.

    Attributes:
        key: Of the network.
        weights: Whether its weights are the same in both files.
        tried: (m,) images that both files tried.
        gained: (m,) wrong in the first file, right in the second.
        lost: (m,) right in the first, wrong in the second.
    """

    key: str
    weights: bool
    tried: NDArray[np.int64]
    gained: NDArray[np.int64]
    lost: NDArray[np.int64]

    @property
    def equal(self) -> bool:
        """Whether weights and all outcomes are the same."""
        return self.weights and not (self.gained.any() or self.lost.any())


class Comparison:
    """Two open results files.

    Attributes:
        differing: Attribute to its two values, of those that differ.
        conditions: (m,) names of the conditions of both.
        only: Conditions of the first file alone, and of the second.
        networks: Keys of the evaluated networks of both, in the order of the first.
        alone: Keys of those of the first alone, and of the second.
        images: Number of images of both.
    """

    def __init__(self, first: Results, second: Results) -> None:
        self.first, self.second = first, second
        told = [results.attributes for results in (first, second)]
        self.differing = {n: (told[0][n], told[1][n]) for n in FACTS if told[0][n] != told[1][n]}
        names = [list(results.conditions["name"]) for results in (first, second)]
        self.conditions = tuple(n for n in names[0] if n in set(names[1]))
        self.only = _apart(names[0], names[1])
        self._rows = _keys(first), _keys(second)
        self.networks = tuple(key for key in self._rows[0] if key in self._rows[1])
        self.alone = _apart(list(self._rows[0]), list(self._rows[1]))
        places = {image: i for i, image in enumerate(second.image_ids)}
        pairs = [(i, places[n]) for i, n in enumerate(first.image_ids) if n in places]
        self._images = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        self.images = len(pairs)
        self._check()

    def _check(self) -> None:
        if not (self.conditions and self.networks and self.images):
            raise StoreError(
                "diff.files must share conditions, networks and images; got "
                f"{len(self.conditions)}, {len(self.networks)} and {self.images} of them in "
                f"{self.first.path} and {self.second.path}. Compare files of one campaign."
            )
        one, other = (r.labels[self._images[:, i]] for i, r in enumerate((self.first, self.second)))
        if (one != other).any():
            raise StoreError(
                f"diff.files must have the same labels of the same images; got others for "
                f"{(one != other).sum()} in {self.first.path} and {self.second.path}. "
                "Compare files of one data set."
            )

    def flips(self) -> Iterator[Flips]:
        """What every network of both files did, one in memory at a time."""
        for key in self.networks:
            tried, right = self._bits(key)
            shared = tried[0] & tried[1]
            yield Flips(
                key,
                self._weights(0, key) == self._weights(1, key),
                shared.sum(1),
                (shared & ~right[0] & right[1]).sum(1),
                (shared & right[0] & ~right[1]).sum(1),
            )

    def flipped(self, key: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Condition to the ids of the images that a network gained and lost; none where none did.

        Raises:
            StoreError: The files do not share the network.
        """
        if key not in self.networks:
            raise StoreError(
                f"diff.network must be one of both files; got {key}. Give an id or a whole key."
            )
        tried, right = self._bits(key)
        shared = tried[0] & tried[1]
        ids = np.array(self.first.image_ids, dtype=object)[self._images[:, 0]]
        found = {}
        for m, name in enumerate(self.conditions):
            gained = shared[m] & ~right[0][m] & right[1][m]
            lost = shared[m] & right[0][m] & ~right[1][m]
            if gained.any() or lost.any():
                found[name] = tuple(ids[gained]), tuple(ids[lost])
        return found

    def _weights(self, which: int, key: str) -> str:
        results = (self.first, self.second)[which]
        return str(results.networks["weights"].iloc[self._rows[which][key]])

    def _bits(self, key: str) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
        """(m, I) tried and right in either file, on the images of both."""
        tried, right = [], []
        for which, results in enumerate((self.first, self.second)):
            row, images = [self._rows[which][key]], self._images[:, which]
            tried.append(results.evaluated(self.conditions, row)[0][:, images])
            right.append(results.correct(self.conditions, row)[0][:, images])
        return tried, right


def _apart(one: list[str], other: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is in one alone, and in the other."""
    mine, theirs = set(one), set(other)
    return tuple(n for n in one if n not in theirs), tuple(n for n in other if n not in mine)


def _keys(results: Results) -> dict[str, int]:
    """Key to row of every evaluated network."""
    table = results.networks
    columns = [table[n].astype(str) for n in ("id", "origin", "supernet", "technique", "seed")]
    done = table["status"] == DONE
    keys = ["/".join(row) for row in zip(*columns, strict=True)]
    return {key: i for i, key in enumerate(keys) if done.iloc[i]}
