"""Operations that move pixels: shear, translate, rotate; bilinear, black outside.

An operation takes images (n, 3, s, s) and magnitudes (n, 1, 1, 1). Its map, from a place in the
result to a place in the source, is written in coordinates from -1 to 1 over the image.
The published code of AutoAugment and RandAugment takes the nearest pixel; these interpolate.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def unmoved(images: Tensor) -> Tensor:
    """The map (n, 2, 3) that leaves everything where it is."""
    return torch.eye(2, 3, dtype=images.dtype, device=images.device).repeat(len(images), 1, 1)


def warp(images: Tensor, maps: Tensor) -> Tensor:
    """Images seen through maps (n, 2, 3)."""
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False).clamp(0.0, 1.0)


def shear_x(images: Tensor, slope: Tensor) -> Tensor:
    """Rows moved left in proportion to their distance from the top edge."""
    maps = unmoved(images)
    maps[:, 0, 1] = maps[:, 0, 2] = slope.flatten()
    return warp(images, maps)


def shear_y(images: Tensor, slope: Tensor) -> Tensor:
    """Columns moved up in proportion to their distance from the left edge."""
    maps = unmoved(images)
    maps[:, 1, 0] = maps[:, 1, 2] = slope.flatten()
    return warp(images, maps)


def translate_x(images: Tensor, distance: Tensor) -> Tensor:
    """Moved right by whole pixels; a fraction is cut off."""
    maps = unmoved(images)
    maps[:, 0, 2] = distance.flatten().trunc() * (-2.0 / images.shape[3])
    return warp(images, maps)


def translate_y(images: Tensor, distance: Tensor) -> Tensor:
    """Moved down by whole pixels; a fraction is cut off."""
    maps = unmoved(images)
    maps[:, 1, 2] = distance.flatten().trunc() * (-2.0 / images.shape[2])
    return warp(images, maps)


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Turned counter-clockwise about the centre."""
    angle = degrees.flatten().deg2rad()
    maps = unmoved(images)
    maps[:, 0, 0] = maps[:, 1, 1] = angle.cos()
    maps[:, 0, 1], maps[:, 1, 0] = -angle.sin(), angle.sin()
    return warp(images, maps)
