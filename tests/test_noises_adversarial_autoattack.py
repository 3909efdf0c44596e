"""AutoAttack with its published settings against outcomes of the authors' own code."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from noises.adversarial.apgd import APGD
from noises.adversarial.autoattack import AutoAttack
from noises.adversarial.engine import arm, run_attacks
from noises.adversarial.plan import Plan

pytestmark = [pytest.mark.reference, pytest.mark.slow]
STANDARD = AutoAttack("autoattack", (4 / 255,), "")
WIDTHS, STRIDES = (24, 48, 48, 96, 96), (1, 2, 1, 2, 1)


@pytest.fixture(scope="module")
def folder():
    path = os.environ.get("ROBUSTSCOPE_REFERENCE")
    if path is None:
        pytest.skip("ROBUSTSCOPE_REFERENCE does not name the reference data folder")
    return Path(path)


class Normalise(nn.Module):
    def forward(self, x):
        return (x - 0.47) / 0.25


def attacked_network(stored):
    """The network of the reference, BatchNorm merged into its convolutions."""
    layers, before = [Normalise()], 3
    for width, stride in zip(WIDTHS, STRIDES, strict=True):
        layers += [nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)]
        layers.append(nn.ReLU())
        before = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10)]
    network = nn.Sequential(*layers).eval().requires_grad_(False)
    weights = {k.removeprefix("weights/"): torch.from_numpy(stored[k]) for k in stored.files
               if k.startswith("weights/")}  # fmt: skip
    network.load_state_dict(weights, strict=False)
    folded = [layers[0]]
    for place in range(len(WIDTHS)):
        conv, norm, relu = layers[1 + 3 * place : 4 + 3 * place]
        folded += [fuse_conv_bn_eval(conv, norm), relu]
    return nn.Sequential(*folded, *layers[-3:]).eval().to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def reference(folder):
    """Network, images, labels and the original's outcomes."""
    with np.load(folder / "autoattack_reference.npz") as stored:
        wanted = set(stored["index"].tolist())
        found = {}
        with tarfile.open(folder / "cifar10-jpeg.tar.xz") as archive:
            for member in archive:
                path = Path(member.name)
                if path.parts[1:2] == ("test",) and member.isfile() and int(path.stem) in wanted:
                    image = Image.open(io.BytesIO(archive.extractfile(member).read()))
                    found[int(path.stem)] = np.asarray(image)
        pixels = np.stack([found[i] for i in stored["index"]])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(255).contiguous()
        outcomes = {name: stored[name] for name in ("clean", "robust", "robust_apgd_ce")}
        return attacked_network(stored), images, torch.from_numpy(stored["label"]), outcomes


def left(reference, attack, images=slice(None)):
    """(B,) whether each image is still classified right."""
    network, x, y, _ = reference
    names = np.array([f"test/{i}" for i in range(len(x))])[images]
    armed = arm(attack, names.tolist(), 0)
    plan = Plan(128, probes=False)
    found = run_attacks(network, x[images], y[images], [armed], plan)[attack.name]
    return ~found.fooled[0]


def test_apgd_alone_leaves_the_images_of_the_original(reference):
    member = STANDARD.members(10)[0]
    assert isinstance(member, APGD)
    found, wanted = left(reference, member), reference[3]["robust_apgd_ce"]
    assert wanted.sum() == 59
    assert (found != wanted).sum() <= 1


def test_autoattack_leaves_the_images_of_the_original(reference):
    """The published settings: 100 steps, 9 targets, 5,000 queries. Minutes, so a third of them."""
    wanted, third = reference[3]["robust"], slice(0, None, 3)
    assert wanted.sum() == 54
    assert (left(reference, STANDARD, third) != wanted[third]).sum() <= 1


def without(monkeypatch, name):
    """AutoAttack without one of its members."""
    whole = AutoAttack.members
    monkeypatch.setattr(
        AutoAttack, "members", lambda a, k: [m for m in whole(a, k) if m.name != name]
    )


def test_ensemble_without_targeted_apgd_is_noticed(reference, monkeypatch):
    outcomes = reference[3]
    chosen = np.flatnonzero(outcomes["robust_apgd_ce"] & ~outcomes["robust"])
    assert len(chosen) == 5
    assert not left(reference, STANDARD, chosen).any()
    without(monkeypatch, "apgd_t")
    assert left(reference, STANDARD, chosen).any()
