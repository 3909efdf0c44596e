"""What the engine refuses, what it warns of, and the corner cases of its lanes."""

import numpy as np
import pytest
import torch
from torch import nn

from noises.adversarial.engine import arm, run_attacks
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.plan import Plan
from tests.network_example import digits, trained

PGD = GradientAttack("pgd_linf", "linf", (0.02, 0.1), 5, 0.5, True, "")
FGSM = GradientAttack("fgsm", "linf", (0.1,), 1, 1.0, False, "")
COUNT = 40


class Wrapped(nn.Module):
    """The classifier behind a change of its images and before one of its logits."""

    def __init__(self, before=lambda x: x, after=lambda y: y):
        super().__init__()
        self.before, self.after = before, after
        self.eval()

    def forward(self, x):
        return self.after(trained()(self.before(x)))


def attack(network=None, plan=None, attacks=(PGD, FGSM), **changes):
    x, y = digits()
    given = {"images": x[:COUNT], "labels": y[:COUNT]} | changes
    ids = [str(i) for i in range(len(given["images"]))]
    started = [arm(a, ids, 0) for a in attacks]
    network = trained() if network is None else network
    return run_attacks(network, given["images"], given["labels"], started, plan or Plan())


def coarse(x):
    return (x * 8).round() / 8  # no gradient passes a rounding


def test_zero_gradient_alarm_fires_on_a_network_that_hides_its_gradient():
    for found in attack(Wrapped(before=coarse)).values():
        np.testing.assert_array_equal(found.alarms["zero_gradient"], 1.0)


def test_zero_gradient_alarm_fires_on_saturated_logits():
    found = attack(Wrapped(after=lambda y: y * 1e4))["pgd_linf"]
    assert (found.alarms["zero_gradient"] > 0.9).all()


def test_zero_gradient_alarm_is_silent_on_a_normal_network():
    for found in attack().values():
        np.testing.assert_array_equal(found.alarms["zero_gradient"], 0.0)


def test_zero_gradient_alarm_is_silent_when_part_of_the_image_is_ignored():
    half = (torch.arange(16) < 8).float()
    for found in attack(Wrapped(before=lambda x: x * half)).values():
        np.testing.assert_array_equal(found.alarms["zero_gradient"], 0.0)


def test_zero_gradient_is_the_share_of_attacked_images():
    x, y = digits()
    right = (trained()(x).argmax(1) == y).nonzero().flatten()[:8]
    wrong = (trained()(x).argmax(1) != y).nonzero().flatten()[:4]
    chosen = torch.cat((right, wrong))
    masked = torch.arange(12) % 4 == 0  # images 0, 4 and the wrong one 8

    def before(z):  # told apart by their corner, which no attack of this size reaches
        return torch.where((z[:, :, :1, :1].mean((1, 2, 3), keepdim=True) > 0.5), coarse(z), z)

    pictures = x[chosen].clone()
    pictures[:, :, 0, 0] = masked.float()[:, None]
    labels = Wrapped(before)(pictures).argmax(1)
    labels[8:] = (labels[8:] + 1) % 10
    small = GradientAttack("fgsm", "linf", (0.01,), 1, 1.0, False, "")
    found = attack(Wrapped(before), attacks=[small], images=pictures, labels=labels)["fgsm"]
    np.testing.assert_allclose(found.alarms["zero_gradient"], [2 / 8])


def test_tiny_gradients_do_not_blind_the_euclidean_attack():
    l2 = GradientAttack("pgd_l2", "l2", (1.0,), 8, 0.4, False, "")
    plain = attack(attacks=[l2])["pgd_l2"]
    # six times the logits: the same decisions, gradients of 1e-20 and less
    sharp = attack(Wrapped(after=lambda y: 6 * y), attacks=[l2])["pgd_l2"]
    assert plain.fooled.mean() > 0.3
    assert abs(sharp.fooled.mean() - plain.fooled.mean()) < 0.15


def test_images_that_are_all_misclassified_are_fooled_and_not_attacked():
    x, _ = digits()
    labels = (trained()(x[:COUNT]).argmax(1) + 1) % 10
    found = attack(labels=labels)
    assert found["pgd_linf"].fooled.shape == (2, COUNT)
    for outcome in found.values():
        assert outcome.fooled.all()
        assert np.isnan(outcome.alarms["zero_gradient"]).all()


