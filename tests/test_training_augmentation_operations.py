"""Pixel operations agree with Pillow; policies apply them as their papers say."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy import stats

from tests.test_training_augmentation import apply, labels, smooth
from training.augmentation.augmix import AugMix
from training.augmentation.auto_augment import AutoAugment
from training.augmentation.magnitudes import AUGMIX, AUTO, RAND, TRIVIAL, magnitudes
from training.augmentation.operations import OPERATIONS, operate
from training.augmentation.policies import POLICIES
from training.augmentation.rand_augment import RandAugment, TrivialAugment


def enhance(kind):
    return lambda image, m: kind(image).enhance(1.0 + m)


def affine(coefficients):
    return lambda image, m: image.transform(
        image.size, Image.Transform.AFFINE, coefficients(m), Image.Resampling.BILINEAR
    )


PILLOW = {  # operation: Pillow's, magnitudes, levels by which they may differ
    # Pillow cuts fractions off, once for the plain image and once for the blend
    "brightness": (enhance(ImageEnhance.Brightness), (-0.9, 0.6), 1),
    "colour": (enhance(ImageEnhance.Color), (-0.9, 0.6), 2),
    "contrast": (enhance(ImageEnhance.Contrast), (-0.9, 0.6), 2),
    "sharpness": (enhance(ImageEnhance.Sharpness), (-0.9, 0.6), 2),
    "posterize": (lambda image, m: ImageOps.posterize(image, int(m)), (1, 4, 7, 8), 0),
    "solarize": (lambda image, m: ImageOps.solarize(image, m), (0, 100, 178.5, 256), 0),
    "autocontrast": (lambda image, m: ImageOps.autocontrast(image), (0,), 1),
    "equalize": (lambda image, m: ImageOps.equalize(image), (0,), 0),
    "invert": (lambda image, m: ImageOps.invert(image), (0,), 0),
    "shear_x": (affine(lambda m: (1, m, 0, 0, 1, 0)), (-0.3, 0.17), 1),
    "shear_y": (affine(lambda m: (1, 0, 0, m, 1, 0)), (-0.3, 0.17), 1),
    "translate_x": (affine(lambda m: (1, 0, -int(m), 0, 1, 0)), (-4.6, 7.2), 0),
    "translate_y": (affine(lambda m: (1, 0, 0, 0, 1, -int(m))), (-4.6, 7.2), 0),
    "rotate": (lambda image, m: image.rotate(m, Image.Resampling.BILINEAR), (-30, 17), 1),
    "identity": (lambda image, m: image, (0,), 0),
}


def levels(images):
    return (images * 255).permute(0, 2, 3, 1)


def inside(name, x, magnitude):
    """Pixels whose source lies wholly inside: Pillow extends the border, we show black."""
    if not name.startswith(("shear", "rotate")):
        return torch.ones(x.shape[0], *x.shape[2:], 1, dtype=torch.bool)
    seen = operate(torch.ones_like(x), np.full(len(x), name), np.full(len(x), float(magnitude)))
    return levels(seen)[..., :1] > 254.9


@pytest.mark.parametrize("name", list(PILLOW))
def test_operation_agrees_with_pillow(name):
    theirs, values, tolerance = PILLOW[name]
    x = smooth(6, 32)
    pictures = [Image.fromarray(p) for p in levels(x).round().to(torch.uint8).numpy()]
    for value in values:
        ours = levels(operate(x, np.full(6, name), np.full(6, float(value))))
        expected = torch.from_numpy(np.stack([np.asarray(theirs(p, value)) for p in pictures]))
        within = inside(name, x, value)
        assert float(within.float().mean()) > 0.6
        assert float(((ours - expected) * within).abs().max()) <= tolerance + 1e-3


def test_hue_turns_red_to_green_to_blue_and_leaves_grey():
    colours = torch.tensor([[0.8, 0.2, 0.2], [0.2, 0.8, 0.2], [0.2, 0.2, 0.8], [0.4, 0.4, 0.4]])
    x = colours[:, :, None, None].expand(-1, -1, 4, 4)
    y = operate(x, np.full(4, "hue"), np.full(4, 1 / 3))[:, :, 0, 0]
    torch.testing.assert_close(y, colours[[1, 2, 0, 3]], atol=1e-6, rtol=0)
    back = operate(smooth(), np.full(12, "hue"), np.full(12, 1.0))  # a whole turn
    torch.testing.assert_close(back, smooth(), atol=1e-5, rtol=0)


def test_translation_moves_right_and_down():
    x = smooth(2)
    y = operate(x, np.array(["translate_x", "translate_y"]), np.array([3.0, 2.0]))
    torch.testing.assert_close(y[0, :, :, 3:], x[0, :, :, :-3], atol=1e-5, rtol=0)
    torch.testing.assert_close(y[1, :, 2:], x[1, :, :-2], atol=1e-5, rtol=0)
    assert float(y[0, :, :, :3].abs().max()) == float(y[1, :, :2].abs().max()) == 0.0


@pytest.mark.parametrize("name", ["autocontrast", "equalize", "contrast"])
def test_images_of_one_value_stay(name):
    x = torch.tensor([0.0, 0.4, 1.0])[:, None, None, None].expand(-1, 3, 32, 32)
    torch.testing.assert_close(operate(x, np.full(3, name), np.zeros(3)), x)


def test_operate_gives_each_image_its_own_operation_and_magnitude():
    x, names = smooth(30), np.array(list(OPERATIONS) * 2)[:30]
    strength = np.where(names == "posterize", 3.0, np.linspace(0.05, 0.4, 30))
    together = operate(x, names, strength)
    for i, one in enumerate(together):
        alone = operate(x[i : i + 1], names[i : i + 1], strength[i : i + 1])[0]
        torch.testing.assert_close(one, alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("space", [AUTO, RAND, TRIVIAL, AUGMIX])
def test_every_operation_of_a_space_exists(space):
    assert set(space) <= set(OPERATIONS)


def test_magnitudes_by_hand():
    names = np.array(["translate_x", "rotate", "posterize", "solarize", "brightness", "equalize"])
    shares, negative = np.array([1.0, 0.5, 0.4, 0.5, 0.1, 0.7]), np.arange(6) % 2 == 1
    found = magnitudes(RAND, names, shares, 331, negative)
    np.testing.assert_allclose(found, [150, -15, 8 - 2, 127.5, 0.09, 0])


def test_augmix_leaves_out_what_resembles_a_corruption():
    assert not set(AUGMIX) & {"brightness", "contrast", "colour", "sharpness", "invert"}


def test_auto_augment_follows_the_probabilities_of_its_policy(monkeypatch):
    monkeypatch.setitem(POLICIES, "cifar10", ((("invert", 0.3, 0), ("invert", 0.0, 0)),) * 3)
    x = smooth(1000, 4)
    inverted = (apply(AutoAugment("cifar10"), x)[0] - (1 - x)).abs().flatten(1).amax(1) < 1e-6
    assert abs(int(inverted.sum()) - 300) < 58  # four standard deviations
    assert torch.equal(apply(AutoAugment("cifar10"), x)[0][~inverted], x[~inverted])


def test_auto_augment_runs_each_pair_in_order(monkeypatch):
    pair = (("solarize", 1.0, 9), ("posterize", 1.0, 9))  # invert all, then keep four bits
    monkeypatch.setitem(POLICIES, "cifar10", (pair,))
    y = levels(apply(AutoAugment("cifar10"), smooth())[0]).round().int()
    assert torch.equal(y, (255 - levels(smooth()).round().int()) & 0b11110000)


def test_auto_augment_turns_both_ways_by_the_level_of_nine(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "training.augmentation.auto_augment.operate",
        lambda images, names, strength: seen.append(strength[names == "rotate"]) or images,
    )
    monkeypatch.setitem(POLICIES, "cifar10", ((("rotate", 1.0, 9), ("rotate", 0.5, 2)),))
    apply(AutoAugment("cifar10"), smooth(1000, 4))
    for turns, angle, expected in zip(seen, (30, 20 / 3), (1000, 500), strict=True):
        np.testing.assert_allclose(np.unique(turns), [-angle, angle])
        assert abs(len(turns) - expected) < 64  # four standard deviations
        assert abs((turns > 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(len(turns))


@pytest.mark.parametrize("operations", [1, 2, 3])
def test_rand_augment_of_magnitude_zero_stretches_levels_alone(operations):
    # of 14 operations autocontrast alone does something: no white to solarize, 8 px to equalize
    x = smooth(600, 8).clamp(max=0.99)
    same = (apply(RandAugment(operations, 0), x)[0] - x).abs().flatten(1).amax(1) < 1e-4
    share = (13 / 14) ** operations
    assert abs(float(same.float().mean()) - share) < 4 * np.sqrt(share * (1 - share) / 600)


@pytest.mark.parametrize(
    ("augmentation", "rows", "angles", "weights"),
    [
        (TrivialAugment(bins=3), 1, [-135, -67.5, 0, 67.5, 135], [1, 1, 2, 1, 1]),
        (RandAugment(), 2, [-9, 9], [1, 1]),
        (RandAugment(3, 10, 10), 3, [-30, 30], [1, 1]),
    ],
    ids=repr,
)
def test_operations_bins_and_signs_are_drawn_alike(
    monkeypatch, augmentation, rows, angles, weights
):
    seen = []
    monkeypatch.setattr(
        "training.augmentation.rand_augment.operate",
        lambda images, names, strength: seen.append((names, strength)) or images,
    )
    apply(augmentation, smooth(4200, 4))
    assert len(seen) == rows
    names, strength = (np.concatenate(part) for part in zip(*seen, strict=True))
    found, counts = np.unique(names, return_counts=True)
    assert set(found) == set(RAND)
    assert stats.chisquare(counts).pvalue > 0.01
    values, counts = np.unique(strength[names == "rotate"], return_counts=True)
    np.testing.assert_allclose(values, angles)
    expected = counts.sum() * np.array(weights) / sum(weights)
    assert stats.chisquare(counts, expected).pvalue > 0.01


def test_augmix_is_the_papers_loop_over_images_and_chains():
    # Hendrycks et al., Algorithm 1, image by image, with the draws of the batch
    x, rng = smooth(16, 32), np.random.default_rng(5)
    m, weights = rng.beta(1.0, 1.0, 16), rng.dirichlet(np.ones(3), 16)
    lengths = rng.integers(1, 4, (3, 16))
    names = rng.choice(np.array(list(AUGMIX)), size=(3, 3, 16))
    share = rng.uniform(0.1, 3.0, (3, 3, 16)) / 10
    signed = share * np.where(rng.random((3, 3, 16)) < 0.5, -1, 1)
    strength = {
        "autocontrast": lambda a: 0,
        "equalize": lambda a: 0,
        "posterize": lambda a: 4 - int(abs(a) * 4),
        "solarize": lambda a: 256 - int(abs(a) * 256),
        "rotate": lambda a: a * 30,
        **dict.fromkeys(("shear_x", "shear_y"), lambda a: a * 0.3),
        **dict.fromkeys(("translate_x", "translate_y"), lambda a: int(a * 32 / 3)),
    }
    ours = AugMix().mix(x, np.random.default_rng(5))
    for i in range(16):
        mixed = torch.zeros(1, 3, 32, 32)
        for k in range(3):
            augmented = x[i : i + 1]
            for j in range(lengths[k, i]):
                name = names[j, k, i]
                magnitude = float(strength[name](signed[j, k, i]))
                augmented = OPERATIONS[name](augmented, torch.full((1, 1, 1, 1), magnitude))
            mixed += weights[i, k] * augmented
        expected = (1 - m[i]) * x[i] + m[i] * mixed[0]
        torch.testing.assert_close(ours[i], expected, atol=1e-5, rtol=0)


def test_augmix_views_are_mixtures_of_their_own():
    x = smooth(6)
    views = AugMix().views(x, np.random.default_rng(0))
    assert views.shape == (2, *x.shape)
    assert torch.equal(views[0], AugMix().apply(x, labels(6), np.random.default_rng(0))[0])
    assert bool((views[0] != views[1]).flatten(1).any(1).all())


def test_augmix_weights_have_the_moments_of_beta_and_dirichlet(monkeypatch):
    # chains that turn the image white: 1 - m of its darkness is left, m uniform for alpha 1
    def white(images, names, strength):
        return torch.ones_like(images)

    monkeypatch.setattr("training.augmentation.augmix.operate", white)
    left = 1 - AugMix().mix(torch.zeros(4000, 3, 2, 2), np.random.default_rng(1))[:, 0, 0, 0]
    assert stats.kstest(left.numpy(), "uniform").pvalue > 0.01
    # the first of three chains alone is white: it weighs m times Beta(1, 2)
    monkeypatch.setattr(
        "training.augmentation.augmix.operate",
        lambda images, names, strength: (
            images + (torch.arange(len(images)) < 4000)[:, None, None, None]
        ).clamp(max=1.0),
    )
    first = AugMix().mix(torch.zeros(4000, 3, 2, 2), np.random.default_rng(2))[:, 0, 0, 0]
    rng = np.random.default_rng(0)
    product = rng.beta(1, 1, 4000) * rng.beta(1, 2, 4000)
    assert stats.ks_2samp(first.numpy(), product).pvalue > 0.01
