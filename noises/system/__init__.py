"""System noise: what decoders, resizers and colour conversion change."""

from noises.system.rendering import Comparison, PixelDistance, render_all
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
    "Comparison",
    "PixelDistance",
    "SystemNoise",
    "find_system_noise",
    "render_all",
    "resize_side",
]
