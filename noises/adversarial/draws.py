"""Random numbers for attacks, made on the device from one key per image.

SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014)
is a function of key and counter in 64-bit integers, so a draw depends on seed, attack, image and
place alone: not on the network, the batch, the order, the device or who else is attacked.
"""

import hashlib
import json
import math
from collections.abc import Sequence

import torch
from torch import Tensor


def _signed(word: int) -> int:
    """The lower 64 bits of a number as PyTorch's int64 holds them."""
    word %= 1 << 64
    return word - (1 << 64) if word >= 1 << 63 else word


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_FIRST = _signed(0xBF58476D1CE4E5B9)
_SECOND = _signed(0x94D049BB133111EB)


def image_keys(seed: int, attack: str, ids: Sequence[str]) -> Tensor:
    """(B,) int64 keys, one per image: BLAKE2b of (seed, attack, image id)."""
    base = hashlib.blake2b(json.dumps([int(seed), attack]).encode(), digest_size=8)
    keys = []
    for image in ids:
        digest = base.copy()
        digest.update(image.encode("utf-8", "surrogateescape"))  # file names need not be UTF-8
        keys.append(int.from_bytes(digest.digest(), "little", signed=True))
    return torch.tensor(keys, dtype=torch.int64)


def words(keys: Tensor, stream: int, count: int) -> Tensor:
    """(B, count) int64 of 64 random bits each: the numbers of one stream of every key."""
    counter = torch.arange(1, count + 1, device=keys.device)
    base = _mixed(keys + _signed((stream + 1) * _GOLDEN))
    return _mixed(base[:, None] + counter * _GOLDEN)  # wraps around, as it should


def _mixed(z: Tensor) -> Tensor:
    z = (z ^ shifted(z, 30)) * _FIRST
    z = (z ^ shifted(z, 27)) * _SECOND
    return z ^ shifted(z, 31)


def shifted(z: Tensor, by: int) -> Tensor:
    """Bits moved to the right, zeros coming in; PyTorch's >> repeats the sign bit."""
    return (z >> by) & ((1 << (64 - by)) - 1)


def uniform(keys: Tensor, stream: int, count: int) -> Tensor:
    """(B, count) float32, uniform in (0, 1): 23 bits each, neither end included."""
    return (shifted(words(keys, stream, count), 41) + 0.5) * 2.0**-23


def normal(keys: Tensor, stream: int, count: int) -> Tensor:
    """(B, count) float32 standard normal (Box and Muller 1958), from streams 2 n and 2 n + 1.

    In float64, so that processors that round logarithms differently still agree in float32.
    """
    radius = uniform(keys, 2 * stream, count).double().log().mul(-2.0).sqrt()
    angle = uniform(keys, 2 * stream + 1, count).double().mul(2.0 * math.pi)
    return (radius * angle.cos()).float()
