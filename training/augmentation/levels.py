"""Operations on intensities: posterize, solarize, autocontrast, equalize, invert.

An operation takes images (n, 3, s, s) and magnitudes (n, 1, 1, 1). What is defined on 256 levels
is computed on them; a value between two levels counts as the nearest.
"""

import torch
from torch import Tensor


def _levels(images: Tensor) -> Tensor:
    return (images * 255.0).round()


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """The highest bits of every level, the others 0; part of a bit keeps the bit."""
    step = torch.exp2(8.0 - bits.ceil()).round()
    return (_levels(images) / step).floor() * step / 255.0


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Inverted where the level, 0 to 255, is at least the threshold."""
    return torch.where(_levels(images) >= threshold, 1.0 - images, images)


def autocontrast(images: Tensor, _: Tensor) -> Tensor:
    """Each channel stretched to the whole range; a channel of one value stays."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    return torch.where(
        high > low, (images - low) / torch.where(high > low, high - low, 1.0), images
    )


def equalize(images: Tensor, _: Tensor) -> Tensor:
    """Each channel with a histogram as flat as a table of 256 levels makes it, by Pillow's rule.

    By that rule a channel stays as it is where fewer than 255 pixels are darker than its brightest
    level, so most images below 16 x 16 px do.
    """
    n, c, h, w = images.shape
    level = _levels(images).long().flatten(2)  # (n, c, h * w)
    count = level.new_zeros(n, c, 256).scatter_add_(2, level, torch.ones_like(level))
    step = (h * w - count.gather(2, level.amax(2, keepdim=True))) // 255
    darker = count.cumsum(2) - count
    table = ((darker + step // 2) // step.clamp(min=1)).clamp(max=255)
    equal = table.gather(2, level).view_as(images).to(images.dtype) / 255.0
    return torch.where(step[..., None] > 0, equal, images)


def invert(images: Tensor, _: Tensor) -> Tensor:
    """The negative."""
    return 1.0 - images
