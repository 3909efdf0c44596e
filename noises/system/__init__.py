"""System noise: what decoders, resizers and colour conversion change."""

from noises.system.rendering import PixelDistance, identical, pixel_distance, render_all
from noises.system.variants import (
    EXTRA_CHOICES,
    REFERENCE,
    SYSTEM_NOISES,
    SystemNoise,
    find_system_noise,
    resize_side,
)

__all__ = [
    "EXTRA_CHOICES",
    "REFERENCE",
    "SYSTEM_NOISES",
    "PixelDistance",
    "SystemNoise",
    "find_system_noise",
    "identical",
    "pixel_distance",
    "render_all",
    "resize_side",
]
