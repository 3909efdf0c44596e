"""Presets: what `robustscope run` does when nothing else is said. Plain data, quick to import."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Settings of a run that fit one data set.

    Attributes:
        name: For instance "digits".
        data: Data specification, "" when the user must give one.
        size: Images are brought to this many pixels.
        scale: Of the search spaces.
        spaces: Families of the supernets.
        subnets: Networks in all, shared equally among the supernets.
        images: Test images each network is evaluated on, at most.
        epochs: Of each supernet.
        batch: Training images in a step; `batches` of families that need another.
        rate: Peak learning rate.
        techniques: Names of training techniques.
        protocol: Name of the protocol.
        takes: Plain words on what it takes.
    """

    name: str
    data: str
    size: int
    scale: str
    spaces: tuple[str, ...]
    subnets: int
    images: int
    epochs: int
    batch: int
    batches: dict[str, int]
    rate: float
    techniques: tuple[str, ...]
    protocol: str
    takes: str


PRESETS = {
    p.name: p
    for p in (
        Preset(
            name="digits",
            data="digits",
            size=16,
            scale="digits",
            spaces=("mobilenet", "resnet"),
            subnets=1204,
            images=397,
            epochs=45,
            batch=64,
            batches={"vit": 16},  # transformers need the steps more than the images
            rate=0.1,
            techniques=("shift", "zoom"),
            protocol="quick",
            takes="embedded scanned digits, nothing to download, minutes on 2 cores",
        ),
        Preset(
            name="cifar10",
            data="",
            size=32,
            scale="cifar",
            spaces=("mobilenet", "resnet"),
            subnets=1220,
            images=2000,
            epochs=60,
            batch=128,
            batches={},
            rate=0.1,
            techniques=("shift", "flip"),
            protocol="quick",
            takes="needs --data; hours on a GPU, with --subnets, --images and --epochs less",
        ),
    )
}


FAMILY_TECHNIQUES = {"vit": ("adamw:rate=0.003",)}
"""Family to what it needs in every preset: transformers do not learn from plain SGD."""


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        ValueError: No such preset.
    """
    if name not in PRESETS:
        known = ", ".join(PRESETS)
        raise ValueError(f"Preset.name must be one of {known}; got {name!r}. Choose one of them.")
    return PRESETS[name]
