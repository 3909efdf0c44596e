"""Random numbers that belong to one image: the same for every network, batch, order and machine.

Philox is counter-based (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011):
its stream is a function of a 128-bit key alone. The key is a hash of what the draw belongs to, so
no draw depends on who else is drawn, and differences between networks are paired.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray

_KEY_BYTES = 16  # a Philox 4x64 key is two 64-bit words


class _Key(ISeedSequence):
    """A finished Philox key in the place where NumPy expects to make one.

    `Philox(key=...)` gives the same stream, but reads system entropy first and takes three times as
    long, which shows when every (noise, severity, image) has a generator of its own.
    """

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self._words = words

    def generate_state(
        self, n_words: int, dtype: DTypeLike = np.uint32
    ) -> NDArray[np.uint32 | np.uint64]:
        if n_words != self._words.size or np.dtype(dtype) != np.uint64:
            raise ValueError(
                f"draws.key must be read as 2 words of uint64; got {n_words} of {np.dtype(dtype)}. "
                "Use it with Philox only."
            )
        return self._words


def generators(
    seed: int, noise: str, severity: int, ids: Sequence[str]
) -> list[np.random.Generator]:
    """One fresh generator per image, each at the start of its own stream.

    Args:
        seed: Seed of the protocol, any integer.
        noise: Name of the noise, for instance "gaussian_noise".
        severity: Severity of the noise.
        ids: (B,) stable image ids; equal ids have equal streams.

    Returns:
        (B,) generators over Philox, keyed by BLAKE2b of (seed, noise, severity, image id).
    """
    # A JSON list ends itself, so no two different tuples are hashed as the same bytes.
    prefix = json.dumps([int(seed), noise, int(severity)]).encode()
    base = hashlib.blake2b(prefix, digest_size=_KEY_BYTES)
    return [_generator(base, image) for image in ids]


def _generator(base: "hashlib.blake2b", image: str) -> np.random.Generator:
    digest = base.copy()
    digest.update(image.encode("utf-8", "surrogateescape"))  # file names need not be UTF-8
    words = np.frombuffer(digest.digest(), dtype="<u8").astype(np.uint64)
    key = cast(np.random.SeedSequence, _Key(words))  # NumPy's stubs leave the interface out
    return np.random.Generator(np.random.Philox(key))
