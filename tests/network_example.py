"""Supernets with random weights, a small trained classifier and real images to put through them."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from images.digits import load_digits
from nas_space.architecture import Architecture
from nas_space.presets import SPACES
from nas_space.space import Space
from supernet.layers import SharedLayer
from supernet.network import SharedConv, SuperNet

CLASSES = 10

torch.set_num_threads(1)  # small networks gain nothing from more, and lose much on a busy machine


def thin(space: Space) -> Space:
    """The same kinds of layers with few channels on small images."""
    stages = [replace(s, widths=(8 * i, 8 * i + 8)) for i, s in enumerate(space.stages, 1)]
    return replace(
        space,
        scale="thin",
        size=32,
        resolutions=(24, 32, 40),
        stem_width=(8, 16),
        stages=tuple(stages),
        head_widths=space.head_widths and (40, 48),
        head_features=space.head_features and (32, 56),
    )


EXAMPLES = {
    space.name: space
    for s in SPACES.values()
    for space in (thin(s) if s.scale == "imagenet" else s,)
}
"""A space of every family and scale that is quick to run."""


@cache
def digits(size: int = 16) -> tuple[Tensor, Tensor]:
    """Every digit, test images first: (1797, 3, size, size) in [0, 1] and labels."""
    data = load_digits(size)
    pixels = np.concatenate((data.test.pixels, data.train.pixels))
    labels = np.concatenate((data.test.labels, data.train.labels))
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return images.contiguous(), torch.from_numpy(labels)


@cache
def make_supernet(space: str, seed: int = 0) -> SuperNet:
    """A supernet whose weights, BatchNorm scales and shifts are all random."""
    torch.manual_seed(seed)
    supernet = SuperNet(EXAMPLES[space], CLASSES)
    for conv in supernet.convs.values():
        if isinstance(conv, SharedConv):
            nn.init.uniform_(conv.scale, 0.5, 1.5)
            nn.init.normal_(conv.shift, 0.0, 0.3)
        for parameter in conv.parameters() if isinstance(conv, SharedLayer) else ():
            nn.init.normal_(parameter, 0.0, 0.3)
    return supernet


def some_architectures(space: str, random: int = 2) -> list[Architecture]:
    """The largest, the smallest and some random networks of a space."""
    found, rng = EXAMPLES[space], np.random.default_rng(5)
    drawn = [found.sample(rng) for _ in range(random)]
    return [found.extreme(largest=True), found.extreme(largest=False), *drawn]


class Classifier(nn.Sequential):
    """A small convolutional network with smooth activations: digits of 16 px to logits."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, 2, 1), nn.Hardswish(), nn.Conv2d(8, 16, 3, 2, 1), nn.Hardswish(),
            nn.Flatten(), nn.Linear(256, CLASSES),
        )  # fmt: skip


@cache
@torch.enable_grad()  # whoever asks first may be inside no_grad
def trained() -> Classifier:
    """The classifier after a second of training, in eval mode and frozen (95 % right)."""
    torch.manual_seed(0)
    network, (images, labels) = Classifier(), digits()
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for i in range(60):
        part = slice(397 + 200 * (i % 7), 597 + 200 * (i % 7))
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images[part]), labels[part]).backward()
        optimizer.step()
    return network.eval().requires_grad_(False)
