"""Every augmentation keeps its promises; placement, covering and mixing do what they say."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from training.augmentation.augmix import AugMix
from training.augmentation.auto_augment import AutoAugment
from training.augmentation.crop import RandomResizedCrop
from training.augmentation.erasing import Cutout, RandomErasing
from training.augmentation.jitter import ColourJitter
from training.augmentation.mixing import Cutmix, Mixup, MixupCutmix
from training.augmentation.placement import HorizontalFlip, RandomShift, RandomZoom
from training.augmentation.rand_augment import RandAugment, TrivialAugment
from training.augmentation.table import AUGMENTATIONS

MIXING = ("mixup", "cutmix", "mixup_cutmix")
NAMES = {**AUGMENTATIONS, "auto_augment-cifar10": AutoAugment("cifar10")}
EVERY = pytest.mark.parametrize("augmentation", NAMES.values(), ids=list(NAMES))
ALONE = pytest.mark.parametrize(
    "augmentation", [a for a in NAMES.values() if a.name not in MIXING], ids=lambda a: a.name
)


def smooth(count=12, size=16, seed=0):
    """Random images without hard edges, on 256 levels, darkest 0.1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    image = F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)
    return (255 * (0.1 + 0.9 * image)).round() / 255


def labels(count, classes=10):
    soft = torch.full((count, classes), 0.1 / classes)
    return soft + 0.9 * F.one_hot(torch.arange(count) % classes, classes)


def apply(augmentation, x, seed=0):
    return augmentation.apply(x, labels(len(x)), np.random.default_rng(seed))


@EVERY
@pytest.mark.parametrize("shape", [(1, 16), (12, 16), (40, 32), (5, 33)])
def test_augmentation_keeps_shape_type_range_and_sum(augmentation, shape):
    for x in (smooth(*shape), torch.ones(shape[0], 3, shape[1], shape[1])):
        y, targets = apply(augmentation, x)
        assert (y.shape, y.dtype) == (x.shape, torch.float32)
        assert 0.0 <= float(y.min()) <= float(y.max()) <= 1.0
        assert (targets.shape, targets.dtype) == ((len(x), 10), torch.float32)
        torch.testing.assert_close(targets.sum(1), torch.ones(len(x)))


@EVERY
def test_augmentation_changes_copies_alone(augmentation):
    x, t = smooth(), labels(12)
    y, targets = augmentation.apply(x, t, np.random.default_rng(3))
    assert torch.equal(x, smooth())
    assert torch.equal(t, labels(12))
    assert not torch.equal(y, x)
    assert torch.equal(targets, t) == (augmentation.name not in MIXING)


@EVERY
def test_equal_generators_give_equal_results(augmentation):
    x = smooth(40)
    for one, other in zip(apply(augmentation, x, 3), apply(augmentation, x, 3), strict=True):
        assert torch.equal(one, other)
    assert any(
        not torch.equal(apply(augmentation, x, 3)[0], apply(augmentation, x, s)[0]) for s in (4, 5)
    )


@EVERY
def test_number_of_draws_depends_on_the_shape_alone(augmentation):
    after = []
    for x in (smooth(8), torch.zeros(8, 3, 16, 16)):
        rng = np.random.default_rng(0)
        augmentation.apply(x, labels(8), rng)
        after.append(rng.random())
    assert after[0] == after[1]


