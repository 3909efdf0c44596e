"""What a perturbation sequence is: published constants, one method, and the checks they share.

Source of all names and constants: the -P sets of Hendrycks and Dietterich, "Benchmarking neural
network robustness to common corruptions and perturbations", ICLR 2019
(hendrycks/robustness@8190fe3, make_imagenet_p and make_cifar_p).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from noises.natural.corruption import (
    HENDRYCKS,
    Constants,
    Generators,
    Group,
    Pixels,
    check_pixels,
    nearer_cifar,
)

Frames: TypeAlias = NDArray[np.uint8]  # (B, F, S, S, 3)
Method: TypeAlias = Callable[[Pixels, Constants, Generators, Frames], None]

FRAMES = 31  # of every published sequence but three


@dataclass(frozen=True)
class PerturbationSequence:
    """One perturbation: image in, frames out.

    Attributes:
        name: Published name, for instance "gaussian_noise".
        group: "noise", "blur", "weather" or "digital".
        random: Whether the method draws from the generators.
        parameters: (P,) names of the constants.
        imagenet: (D, P) constants of ImageNet-P, made for 224 px, one row per difficulty.
        cifar: (D, P) constants of CIFAR-10-P, made for 32 px.
        method: Writes the frames of checked (B, S, S, 3) pixels, given the P constants of one
            difficulty, into its last argument, (B, F, S, S, 3).
        imagenet_frames: F of ImageNet-P.
        cifar_frames: F of CIFAR-10-P.
        family: Always "sequence".
        source: Where the sequence was published.
    """

    name: str
    group: Group
    random: bool
    parameters: tuple[str, ...]
    imagenet: tuple[Constants, ...]
    cifar: tuple[Constants, ...]
    method: Method = field(repr=False)
    imagenet_frames: int = FRAMES
    cifar_frames: int = FRAMES
    family: Literal["sequence"] = "sequence"
    source: str = HENDRYCKS

    def __post_init__(self) -> None:
        for table in (self.imagenet, self.cifar):
            rows = len(table) == self.difficulties > 0
            if not rows or any(len(c) != len(self.parameters) for c in table):
                raise ValueError(
                    f"{self.name}.constants must be as many rows of {len(self.parameters)} numbers "
                    f"for both sizes; got {table}. Give one row per difficulty."
                )

    @property
    def noise(self) -> bool:
        """Whether frames are judged against frame 0, the clean image; else against the previous."""
        return self.group == "noise"

    @property
    def difficulties(self) -> int:
        """Number of difficulties, 1 or 3."""
        return len(self.imagenet)

    def frames(self, size: int) -> int:
        """F, the number of frames of images of `size` x `size` pixels."""
        return self.cifar_frames if nearer_cifar(size) else self.imagenet_frames

    def constants(self, size: int, difficulty: int = 1) -> dict[str, float]:
        """Name to value of the constants at one difficulty.

        Only two tables were published. Other sizes use the table whose size is nearest in ratio:
        CIFAR-10-P up to 84 px, ImageNet-P from 85 px. Lengths in pixels stay, shares of the side
        scale.

        Args:
            size: Height and width of the images in pixels.
            difficulty: 1, or up to 3 for the noises.

        Raises:
            ValueError: If the sequence has no such difficulty.
        """
        allowed = range(1, self.difficulties + 1)
        if difficulty not in allowed:
            raise ValueError(
                f"{self.name}.difficulty must be one of {', '.join(map(str, allowed))}; "
                f"got {difficulty!r}. Difficulty 1 is the mildest."
            )
        row = (self.cifar if nearer_cifar(size) else self.imagenet)[difficulty - 1]
        return dict(zip(self.parameters, row, strict=True))

    def apply(self, pixels: Pixels, generators: Generators, difficulty: int = 1) -> Frames:
        """Frames of the images; each image's depend on its own pixels and generator only.

        Args:
            pixels: (B, S, S, 3) RGB uint8, S at least 8; never modified.
            generators: (B,) one per image, each at the start of its stream
                (`noises.draws.generators(seed, name + "_p", difficulty, ids)`); sequences that are
                not random leave them untouched.
            difficulty: 1, or up to 3 for the noises.

        Returns:
            (B, F, S, S, 3) RGB uint8, new and in C order: 4.7 MB per image of 224 px and 31 frames.

        Raises:
            ValueError: If type, shape, difficulty or the number of generators is wrong.
        """
        check_pixels(self.name, pixels, generators)
        size = pixels.shape[1]
        values = tuple(self.constants(size, difficulty).values())
        out = np.empty((len(pixels), self.frames(size), *pixels.shape[1:]), dtype=np.uint8)
        if len(pixels) > 0:
            self.method(np.ascontiguousarray(pixels), values, generators, out)
        return out
