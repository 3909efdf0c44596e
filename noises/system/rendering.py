"""Many system variants of the same images: rendered together, and compared with each other."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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


def identical(rendered: Mapping[str, NDArray[np.uint8]]) -> dict[str, str]:
    """Variant to the earliest variant whose pixels are the same on all images.

    The first of a kind is absent; the others need no evaluation of their own.
    """
    first: dict[tuple[tuple[int, ...], bytes], str] = {}
    copies: dict[str, str] = {}
    for name, pixels in rendered.items():
        key = (pixels.shape, hashlib.sha256(np.ascontiguousarray(pixels).data).digest())
        earlier = first.setdefault(key, name)
        if earlier != name:
            copies[name] = earlier
    return copies


def pixel_distance(
    rendered: Mapping[str, NDArray[np.uint8]], reference: str = REFERENCE
) -> dict[str, PixelDistance]:
    """Variant to its distance from the reference variant, which must be among the rendered."""
    if reference not in rendered:
        raise ValueError(
            f"pixel_distance.reference must be rendered too; got {reference!r}, rendered "
            f"{', '.join(rendered)}. Render it with the others."
        )
    origin = rendered[reference]
    distances = {}
    for name, pixels in rendered.items():
        gap = np.maximum(pixels, origin) - np.minimum(pixels, origin)  # stays uint8
        distances[name] = PixelDistance(int(gap.max()), float(gap.mean()))
    return distances
