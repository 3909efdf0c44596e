"""How techniques are written, which go together, and that every one of them learns digits."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.network_example import digits, trained
from training.averaging import EMA
from training.loop import Examples, fit, network_step
from training.objectives import Distillation
from training.optimizers import AdamW
from training.recipe import Recipe
from training.techniques import KINDS, TECHNIQUES, choose, read_technique

APART = ("extra", "simclr", "drop_path", "kernel_transform")
"""A data set, a phase, a part of residual networks and of supernets have tests of their own."""
LEARNING = [name for name in TECHNIQUES if name not in APART]


def examples(count=320):
    images, labels = digits()
    pixels = (images[-count:] * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return Examples(np.ascontiguousarray(pixels), labels[-count:].numpy(), 10)


class Tiny(nn.Module):
    """One convolution with BatchNorm, and a classifier that may drop."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.ReLU())
        self.head = nn.Linear(12 * 64, 10)

    def forward(self, x, drops=None):
        features = self.body(x).flatten(1)
        return self.head(features if drops is None else drops.classifier(features))


@pytest.mark.parametrize("name", LEARNING)
def test_three_epochs_with_every_technique_learn_digits(name, tmp_path):
    torch.manual_seed(0)
    net, recipe = Tiny(), Recipe(epochs=3, batch=16, rate=0.05, techniques=(name,))
    goal = Distillation(predict=trained()) if name == "distillation" else None
    fit(net, network_step(net, recipe, goal), examples(), recipe, tmp_path / "a.safetensors")
    net.train()  # statistics of the batch, as of a recalibrated network
    images, labels = digits()
    with torch.no_grad():
        right = float((net(images[:397]).argmax(1) == labels[:397]).float().mean())
    assert right > 0.4, right  # chance is 0.1


def test_every_name_belongs_to_one_kind():
    assert sum(map(len, KINDS.values())) == len(TECHNIQUES)
    for name, technique in TECHNIQUES.items():
        assert read_technique(name) == (name, technique)
        assert getattr(technique, "name", name) == name


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ("adamw:rate=0.004,decay=0.1", AdamW(rate=0.004, decay=0.1)),
        ("ema:0.99", EMA(decay=0.99)),
    ],
)
def test_parameters_are_read(spec, value):
    assert read_technique(spec)[1] == value


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (("adamw:speed=3",), r"must give adamw parameters among rate, .*; got 'speed=3'"),
        (("adamw:rate=fast",), r"must give adamw's rate as float; got 'fast'"),
        (("trades:steps=1.5",), r"must give trades's steps as int; got '1.5'"),
        (("sgd:0.1",), r"must give sgd parameters among none .*; got '0.1'"),
        (("ema:decay=2",), r"^EMA\.decay must be in"),
        (("ema", "swa"), r"must not exclude each other; got ema and swa"),
        (("adversarial", "ema", "trades"), r"got adversarial and trades"),
        (("adamw", "weight_decay:0.1"), r"got adamw and weight_decay"),
        (("mixup", "cutmix"), r"got mixup and cutmix"),
        (("augmix", "augmix_jsd"), r"got augmix and augmix_jsd"),
        (("flip", "flip"), r"must name each once; got flip twice"),
        (("mixup", "flip"), r"must have mixup after flip; got mixup first"),
        (("random_erasing", "shift"), r"must have random_erasing after shift"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_in_one_line(specs, message):
    with pytest.raises(ValueError, match=message) as caught:
        Recipe(epochs=1, batch=2, rate=0.1, techniques=specs)
    assert "\n" not in str(caught.value)


def test_a_choice_keeps_the_order_and_falls_back_to_the_standard():
    chosen = choose(("shift", "ema", "flip", "dropout:0.3", "mixup"))
    assert [a.name for a in chosen.augmentations] == ["shift", "flip", "mixup"]
    assert (chosen.objective.name, chosen.optimizer.name) == ("cross_entropy", "sgd")
    assert chosen.rates == (0.3, 0.0)
    assert choose(("extra:folder:/a", "extra:folder:/b")).extra == ("folder:/a", "folder:/b")