def test_misclassified_images_are_fooled_at_every_budget():
    x, y = digits()
    labels = y[:COUNT].clone()
    labels[::5] = (labels[::5] + 1) % 10
    wrong = (trained()(x[:COUNT]).argmax(1) != labels).numpy()
    found = attack(labels=labels)
    assert 8 <= wrong.sum() < COUNT
    assert found["pgd_linf"].fooled[:, wrong].all()


@pytest.mark.parametrize("leave", [True, False])
def test_batch_of_one_equals_its_place_among_many(leave):
    x, y = digits()
    many = attack(plan=Plan(leave=leave))
    one = attack(plan=Plan(leave=leave), images=x[:1], labels=y[:1])
    for name, outcome in one.items():
        assert outcome.fooled.shape[1] == 1
        np.testing.assert_array_equal(outcome.fooled[:, 0], many[name].fooled[:, 0])


def test_attack_changes_neither_images_nor_weights_nor_starts():
    x, y = digits()
    images, before = x[:COUNT].clone(), [p.clone() for p in trained().parameters()]
    armed = arm(PGD, [str(i) for i in range(COUNT)], 0)
    kept = armed.keys.clone()
    run_attacks(trained(), images, y[:COUNT], [armed], Plan())
    assert torch.equal(armed.keys, kept)
    assert torch.equal(images, x[:COUNT])
    assert all(torch.equal(a, b) for a, b in zip(trained().parameters(), before, strict=True))
    assert not images.requires_grad


IMAGES = torch.full((2, 3, 16, 16), 0.5)
LABELS = torch.tensor([1, 2])
REFUSED = {
    "type": ({"images": IMAGES.double()}, r"images must be float32 .*; got torch\.float64"),
    "pixels": ({"images": (IMAGES * 255).byte()}, r"images must be float32 .*; got torch\.uint8"),
    "channels": ({"images": IMAGES[:, :1]}, r"images must be .*; got torch\.float32 \(2, 1, 16"),
    "one image": ({"images": IMAGES[0]}, r"images must be float32 \(B, 3, H, W\)"),
    "none": ({"images": IMAGES[:0], "labels": LABELS[:0]}, r"images must be .* B > 0; got"),
    "range": ({"images": IMAGES * 255}, r"images must lie in \[0, 1\]; got \[127\.5, 127\.5\]"),
    "below": ({"images": IMAGES - 1}, r"images must lie in \[0, 1\]; got \[-0\.5, -0\.5\]"),
    "NaN": ({"images": IMAGES * torch.nan}, r"images must lie in \[0, 1\]; got \[nan, nan\]"),
    "label type": ({"labels": LABELS.int()}, r"labels must be int64 \(2,\) .*; got torch\.int32"),
    "label count": ({"labels": LABELS[:1]}, r"labels must be int64 \(2,\).*; got .* \(1,\)"),
    "one-hot": ({"labels": LABELS[:, None]}, r"labels must be int64 \(2,\).*; got .* \(2, 1\)"),
    "no such class": (
        {"labels": LABELS + 8},
        r"labels must be below the network's 10 classes; got 10",
    ),
    "negative": ({"labels": LABELS - 2}, r"labels must be int64 \(2,\) and not negative"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=list(REFUSED))
def test_inputs_that_would_make_a_number_wrong_are_refused(changes, message):
    given = {"images": IMAGES, "labels": LABELS} | changes
    armed = arm(FGSM, [str(i) for i in range(len(given["images"]))], 0)
    with pytest.raises(ValueError, match=rf"^Attack\.{message}"):
        run_attacks(trained(), given["images"], given["labels"], [armed], Plan())


def test_network_in_train_mode_is_refused():
    network = Wrapped().train()
    with pytest.raises(ValueError, match=r"^Attack\.network must be in eval mode; got train mode"):
        attack(network)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.BatchNorm2d(3), r"must be in eval mode; got train mode in BatchNorm2d '0'"),
        (nn.Dropout(), r"must be in eval mode; got train mode in Dropout '0'"),
        (
            nn.BatchNorm2d(3, track_running_stats=False).eval(),
            r"must normalise by running statistics; got none in BatchNorm2d '0'",
        ),
    ],
    ids=["batch norm", "dropout", "batch statistics"],
)
def test_layer_that_looks_at_the_rest_of_the_batch_is_refused(layer, message):
    network = nn.Sequential(layer, trained())
    network.training = False
    with pytest.raises(ValueError, match=rf"^Attack\.network {message}"):
        attack(network)


