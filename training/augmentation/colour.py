"""Operations on colours: brightness, colour, contrast, sharpness, hue.

An operation takes images (n, 3, s, s) and magnitudes (n, 1, 1, 1); all but hue blend the image
with a plainer one, as Pillow's ImageEnhance does: -1 gives the plainer image, 0 the image itself,
positive magnitudes lead away from the plainer one. Nothing is rounded to 256 levels here.
"""

import torch
from torch import Tensor


def grey(images: Tensor) -> Tensor:
    """Luma (n, 1, s, s), ITU-R BT.601."""
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=images.dtype, device=images.device)
    return (images * weights[:, None, None]).sum(1, keepdim=True)


def _away(images: Tensor, plain: Tensor, magnitude: Tensor) -> Tensor:
    return (images + magnitude * (images - plain)).clamp(0.0, 1.0)


def brightness(images: Tensor, magnitude: Tensor) -> Tensor:
    """Away from black."""
    return (images * (1.0 + magnitude)).clamp(0.0, 1.0)


def colour(images: Tensor, magnitude: Tensor) -> Tensor:
    """Away from grey; also called saturation."""
    return _away(images, grey(images), magnitude)


def contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    """Away from the image's mean luma."""
    return _away(images, grey(images).mean((2, 3), keepdim=True), magnitude)


def sharpness(images: Tensor, magnitude: Tensor) -> Tensor:
    """Away from a smoothed image; the pixels of the border stay as they are."""
    inner = images[:, :, 1:-1, 1:-1]
    rows = images[:, :, :-2] + images[:, :, 1:-1] + images[:, :, 2:]
    block = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    smooth = (block + 4.0 * inner) / 13.0  # Pillow's filter: 5 in the middle, 1 around it
    result = images.clone()
    result[:, :, 1:-1, 1:-1] = _away(inner, smooth, magnitude)
    return result


def hue(images: Tensor, turns: Tensor) -> Tensor:
    """Hue turned by a share of the colour circle, at the same saturation and value (HSV)."""
    value, strongest = images.max(1, keepdim=True)
    chroma = value - images.amin(1, keepdim=True)
    following = images.roll(-1, 1) - images.roll(-2, 1)  # g - b, b - r, r - g
    angle = following.gather(1, strongest) / torch.where(chroma > 0, chroma, 1.0)
    angle = angle + 2.0 * strongest + 6.0 * turns  # in sixths of a turn, red at 0
    place = torch.tensor([5.0, 3.0, 1.0], dtype=images.dtype, device=images.device)
    k = (place[:, None, None] + angle) % 6.0
    return value - chroma * torch.minimum(k, 4.0 - k).clamp(0.0, 1.0)