@EVERY
def test_augmentation_does_not_depend_on_the_memory_format(augmentation):
    x = smooth()
    y, _ = apply(augmentation, x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(y, apply(augmentation, x)[0], atol=1e-6, rtol=0)


@EVERY
def test_grey_images_stay_grey(augmentation):
    grey = smooth()[:, :1].expand(-1, 3, -1, -1)
    y, _ = apply(augmentation, grey)
    torch.testing.assert_close(y, y[:, :1].expand_as(y), atol=1e-6, rtol=0)


@ALONE
def test_an_image_does_not_depend_on_the_others(augmentation):
    x = smooth(12)
    others = smooth(12, seed=1)
    others[::3] = x[::3]
    y = apply(augmentation, x)[0]
    torch.testing.assert_close(apply(augmentation, others)[0][::3], y[::3], atol=1e-6, rtol=0)


@EVERY
def test_augmentation_draws_differently_for_different_images(augmentation):
    x = smooth(1).expand(64, -1, -1, -1)
    distinct = len(torch.unique(apply(augmentation, x)[0], dim=0))
    assert distinct == 1 if augmentation.name in MIXING else distinct > 1


@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_augmentation_is_listed_under_its_name(name):
    assert AUGMENTATIONS[name].name == name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: HorizontalFlip(1.5),
            r"HorizontalFlip.probability must be in \[0, 1\]; got 1.5",
        ),
        (lambda: RandomShift(-0.1), r"RandomShift.share must be in \[0, 1\]; got -0.1"),
        (lambda: RandomZoom(0.5), r"RandomZoom.factor must be in \[1, 16\]; got 0.5"),
        (lambda: RandomResizedCrop((0.5, 0.2)), r"area\[1\] must be in \[0.5, 1\]; got 0.2"),
        (lambda: RandomErasing(ratio=(0.0, 1.0)), r"ratio\[0\] must be in \[0.01, 1\]; got 0"),
        (lambda: Cutout(fill=float("nan")), r"Cutout.fill must be in \[0, 1\]; got nan"),
        (lambda: Mixup(0.0), r"Mixup.alpha must be in \[0.01, 100\]; got 0.0"),
        (lambda: Cutmix(-1.0), r"Cutmix.alpha must be in"),
        (lambda: MixupCutmix(2.0), r"MixupCutmix.cutmix_probability must be in"),
        (lambda: ColourJitter(hue=0.6), r"ColourJitter.hue must be in \[0, 0.5\]; got 0.6"),
        (
            lambda: RandAugment(magnitude=31),
            r"RandAugment.magnitude must be in \[0, 30\]; got 31",
        ),
        (lambda: TrivialAugment(bins=1), r"TrivialAugment.bins must be in \[2, 1000\]; got 1"),
        (
            lambda: AutoAugment("svhn"),
            r"AutoAugment.policy must be one of cifar10, imagenet; got 'svhn'",
        ),
        (lambda: AugMix(width=0), r"AugMix.width must be in \[1, 10\]; got 0"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_flip_twice_is_the_identity():
    always, x = HorizontalFlip(probability=1.0), smooth()
    once = apply(always, x)[0]
    assert torch.equal(once[..., 0], x[..., -1])
    assert torch.equal(apply(always, once)[0], x)


def test_flip_mirrors_half_of_the_images_and_none_at_probability_zero():
    x = smooth(400, 6)
    y = apply(HorizontalFlip(), x)[0]
    mirrored = (y == x.flip(3)).flatten(1).all(1)
    assert abs(int(mirrored.sum()) - 200) < 40  # four standard deviations
    assert torch.equal(y[~mirrored], x[~mirrored])
    assert torch.equal(apply(HorizontalFlip(0.0), x)[0], x)


def test_shift_moves_each_image_and_fills_with_zeros():
    x, seen = smooth(300), set()
    for one, moved in zip(x, apply(RandomShift(), x)[0], strict=True):
        padded = F.pad(one, (2, 2, 2, 2))  # 0.125 of 16 px
        places = [(r, c) for r in range(5) for c in range(5)]
        found = [p for p in places if torch.equal(padded[:, p[0] :, p[1] :][:, :16, :16], moved)]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) == 25  # every shift occurs, the one by nothing too
    assert torch.equal(apply(RandomShift(share=0.0), x)[0], x)


def test_zoom_scales_about_the_centre_within_its_factor():
    # coordinates as pixel values: a zoom by z multiplies the slope by 1 / z and keeps the centre
    ramp = torch.linspace(-0.3, 0.3, 16).expand(3, 16, 16)
    x = torch.stack([ramp + 0.5, ramp.mT + 0.5]).repeat(100, 1, 1, 1)
    y = apply(RandomZoom(factor=1.5), x)[0]
    slopes = torch.cat(((y[::2, 0, 8, 9] - y[::2, 0, 8, 6]), (y[1::2, 0, 9, 8] - y[1::2, 0, 6, 8])))
    zoom = (ramp[0, 8, 9] - ramp[0, 8, 6]) / slopes
    assert 1 / 1.501 < float(zoom.min()) < 0.75
    assert 1.4 < float(zoom.max()) < 1.501
    assert abs(float(zoom.log().mean())) < 4 * np.log(1.5) / np.sqrt(3 * 200)  # log-uniform
    torch.testing.assert_close(y[:, :, 7:9, 7:9].mean((2, 3)), torch.full((200, 3), 0.5))
    assert torch.allclose(apply(RandomZoom(factor=1.0), x)[0], x, atol=1e-5)


def test_zoom_out_shows_black_around_the_image():
    y = apply(RandomZoom(factor=2.0), torch.ones(60, 3, 16, 16))[0]
    black = y[:, 0, 0, 0] == 0
    assert 0 < int(black.sum()) < 60
    assert bool((y[:, 0, 8, 8] == 1).all())