def test_network_that_returns_probabilities_is_refused():
    with pytest.raises(ValueError, match=r"^Attack\.network must return logits; got probabilities"):
        attack(Wrapped(after=lambda y: y.softmax(1)))


def test_network_that_returns_maps_is_refused():
    with pytest.raises(
        ValueError,
        match=r"^Attack\.network must return logits \(40, K\) of K > 1 classes; got \(40,",
    ):
        attack(Wrapped(after=lambda y: y[:, :, None]))


def test_keys_of_another_number_of_images_are_refused():
    with pytest.raises(
        ValueError, match=r"^Attack\.keys must be one per image \(2\); got \(3,\) for p"
    ):
        run_attacks(trained(), IMAGES, LABELS, [arm(PGD, ["a", "b", "c"], 0)], Plan())


def test_no_attack_is_refused():
    with pytest.raises(ValueError, match=r"^Attack\.attacks must be at least one; got none"):
        attack(attacks=())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_network_that_returns_no_numbers_is_refused(value):
    network = Wrapped(after=lambda y: y.index_fill(1, torch.tensor([3]), value))
    with pytest.raises(ValueError, match=r"^Attack\.network must return finite logits; got NaN or"):
        attack(network)


def test_network_that_fails_on_iterates_is_fooled_and_says_so():
    network = Wrapped(before=lambda x: x * torch.nan if x.requires_grad else x)
    for found in attack(network).values():
        assert found.fooled.all()
        np.testing.assert_array_equal(found.alarms["not_finite"], 1.0)
    for found in attack().values():
        np.testing.assert_array_equal(found.alarms["not_finite"], 0.0)


def test_gradient_that_is_no_number_moves_nothing_and_raises_the_alarm():
    class NoGradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * torch.nan

    for found in attack(Wrapped(before=NoGradient.apply)).values():
        np.testing.assert_array_equal(found.alarms["zero_gradient"], 1.0)


def test_flat_loss_alarm_fires_when_steps_lead_nowhere():
    hidden = attack(Wrapped(before=coarse), attacks=[FGSM])["fgsm"]
    assert hidden.alarms["flat_loss"][0] > 0.5
    for found in attack().values():
        assert found.alarms["flat_loss"].max() < 0.1  # one full step may overshoot


def test_huge_budget_alarm_fires_on_a_network_that_hides_its_gradient():
    for network, low, high in ((Wrapped(before=coarse), 0.5, 1.0), (trained(), 0.0, 0.0)):
        share = attack(network)["pgd_linf"].alarms["robust_to_huge"]
        assert low <= share[0] <= high
        assert share[0] == share[1]


def test_random_alarm_fires_on_a_network_that_answers_twice_differently():
    torch.manual_seed(0)
    noisy = attack(Wrapped(before=lambda x: x + 1e-4 * torch.randn_like(x)))["fgsm"]
    assert noisy.alarms["random"][0] > 0.9
    assert attack()["fgsm"].alarms["random"][0] == 0.0


def test_without_probes_the_network_is_not_asked_for_alarms():
    alarms = attack(plan=Plan(probes=False))["fgsm"].alarms
    assert np.isnan(alarms["random"]).all()
    assert np.isnan(alarms["robust_to_huge"]).all()


def test_network_without_gradients_is_refused():
    with pytest.raises(ValueError, match=r"^Attack\.network must be differentiable; got logits"):
        attack(Wrapped(before=lambda x: x.detach()))


@pytest.mark.parametrize("batch", [0, -32, 100, 64.0])
def test_plan_refuses_batches_it_cannot_fill(batch):
    with pytest.raises(ValueError, match=r"^Plan\.batch must be a positive multiple of 32; got"):
        Plan(batch=batch)
