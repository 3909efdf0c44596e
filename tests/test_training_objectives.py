"""Objectives against the papers' losses by hand, attacks against torchattacks."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.network_example import digits, trained
from training.adversarial import Adversarial, FastAdversarial, Trades, ascend, divergence
from training.augmentation.table import AUGMENTATIONS
from training.contrastive import nt_xent
from training.forward import Forward, evaluating
from training.objectives import OBJECTIVES, AugMixConsistency, Distillation, jensen_shannon

EPS = 8 / 255


def batch(count=16):
    images, labels = digits()
    return images[:count], F.one_hot(labels[:count], 10).float()


def learner():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(768, 16), nn.Hardswish(), nn.Linear(16, 10))


def rng(seed=0):
    return np.random.default_rng(seed)


def usable():
    ready = replace(OBJECTIVES["distillation"], predict=trained())
    return {**OBJECTIVES, "distillation": ready}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objective_is_a_finite_scalar_of_its_generator_with_gradients(name):
    objective, net = usable()[name], learner()
    first, again = (objective.loss(net, *batch(), rng()) for _ in range(2))
    assert (first.shape, first.dtype) == ((), torch.float32)
    assert torch.equal(first, again)
    first.backward()
    assert all(bool(p.grad.isfinite().all()) and bool(p.grad.any()) for p in net.parameters())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objective_with_soft_targets_of_two_classes_lies_between_those_of_each(name):
    objective, net, (images, hard) = usable()[name], trained(), batch()
    other = hard.roll(1, 1)
    mixed = value(objective, net, images, 0.5 * (hard + other))
    ends = [value(objective, net, images, t) for t in (hard, other)]
    assert min(ends) - 1e-4 <= mixed <= max(ends) + 1e-4


def value(objective, net, images, targets):
    return objective.loss(net, images, targets, rng()).item()


@pytest.mark.parametrize("objective", [Adversarial(), FastAdversarial()], ids=lambda o: o.name)
def test_examples_stay_in_the_ball_and_the_range_and_fool_more(objective):
    (images, targets), seen = batch(200), []

    def net(x):
        seen.append(x.detach())
        return trained()(x)

    objective.loss(net, images, targets, rng())
    x = seen[-1][-200:]
    assert float((x - images).abs().max()) <= EPS + 1e-6
    assert 0.0 <= float(x.min()) <= float(x.max()) <= 1.0
    right = [(trained()(z).argmax(1) == targets.argmax(1)).float().mean() for z in (images, x)]
    assert right[1] < right[0] - 0.1


@pytest.mark.peer
def test_ascent_is_the_pgd_of_torchattacks():
    attacks = pytest.importorskip("torchattacks", reason="torchattacks is not installed")
    images, targets = batch(50)
    peer = attacks.PGD(trained(), EPS, EPS / 4, 5, random_start=False)
    wanted = peer(images, targets.argmax(1))
    sizes = (EPS, EPS / 4, 5)
    got = ascend(lambda z: F.cross_entropy(trained()(z), targets), images, images, sizes)
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=0)


@pytest.mark.peer
def test_trades_ascent_is_the_tpgd_of_torchattacks():
    attacks = pytest.importorskip("torchattacks", reason="torchattacks is not installed")
    images = batch(50)[0].double()  # the first gradients are differences of nearly equal numbers
    net = copy.deepcopy(trained()).double()
    torch.manual_seed(3)
    wanted = attacks.TPGD(net, EPS, 0.007, 5)(images)
    torch.manual_seed(3)
    start = (images + 0.001 * torch.randn_like(images)).clamp(0, 1)
    clean = net(images).softmax(1)
    got = ascend(lambda z: divergence(clean, net(z)), start, images, (EPS, 0.007, 5))
    assert float((got - wanted).abs().gt(1e-6).double().mean()) < 0.001


def test_adversarial_loss_is_the_mean_over_clean_and_attacked_images():
    (images, targets), net, seen = batch(), learner(), []

    def watched(x):
        seen.append(x.detach())
        return net(x)

    got = Adversarial(steps=2).loss(watched, images, targets, rng())
    x = seen[-1][16:]
    assert torch.equal(seen[-1][:16], images)
    halves = [-(targets * net(z).log_softmax(1)).sum(1).mean() for z in (images, x)]
    torch.testing.assert_close(got, sum(halves) / 2)


def test_trades_loss_by_hand():
    (images, targets), net, seen = batch(), learner(), []

    def watched(x):
        seen.append(x.detach())
        return net(x)

    got = Trades(beta=5.0, steps=2).loss(watched, images, targets, rng())
    p, q = net(images).softmax(1), net(seen[-1]).softmax(1)
    natural = -(targets * p.log()).sum(1).mean()
    torch.testing.assert_close(got, natural + 5.0 * (p * (p / q).log()).sum(1).mean())
    assert float((seen[-1] - images).abs().max()) > 0.005


def test_distillation_by_hand_and_at_its_ends():
    (images, targets), net, teacher = batch(), learner(), trained()
    goal = Distillation(weight=0.3, temperature=3.0, predict=teacher)
    p = (teacher(images) / 3).softmax(1)
    q = (net(images) / 3).softmax(1)
    hard = F.cross_entropy(net(images), targets)
    wanted = 0.7 * hard + 0.3 * 9 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(goal.loss(net, images, targets, rng()), wanted)
    torch.testing.assert_close(replace(goal, weight=0.0).loss(net, images, targets, rng()), hard)
    alike = Distillation(weight=1.0, predict=net).loss(net, images, targets, rng())
    assert abs(alike.item()) < 1e-5


def test_distillation_without_a_teacher_is_refused():
    with pytest.raises(ValueError, match=r"^Distillation\.predict must be a network; got None"):
        Distillation().loss(learner(), *batch(), rng())


def test_jensen_shannon_is_scipys_squared_distance_for_two_and_the_paper_s_for_three():
    distance = pytest.importorskip("scipy.spatial.distance")
    p, q, r = torch.rand(3, 6, 10, generator=torch.Generator().manual_seed(0)).softmax(2)
    two = np.mean([distance.jensenshannon(a, b) ** 2 for a, b in zip(p, q, strict=True)])
    assert float(jensen_shannon((p, q))) == pytest.approx(two, rel=1e-4)
    m = (p + q + r) / 3
    three = sum((x * (x / m).log()).sum(1).mean() for x in (p, q, r)) / 3
    torch.testing.assert_close(jensen_shannon((p, q, r)), three)


def test_augmix_consistency_by_hand():
    (images, targets), net = batch(), learner()
    draws = rng(4)
    views = [AUGMENTATIONS["augmix"].apply(images, targets, draws)[0] for _ in range(2)]
    p = [net(x).softmax(1) for x in (images, *views)]
    m = sum(p) / 3
    apart = sum((x * (x / m).log()).sum(1).mean() for x in p) / 3
    wanted = F.cross_entropy(net(images), targets) + 12 * apart
    got = AugMixConsistency().loss(net, images, targets, rng(4))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_nt_xent_is_the_paper_s_loop():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 5, 8, generator=generator)
    z = torch.cat((first, second))
    cosine = [[float(F.cosine_similarity(a, b, dim=0)) for b in z] for a in z]
    losses = []
    for i in range(10):
        others = sum(np.exp(cosine[i][k] / 0.3) for k in range(10) if k != i)
        losses.append(-np.log(np.exp(cosine[i][(i + 5) % 10] / 0.3) / others))
    assert float(nt_xent(first, second, 0.3)) == pytest.approx(np.mean(losses), rel=1e-5)


def test_examples_are_made_in_eval_mode_and_learned_from_in_train_mode():
    net, modes = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(768), nn.Linear(768, 10)), []
    net.register_forward_hook(lambda module, *_: modes.append(module.training))
    forward = Forward(net)
    Adversarial(steps=2).loss(forward, *batch(), rng())
    assert modes == [False, False, True]
    with evaluating(forward):
        assert not net.training
    assert net.training


def test_forward_keeps_the_answer_to_the_clean_images():
    net, (images, _) = learner(), batch()
    calls = []
    net.register_forward_hook(lambda *_: calls.append(1))
    forward = Forward(net)
    logits = forward(images)
    assert torch.equal(forward.answer(images), logits)
    assert not forward.answer(images).requires_grad
    assert len(calls) == 1
    torch.testing.assert_close(forward.answer(images.clone()), logits)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adversarial(eps=-1), r"^Adversarial\.eps must be in \[0, 1\]; got -1"),
        (lambda: Trades(steps=0), r"^Trades\.steps must be in \[1, 10000\]; got 0"),
        (lambda: Distillation(weight=2), r"^Distillation\.weight must be in \[0, 1\]; got 2"),
        (lambda: AugMixConsistency(view="mix"), r"^AugMixConsistency\.view must be among .*'mix'"),
    ],
)
def test_objective_refuses_bad_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()
