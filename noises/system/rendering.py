"""Many system variants of the same images: rendered together, and compared with each other."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from images.decoders import DECODERS
from images.resizers import centre_crop, resize_all
from noises.system.variants import REFERENCE, SystemNoise, resize_side


@dataclass(frozen=True)
class PixelDistance:
    """How far two renderings are apart, in grey levels 0..255.

    Attributes:
        maximum: Largest absolute difference.
        mean: Mean absolute difference over images, pixels and channels.
    """

    maximum: int
    mean: float


def render_all(
    variants: Iterable[SystemNoise], encoded: Sequence[bytes], size: int
) -> dict[str, NDArray[np.uint8]]:
    """Variant name to (B, size, size, 3) pixels.

    Equal to `SystemNoise.render` of each variant. Each stream is decoded once per decoder; where
    decoders agree on all its pixels, what follows is done once for them. One image at a time is
    worked on, so memory is that of the result.
    """
    variants = tuple(variants)
    rendered = {v.name: np.empty((len(encoded), size, size, 3), np.uint8) for v in variants}
    decoders = sorted({v.decoder for v in variants})
    side = resize_side(size)
    for index, stream in enumerate(encoded):
        first = _first_of_equals({name: DECODERS[name](stream) for name in decoders})
        groups: dict[tuple[int, str], list[SystemNoise]] = {}
        for v in variants:
            groups.setdefault((id(first[v.decoder]), v.colour), []).append(v)
        for group in groups.values():
            pixels = group[0].recolour(first[group[0].decoder])
            resized = resize_all(pixels, (side, side), {v.resizer for v in group})
            for v in group:
                rendered[v.name][index] = centre_crop(resized[v.resizer], size)
    return rendered


def _first_of_equals(decoded: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.uint8]]:
    """Decoder to its pixels, one array shared by those whose pixels are equal."""
    first: dict[str, NDArray[np.uint8]] = {}
    for name, pixels in decoded.items():
        first[name] = next((p for p in first.values() if np.array_equal(p, pixels)), pixels)
    return first


class Comparison:
    """Variants compared with each other block of images by block, so that none need be held.

    Args:
        reference: Variant that distances are measured from.
    """

    def __init__(self, reference: str = REFERENCE) -> None:
        self.reference = reference
        self._digests: dict[str, Any] = {}
        self._largest: dict[str, int] = {}
        self._sums: dict[str, int] = {}
        self._values = 0

    def add(self, rendered: Mapping[str, NDArray[np.uint8]]) -> None:
        """Take the next images (B, s, s, 3) of every variant, always the same variants.

        Raises:
            ValueError: The reference is not among them.
        """
        if self.reference not in rendered:
            raise ValueError(
                f"Comparison.reference must be rendered too; got {self.reference!r}, rendered "
                f"{', '.join(rendered)}. Render it with the others."
            )
        origin = rendered[self.reference]
        self._values += origin.size
        for name, pixels in rendered.items():
            digest = self._digests.setdefault(name, hashlib.sha256())
            digest.update(np.ascontiguousarray(pixels).data)
            gap = np.maximum(pixels, origin) - np.minimum(pixels, origin)  # stays uint8
            self._largest[name] = max(self._largest.get(name, 0), int(gap.max(initial=0)))
            self._sums[name] = self._sums.get(name, 0) + int(gap.sum(dtype=np.int64))

    def twins(self) -> dict[str, str]:
        """Variant to the earliest variant whose pixels are the same on all images.

        The first of a kind is absent; the others need no evaluation of their own.
        """
        first: dict[bytes, str] = {}
        copies: dict[str, str] = {}
        for name, digest in self._digests.items():
            earlier = first.setdefault(digest.digest(), name)
            if earlier != name:
                copies[name] = earlier
        return copies

    def distances(self) -> dict[str, PixelDistance]:
        """Variant to its distance from the reference."""
        return {
            name: PixelDistance(self._largest[name], self._sums[name] / self._values)
            for name in self._digests
        }