def test_crop_of_the_whole_image_is_the_identity():
    x = smooth()
    y = apply(RandomResizedCrop(area=(1.0, 1.0), ratio=(1.0, 1.0)), x)[0]
    torch.testing.assert_close(y, x, atol=1e-5, rtol=0)


def test_crop_keeps_an_image_whole_for_which_no_box_fits():
    x = smooth()
    y = apply(RandomResizedCrop(area=(1.0, 1.0), ratio=(0.01, 1.0)), x)[0]  # too tall
    torch.testing.assert_close(y, x, atol=1e-5, rtol=0)


def test_cutout_covers_a_square_cut_off_at_the_border():
    x = torch.zeros(2000, 3, 16, 16)
    covered = apply(Cutout(fill=1.0), x)[0]
    assert torch.equal(covered[:, 0], covered[:, 2])
    rows, columns = covered[:, 0].amax(2).sum(1), covered[:, 0].amax(1).sum(1)
    assert torch.equal(covered[:, 0].sum((1, 2)), rows * columns)  # a box
    # a square of 8 px about a uniform pixel: 8 sides of 16 are whole, 4 to 7 px are left of others
    whole = float((rows == 8).float().mean())
    assert abs(whole - 9 / 16) < 4 * np.sqrt(9 / 16 * 7 / 16 / 2000)
    assert sorted(set(rows.tolist())) == [4, 5, 6, 7, 8]


def test_erasing_covers_one_box_of_about_half_of_the_images():
    x = smooth(1000)
    y = apply(RandomErasing(fill=0.0), x)[0]  # x has no black pixel
    covered = (y == 0).all(1)
    assert torch.equal(y, x * ~covered[:, None])
    assert torch.equal(covered.sum((1, 2)), covered.any(2).sum(1) * covered.any(1).sum(1))
    assert abs(int(covered.flatten(1).any(1).sum()) - 500) < 64  # four standard deviations


def test_erasing_never_spans_the_image():
    boxes = RandomErasing(1.0).draw(np.random.default_rng(0), 5000, 16)
    assert boxes.height.max() == boxes.width.max() == 15


def test_mixup_weights_follow_the_beta_distribution():
    x, t = torch.eye(2)[:, :, None, None].expand(2, 2, 4, 4), torch.eye(2)
    rng = np.random.default_rng(0)
    own = [float(Mixup().apply(x, t, rng)[1][0, 0]) for _ in range(1000)]
    assert stats.kstest(own, stats.beta(0.2, 0.2).cdf).pvalue > 0.01


def test_mixing_weighs_targets_as_it_weighs_images():
    x = torch.eye(3)[:, :, None, None].expand(3, 3, 16, 16)  # image k is white in channel k alone
    for name in MIXING:
        for seed in range(20):
            y, t = AUGMENTATIONS[name].apply(x, torch.eye(3), np.random.default_rng(seed))
            torch.testing.assert_close(y.mean((2, 3)), t)


def test_mixup_cutmix_is_each_of_the_two_about_half_of_the_time():
    x = smooth(2).round()  # two levels, so that a blend shows
    rng = np.random.default_rng(0)
    pasted = sum(
        bool(
            ((y := MixupCutmix(mixup=Mixup(100.0)).apply(x, labels(2), rng)[0]) == y.round()).all()
        )
        for _ in range(400)
    )
    assert abs(pasted - 200) < 40  # four standard deviations


def test_jitter_changes_each_image_in_an_order_of_its_own():
    x = smooth(200)
    y = apply(ColourJitter(saturation=0.0, hue=0.0), x)[0]
    rng = np.random.default_rng(0)  # the same draws, applied image by image
    order = rng.permuted(np.tile(np.arange(4), (200, 1)), axis=1)
    numbers = rng.uniform(-1.0, 1.0, order.shape) * 0.2
    for before, after, kinds, strength in zip(x, y, order, numbers, strict=True):
        for kind, number in zip(kinds, strength, strict=True):
            mean = (torch.tensor([0.299, 0.587, 0.114]) @ before.flatten(1)).mean()
            if kind < 2:  # brightness, contrast
                plain = (0.0, mean)[kind]
                before = (plain + (1 + number) * (before - plain)).clamp(0, 1)
        torch.testing.assert_close(after, before, atol=1e-5, rtol=0)
    assert len(np.unique(order, axis=0)) == 24
