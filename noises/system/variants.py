"""System noise: the same image as another decoder, resizer or colour conversion would deliver it.

Follows ImageNet-S of RobustART (Tang et al., arXiv 2109.05211): each resizer with the default
decoder and each decoder with the default resizer; the colour round trips follow SysNoise (Wang et
al., arXiv 2307.00280). Ours differ in the geometry: images whose native size is the protocol's
would make every resizer the identity, so they go to ceil(8 s / 7) and are cropped to s (224 -> 256
-> 224 is the published one), and are judged against a reference variant of the same geometry.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from images.colour import COLOURS
from images.decoders import DECODERS, DEFAULT_DECODER, REQUIREMENTS
from images.resizers import DEFAULT_RESIZER, RESIZERS, centre_crop

_ROBUSTART = "RobustART ImageNet-S, arXiv 2109.05211"
_SYSNOISE = "SysNoise colour mode, arXiv 2307.00280"
_EXTRA = f"after {_ROBUSTART}, other software"


def resize_side(size: int) -> int:
    """The side images are resized to before `size` pixels are cropped: ceil(8 size / 7)."""
    return -(-8 * size // 7)


@dataclass(frozen=True)
class SystemNoise:
    """One way from an encoded stream to pixels: image -> image.

    Attributes:
        name: Unique name, for instance "pillow_box".
        decoder: Key of `images.decoders.DECODERS`.
        resizer: Key of `images.resizers.RESIZERS`.
        colour: "" or a key of `images.colour.COLOURS`: a round trip between decoder and resizer.
        source: Where the noise is defined.
        family: "system".
    """

    name: str
    decoder: str = DEFAULT_DECODER
    resizer: str = DEFAULT_RESIZER
    colour: str = ""
    source: str = _ROBUSTART
    family: str = "system"

    def __post_init__(self) -> None:
        if self.decoder in REQUIREMENTS and self.decoder not in DECODERS:
            raise ValueError(
                f"SystemNoise.decoder must be installed; got {self.decoder!r}, which is not. "
                f"Install {REQUIREMENTS[self.decoder]}."
            )
        for field, value, table in (
            ("decoder", self.decoder, DECODERS),
            ("resizer", self.resizer, RESIZERS),
            ("colour", self.colour, {"": None, **COLOURS}),
        ):
            if value not in table:
                raise ValueError(
                    f"SystemNoise.{field} must be one of {', '.join(map(repr, table))}; "
                    f"got {value!r}. Choose one of them."
                )

    def recolour(self, decoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) pixels out of the decoder after the colour round trip, if there is one."""
        return COLOURS[self.colour](decoded) if self.colour else decoded

    def render(self, encoded: Sequence[bytes], size: int) -> NDArray[np.uint8]:
        """(B, size, size, 3): the B encoded images decoded, resized straight to a square, cropped.

        Raises:
            ValueError: A stream cannot be decoded, or size is below 1.
        """
        decode = DECODERS[self.decoder]
        rendered = np.empty((len(encoded), size, size, 3), np.uint8)
        side = resize_side(size)
        for index, stream in enumerate(encoded):
            resized = RESIZERS[self.resizer](self.recolour(decode(stream)), (side, side))
            rendered[index] = centre_crop(resized, size)
        return rendered


REFERENCE = "system_reference"

EXTRA_CHOICES: dict[str, dict[str, str]] = {
    "torch_bicubic": {"resizer": "torch_bicubic"},
    **{f"{name}_decoder": {"decoder": name} for name in REQUIREMENTS},
}
"""Variants that no protocol lists unless it names them: some need packages of their own."""

SYSTEM_NOISES: dict[str, SystemNoise] = {
    noise.name: noise
    for noise in (
        SystemNoise(REFERENCE),
        *(
            SystemNoise(name, resizer=name)
            for name in RESIZERS
            if name not in (DEFAULT_RESIZER, *EXTRA_CHOICES)
        ),
        SystemNoise("opencv_decoder", decoder="opencv"),
        SystemNoise("ffmpeg_decoder", decoder="ffmpeg"),
        SystemNoise("i420", colour="i420", source=_SYSNOISE),
        SystemNoise("nv12", colour="nv12", source=_SYSNOISE),
    )
}
"""The reference variant first, then one variant for every choice that differs from it.

The same wherever the package is installed: protocols are made of it.
"""


def find_system_noise(name: str) -> SystemNoise:
    """The variant of this name, among the extra ones too.

    Raises:
        ValueError: No such variant, or its decoder is not installed.
    """
    if name in SYSTEM_NOISES:
        return SYSTEM_NOISES[name]
    if name not in EXTRA_CHOICES:
        raise ValueError(
            f"SystemNoise.name must be one of {', '.join((*SYSTEM_NOISES, *EXTRA_CHOICES))}; "
            f"got {name!r}. Choose one of them."
        )
    return SystemNoise(name, source=_EXTRA, **EXTRA_CHOICES[name])
