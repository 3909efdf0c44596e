"""The same operations, policies, boxes and mixtures as torchvision."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from tests.test_training_augmentation import labels, smooth
from training.augmentation.crop import RandomResizedCrop, resize
from training.augmentation.erasing import RandomErasing
from training.augmentation.magnitudes import AUTO, RAND, TRIVIAL, magnitudes
from training.augmentation.mixing import Cutmix, Mixup
from training.augmentation.operations import operate
from training.augmentation.policies import POLICIES

pytestmark = pytest.mark.peer
transforms = pytest.importorskip(
    "torchvision.transforms", reason="torchvision is absent: it comes with the extra [dev]"
)
autoaugment = pytest.importorskip("torchvision.transforms.autoaugment")
v2 = pytest.importorskip("torchvision.transforms.v2")

OURS = {
    **{"Identity": "identity", "Color": "colour", "AutoContrast": "autocontrast"},
    **{"ShearX": "shear_x", "ShearY": "shear_y", "Rotate": "rotate"},
    **{"TranslateX": "translate_x", "TranslateY": "translate_y"},
    **{n: n.lower() for n in ("Brightness", "Contrast", "Sharpness", "Invert")},
    **{n: n.lower() for n in ("Posterize", "Solarize", "Equalize")},
}
INTEGERS = ("Posterize", "Equalize")  # torchvision has them for uint8 alone, or rounds otherwise


@pytest.mark.parametrize("name", list(OURS))
@pytest.mark.parametrize("place", [0.2, 0.6, 1.0])
def test_operation_agrees_with_torchvision(name, place):
    x = smooth(4, 32)
    space = autoaugment.AutoAugment()._augmentation_space(31, (32, 32))
    values, signed = space.get(name, (torch.zeros(()), False))
    value = float(values[round(30 * place)]) if values.ndim else 0.0
    source = (x * 255).round().to(torch.uint8) if name in INTEGERS else x
    for magnitude in {value, -value if signed else value}:
        scaled = magnitude / 255 if name == "Solarize" else magnitude
        theirs = autoaugment._apply_op(source, name, scaled, v2.InterpolationMode.BILINEAR, None)
        theirs = theirs / 255 if name in INTEGERS else theirs
        ours = operate(x, np.full(4, OURS[name]), np.full(4, magnitude))
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=0)


@pytest.mark.parametrize("turn", [-0.5, -0.1, 0.04, 0.3])
def test_hue_agrees_with_torchvision(turn):
    x = smooth(4, 32)
    theirs = v2.functional.adjust_hue(x, turn)
    torch.testing.assert_close(operate(x, np.full(4, "hue"), np.full(4, turn)), theirs)


@pytest.mark.parametrize(
    ("space", "peer", "bins"),
    [(AUTO, "AutoAugment", 10), (RAND, "RandAugment", 31), (TRIVIAL, "TrivialAugmentWide", 31)],
)
def test_magnitudes_are_those_of_torchvision(space, peer, bins):
    size = () if peer == "TrivialAugmentWide" else ((37, 37),)
    theirs = getattr(autoaugment, peer)()._augmentation_space(bins, *size)
    assert {OURS[name] for name in theirs} == set(space)
    shares, positive = np.arange(bins) / (bins - 1), np.zeros(bins, dtype=bool)
    for name, (values, signed) in theirs.items():
        ours = magnitudes(space, np.full(bins, OURS[name]), shares, 37, positive)
        np.testing.assert_allclose(ours, values.numpy() * np.ones(bins), rtol=1e-6, atol=1e-6)
        assert space[OURS[name]].signed == signed


@pytest.mark.parametrize("name", list(POLICIES))
def test_policies_are_those_of_torchvision(name):
    theirs = autoaugment.AutoAugment(autoaugment.AutoAugmentPolicy(name)).policies
    assert POLICIES[name] == tuple(
        tuple((OURS[op], p, level or 0) for op, p, level in pair) for pair in theirs
    )


@pytest.mark.parametrize("antialias", [False, True])
def test_crops_are_resized_as_torchvision_resizes_them(antialias):
    x = smooth(20, 32)
    boxes = RandomResizedCrop().draw(np.random.default_rng(0), 20, 32)
    for image, crop, *box in zip(x, resize(x, boxes), *boxes, strict=True):
        place = [int(n) for n in box]
        theirs = v2.functional.resized_crop(image, *place, [32, 32], antialias=antialias)
        torch.testing.assert_close(crop, theirs, atol=1e-4, rtol=0)


def same_law(ours, theirs):
    for name, values in ours.items():
        assert stats.ks_2samp(values, theirs[name]).pvalue > 0.01, name


def describe(top, left, height, width):
    """What a law of boxes is compared by."""
    share, ratio = height * width / 64**2, width / np.maximum(height, 1)
    return {"area": share, "ratio": ratio, "top": top, "left": left}


def test_crop_draws_boxes_as_torchvision():
    torch.manual_seed(0)
    peer, image = transforms.RandomResizedCrop, torch.empty(3, 64, 64)
    theirs = [peer.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(3000)]
    ours = RandomResizedCrop().draw(np.random.default_rng(0), 3000, 64)
    same_law(describe(*ours), describe(*np.array(theirs).T))


def test_erasing_draws_boxes_as_torchvision():
    torch.manual_seed(0)
    peer, image = transforms.RandomErasing, torch.zeros(3, 64, 64)
    found = [peer.get_params(image, (0.02, 0.4), (0.3, 1 / 0.3), [0.0])[:4] for _ in range(3000)]
    theirs = np.array([box for box in found if box[2] < 64]).T  # the others erase nothing
    ours = np.array(RandomErasing(probability=1.0).draw(np.random.default_rng(0), 3000, 64))
    same_law(describe(*ours[:, ours[2] > 0]), describe(*theirs))


def fixed(transform, own):
    """The transform with this weight in place of its draw."""
    transform._dist = SimpleNamespace(sample=lambda _: torch.tensor(own, dtype=torch.float64))
    return transform


def test_mixup_is_torchvisions_with_the_same_weight():
    x, t = smooth(7), labels(7)
    images, targets = Mixup().apply(x, t, np.random.default_rng(3))
    own = np.random.default_rng(3).beta(0.2, 0.2)
    theirs = fixed(v2.MixUp(num_classes=10), own)(x, t)
    torch.testing.assert_close(images, theirs[0])
    torch.testing.assert_close(targets, theirs[1])


@pytest.mark.parametrize("seed", range(8))
def test_cutmix_is_torchvisions_with_the_same_box(monkeypatch, seed):
    x, t = smooth(7, 32), labels(7)
    images, targets = Cutmix().apply(x, t, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    own, middle = rng.beta(1.0, 1.0), rng.integers(0, 32, 2).tolist()
    monkeypatch.setattr(torch, "randint", lambda *_, size: torch.tensor([middle.pop(0)]))
    theirs = fixed(v2.CutMix(num_classes=10), own)(x, t)
    assert torch.equal(images, theirs[0])
    torch.testing.assert_close(targets, theirs[1])
