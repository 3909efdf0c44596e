"""The table of pixel operations, and how one batch undergoes a different one on each image."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.augmentation import colour, levels, warp
from training.augmentation.protocol import per_image

Operation = Callable[[Tensor, Tensor], Tensor]
"""Images (n, 3, s, s) in [0, 1] and magnitudes (n, 1, 1, 1) to images alike."""


def identity(images: Tensor, _: Tensor) -> Tensor:
    """The images as they are."""
    return images


OPERATIONS: dict[str, Operation] = {
    operation.__name__: operation
    for operation in (
        identity,
        *(warp.shear_x, warp.shear_y, warp.translate_x, warp.translate_y, warp.rotate),
        *(colour.brightness, colour.colour, colour.contrast, colour.sharpness, colour.hue),
        *(levels.posterize, levels.solarize, levels.autocontrast, levels.equalize, levels.invert),
    )
}
"""Name to operation."""


def operate(images: Tensor, names: NDArray[np.str_], magnitudes: NDArray[np.float64]) -> Tensor:
    """Every image after its own operation; each operation runs once, on the images that chose it.

    Args:
        images: (B, 3, s, s) in [0, 1].
        names: (B,) names in `OPERATIONS`.
        magnitudes: (B,) in the unit of each operation.

    Returns:
        (B, 3, s, s) in [0, 1], never the memory of `images`.
    """
    order = np.argsort(names, kind="stable")
    found, sizes = np.unique(names, return_counts=True)
    grouped = torch.split(images[torch.from_numpy(order).to(images.device)], sizes.tolist())
    strength = torch.split(per_image(magnitudes[order], images), sizes.tolist())
    results = [OPERATIONS[n](x, m) for n, x, m in zip(found, grouped, strength, strict=True)]
    return torch.cat(results)[torch.from_numpy(np.argsort(order)).to(images.device)]
