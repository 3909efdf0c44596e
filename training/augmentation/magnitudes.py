"""How strong an operation is at a level of each policy's scale: ranges, one table per policy.

Ranges of AutoAugment (Cubuk et al., CVPR 2019, appendix), RandAugment (Cubuk et al., CVPRW 2020)
and TrivialAugment's wide space (Mueller and Hutter, ICCV 2021) in the numbers of torchvision 0.29,
of AugMix in those of its authors' code (Hendrycks et al., ICLR 2020).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Range(NamedTuple):
    """Magnitudes of one operation, from the weakest to the strongest.

    Attributes:
        weakest: At the lower end of the scale.
        strongest: At its upper end.
        signed: Whether half of the images get the negative.
        of_side: Whether the numbers are shares of the image's side.
        whole: Whether the way from the weakest is rounded to a whole number.
    """

    weakest: float = 0.0
    strongest: float = 0.0
    signed: bool = False
    of_side: bool = False
    whole: bool = False


Space = dict[str, Range]
"""Name of each operation a policy may choose to its magnitudes."""

_NONE = Range()
_SHEAR = Range(0, 0.3, signed=True)
_TURN = Range(0, 30, signed=True)
_BLEND = Range(0, 0.9, signed=True)
_MOVE = Range(0, 150 / 331, signed=True, of_side=True)  # found on images of 331 px

AUTO: Space = {
    "shear_x": _SHEAR,
    "shear_y": _SHEAR,
    "translate_x": _MOVE,
    "translate_y": _MOVE,
    "rotate": _TURN,
    "brightness": _BLEND,
    "colour": _BLEND,
    "contrast": _BLEND,
    "sharpness": _BLEND,
    "posterize": Range(8, 4, whole=True),
    "solarize": Range(255, 0),
    "autocontrast": _NONE,
    "equalize": _NONE,
    "invert": _NONE,
}

RAND: Space = {"identity": _NONE} | {n: r for n, r in AUTO.items() if n != "invert"}

TRIVIAL: Space = {
    **RAND,
    **dict.fromkeys(("shear_x", "shear_y"), Range(0, 0.99, signed=True)),
    **dict.fromkeys(("translate_x", "translate_y"), Range(0, 32, signed=True)),
    "rotate": Range(0, 135, signed=True),
    **dict.fromkeys(("brightness", "colour", "contrast", "sharpness"), Range(0, 0.99, signed=True)),
    "posterize": Range(8, 2, whole=True),
}

AUGMIX: Space = {
    "shear_x": _SHEAR,
    "shear_y": _SHEAR,
    "translate_x": Range(0, 1 / 3, signed=True, of_side=True),
    "translate_y": Range(0, 1 / 3, signed=True, of_side=True),
    "rotate": _TURN,
    "posterize": Range(4, 0),
    "solarize": Range(256, 0),
    "autocontrast": _NONE,
    "equalize": _NONE,
}
"""Without the operations that resemble a corruption of ImageNet-C, as the paper asks."""


def magnitudes(
    space: Space,
    names: NDArray[np.str_],
    shares: NDArray[np.float64],
    side: int,
    negative: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Magnitudes of drawn operations; all arrays are of one shape.

    Args:
        space: The policy's table.
        names: Operations in the table.
        shares: How far along the range, 0 to 1.
        side: Of the images, in pixels.
        negative: Which become negative where the operation is signed.
    """
    found, place = np.unique(names, return_inverse=True)
    ranges = np.array([space[name] for name in found])[place]  # (..., 5)
    weakest, strongest, signed, of_side, whole = np.moveaxis(ranges, -1, 0)
    way = (strongest - weakest) * shares
    value: NDArray[np.float64] = weakest + np.where(whole, np.rint(way), way)
    value *= np.where(of_side, side, 1)
    value[signed.astype(bool) & negative] *= -1.0
    return value
