"""Noise that treats every value alone: a 256 x 256 table of probabilities, sampled exactly.

A noise that adds, scales or replaces single values and is then truncated to 8 bits is a memoryless
channel: all that matters is P(out | in). Walker's alias method (Walker 1977; construction of Vose,
"A linear algorithm for generating random numbers with a given distribution", IEEE TSE 1991) draws
from it with one 32-bit number per value, whatever the distribution.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled
from noises.natural.corruption import Generators, Pixels

LEVELS = 256
_FRACTION_BITS = 24  # 8 bits choose the column, 24 decide within it: probabilities to 2**-32


@dataclass(frozen=True)
class Channel:
    """Alias tables of one channel.

    Attributes:
        keep: (256, 256) uint32, threshold of [value in, column] in units of 2**-24.
        alias: (256, 256) uint8, the value out where the threshold is not met.
    """

    keep: NDArray[np.uint32]
    alias: NDArray[np.uint8]


def channel_from_below(below: NDArray[np.float64]) -> Channel:
    """Channel given by its distribution function.

    Args:
        below: (256, 255) P(out < k | in) for k = 1 to 255, rising along each row.
    """
    ends = np.zeros((LEVELS, 1)), np.ones((LEVELS, 1))
    return channel_from_probabilities(np.diff(np.hstack((ends[0], below, ends[1]))))


def channel_from_probabilities(probabilities: NDArray[np.float64]) -> Channel:
    """Channel given by P(out | in), (256, 256), rows that sum to one."""
    keep, alias = _alias_tables(np.ascontiguousarray(probabilities))
    return Channel(np.round(keep * 2.0**_FRACTION_BITS).astype(np.uint32), alias)


def send(pixels: Pixels, channel: Channel, generators: Generators) -> Pixels:
    """Images with every value replaced by a draw from P(. | value), independently.

    Args:
        pixels: (B, S, S, 3).
        channel: The channel.
        generators: (B,) one per image; 4 random bytes are read per value.
    """
    out = np.empty_like(pixels)
    values = pixels[0].size
    for image, sent, generator in zip(pixels, out, generators, strict=True):
        words = generator.bit_generator.random_raw((values + 1) // 2)
        draws = np.asarray(words, dtype=np.uint64).view(np.uint32)[:values]
        _send(image.reshape(-1), draws, channel.keep, channel.alias, sent.reshape(-1))
    return out


@compiled
def _send(
    values: NDArray[np.uint8],
    draws: NDArray[np.uint32],
    keep: NDArray[np.uint32],
    alias: NDArray[np.uint8],
    out: NDArray[np.uint8],
) -> None:
    for i in range(values.size):
        column = draws[i] >> np.uint32(24)
        fraction = draws[i] & np.uint32(0xFFFFFF)
        row = values[i]
        out[i] = column if fraction < keep[row, column] else alias[row, column]


@compiled
def _alias_tables(
    probabilities: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Share of each column that is kept, and the value that fills the rest (Vose 1991)."""
    rows, columns = probabilities.shape
    keep = np.ones((rows, columns))
    alias = np.zeros((rows, columns), dtype=np.uint8)
    small = np.empty(columns, dtype=np.int64)
    large = np.empty(columns, dtype=np.int64)
    for row in range(rows):
        mass = probabilities[row] * columns
        n_small = n_large = 0
        for column in range(columns):
            alias[row, column] = column
            if mass[column] < 1.0:
                small[n_small] = column
                n_small += 1
            else:
                large[n_large] = column
                n_large += 1
        while n_small > 0 and n_large > 0:
            n_small -= 1
            poor, rich = small[n_small], large[n_large - 1]
            keep[row, poor] = mass[poor]
            alias[row, poor] = rich
            mass[rich] -= 1.0 - mass[poor]
            if mass[rich] < 1.0:
                n_large -= 1
                small[n_small] = rich
                n_small += 1
        # What is left over in either list is 1 up to rounding and keeps its whole column.
    return keep, alias
