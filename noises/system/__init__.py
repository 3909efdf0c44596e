"""System noise: what decoders, resizers and colour conversion change."""

from noises.system.rendering import PixelDistance, identical, pixel_distance, render_all
from noises.system.variants import REFERENCE, SYSTEM_NOISES, SystemNoise, resize_side

__all__ = [
    "REFERENCE",
    "SYSTEM_NOISES",
    "PixelDistance",
    "SystemNoise",
    "identical",
    "pixel_distance",
    "render_all",
    "resize_side",
]
