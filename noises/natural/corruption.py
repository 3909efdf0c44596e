"""What a natural corruption is: published constants, one method, and the checks all of them share.

Source of the names, constants and methods of the benchmark: Hendrycks and Dietterich, "Benchmarking
neural network robustness to common corruptions and perturbations", ICLR 2019
(hendrycks/robustness@8190fe3). Those beyond it name theirs in their modules.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
Generators: TypeAlias = Sequence[np.random.Generator]
Constants: TypeAlias = tuple[float, ...]
Method: TypeAlias = Callable[[Pixels, Constants, Generators], Pixels]
Group: TypeAlias = Literal["noise", "blur", "weather", "digital", "camera", "geometry", "pattern"]

HENDRYCKS = "Hendrycks and Dietterich, ICLR 2019, arXiv 1903.12261"
IMAGENET_SIZE = 224
CIFAR_SIZE = 32
SEVERITIES = (1, 2, 3, 4, 5)
MIN_SIZE = 8  # the smallest side every method is tested at


@dataclass(frozen=True)
class Corruption:
    """One natural noise: image in, image out, five severities.

    Attributes:
        name: Published name, for instance "gaussian_noise".
        group: "noise", "blur", "weather" or "digital" as in the benchmark; beyond it "camera",
            "geometry" or "pattern".
        random: Whether the method draws from the generators.
        parameters: (P,) names of the constants.
        imagenet: (5, P) constants made for 224 px, in the benchmark those of ImageNet-C.
        cifar: (5, P) constants made for 32 px, in the benchmark those of CIFAR-10-C.
        method: The corruption of checked (B, S, S, 3) pixels with the P constants of one severity.
        family: Always "natural".
        source: Where the corruption was published.
    """

    name: str
    group: Group
    random: bool
    parameters: tuple[str, ...]
    imagenet: tuple[Constants, ...]
    cifar: tuple[Constants, ...]
    method: Method = field(repr=False)
    family: Literal["natural"] = "natural"
    source: str = HENDRYCKS

    def __post_init__(self) -> None:
        for table in (self.imagenet, self.cifar):
            if len(table) != len(SEVERITIES) or any(len(c) != len(self.parameters) for c in table):
                raise ValueError(
                    f"{self.name}.constants must be 5 rows of {len(self.parameters)} numbers; "
                    f"got {table}. Give one row per severity."
                )

    def constants(self, severity: int, size: int) -> dict[str, float]:
        """Name to value of the constants at one severity.

        Only two tables were published. Other sizes use the table whose size is nearest in ratio:
        CIFAR-10-C (32 px) up to 84 px, ImageNet-C (224 px) from 85 px. Lengths are in pixels of
        the image as it is, they are not rescaled.

        Args:
            severity: 1 to 5.
            size: Height and width of the images in pixels.

        Raises:
            ValueError: If the severity is not 1 to 5.
        """
        if severity not in SEVERITIES:
            raise ValueError(
                f"{self.name}.severity must be one of 1, 2, 3, 4, 5; got {severity!r}. "
                "Severity 1 is the mildest."
            )
        row = (self.cifar if nearer_cifar(size) else self.imagenet)[severity - 1]
        return dict(zip(self.parameters, row, strict=True))

    def apply(self, pixels: Pixels, severity: int, generators: Generators) -> Pixels:
        """Corrupted copies of the images; each depends on its own pixels and generator only.

        Args:
            pixels: (B, S, S, 3) RGB uint8, S at least 8; never modified.
            severity: 1 to 5.
            generators: (B,) one per image, each at the start of its stream (`noises.draws`);
                deterministic corruptions leave them untouched.

        Returns:
            (B, S, S, 3) RGB uint8, C-contiguous and new. Values are truncated to 8 bits where the
            published code truncates.

        Raises:
            ValueError: If the type, the shape, the severity or the number of generators is wrong.
        """
        check_pixels(self.name, pixels, generators)
        values = tuple(self.constants(severity, pixels.shape[1]).values())
        if len(pixels) == 0:
            return pixels.copy()
        return self.method(np.ascontiguousarray(pixels), values, generators)


def nearer_cifar(size: int) -> bool:
    """Whether a side in pixels is nearer in ratio to 32 px than to 224 px: up to 84 px."""
    return size * size < CIFAR_SIZE * IMAGENET_SIZE


def check_pixels(owner: str, pixels: Pixels, generators: Generators) -> None:
    """Raise ValueError unless pixels are (B, S, S, 3) uint8 with one generator each."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise ValueError(
            f"{owner}.pixels must be an array of uint8; "
            f"got {getattr(pixels, 'dtype', type(pixels).__name__)}. "
            "Give RGB values 0 to 255, before they are scaled to [0, 1]."
        )
    shape = pixels.shape
    square = len(shape) == 4 and shape[1] == shape[2] and shape[3] == 3
    if not square or shape[1] < MIN_SIZE:
        raise ValueError(
            f"{owner}.pixels must be (B, S, S, 3) with S at least {MIN_SIZE}; "
            f"got {shape}. Crop or resize the images to a square first."
        )
    if len(generators) != len(pixels):
        raise ValueError(
            f"{owner}.generators must be one per image ({len(pixels)}); "
            f"got {len(generators)}. Make them with noises.draws.generators."
        )
