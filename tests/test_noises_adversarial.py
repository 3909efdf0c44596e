"""Attacks agree with a plain loop, stay in their balls, and are paired over networks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from noises.adversarial.attack import GradientAttack, advance, direction
from noises.adversarial.engine import Plan, run_attacks
from tests.network_example import digits, trained

FGSM = GradientAttack("fgsm", "linf", (0.03, 0.08), 1, 1.0, False, "")
PGD_LINF = GradientAttack("pgd_linf", "linf", (0.03, 0.08), 7, 0.3, True, "")
PGD_L2 = GradientAttack("pgd_l2", "l2", (0.4, 1.2), 7, 0.3, True, "")
MIM = GradientAttack("mim", "linf", (0.03, 0.08), 7, 0.2, False, "", decay=0.9)
MIM_L2 = GradientAttack("mim_l2", "l2", (0.4, 1.2), 7, 0.2, False, "", decay=1.0)
ATTACKS = (FGSM, PGD_LINF, PGD_L2, MIM, MIM_L2)
EVERY = pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
COUNT = 300


def images(count=COUNT):
    x, y = digits()
    return x[:count], y[:count]


def started(attack, count=COUNT, seed=0):
    return attack, torch.from_numpy(attack.starts([f"test/{i}" for i in range(count)], 16, seed))


def run(attacks, plan, network=None, count=COUNT):
    network = trained() if network is None else network
    return run_attacks(network, *images(count), [started(a, count) for a in attacks], plan)


def plain_loop(network, x, y, attack, budget):
    """One batch, one budget, written from the publications: last iterates, (B,) ever fooled."""
    starts = started(attack, len(x))[1]
    adversarial, fooled = (x + budget * starts).clamp(0, 1), network(x).argmax(1) != y
    gathered = torch.zeros_like(x)
    for _ in range(attack.steps):
        adversarial = adversarial.clone().requires_grad_(True)
        logits = network(adversarial)
        fooled |= logits.argmax(1) != y
        nn.CrossEntropyLoss()(logits, y).backward()
        gradient, moved = adversarial.grad, adversarial.detach().clone()
        if attack.decay:
            for i in range(len(x)):
                gathered[i] = attack.decay * gathered[i] + gradient[i] / gradient[i].abs().mean()
            gradient = gathered
        for i in range(len(x)):
            if attack.norm == "linf":
                moved[i] += attack.step * budget * torch.sign(gradient[i])
                moved[i] = torch.max(torch.min(moved[i], x[i] + budget), x[i] - budget)
            else:
                moved[i] += attack.step * budget * gradient[i] / gradient[i].pow(2).sum().sqrt()
                away = moved[i] - x[i]
                moved[i] = x[i] + away * min(1.0, budget / float(away.pow(2).sum().sqrt()))
        adversarial = moved.clamp(0, 1)
    return adversarial, (fooled | (network(adversarial).argmax(1) != y)).numpy()


@EVERY
def test_attack_equals_a_plain_loop(attack):
    x, y = images()
    got = run([attack], Plan(nested=False))[attack.name].fooled
    for budget, fooled in zip(attack.budgets, got, strict=True):
        np.testing.assert_array_equal(fooled, plain_loop(trained(), x, y, attack, budget)[1])
        assert 0.05 < fooled.mean() < 0.98


@EVERY
def test_last_iterates_equal_those_of_a_plain_loop(attack):
    (x, y), recorder = images(96), Recorder(trained())
    attack = replace(attack, budgets=attack.budgets[1:])
    run([attack], Plan(leave=False), recorder, count=96)
    attacked = trained()(x).argmax(1) == y
    wanted = plain_loop(trained(), x, y, attack, attack.budgets[0])[0][attacked]
    got = recorder.seen[-1][: int(attacked.sum())]
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=0)


def test_all_attacks_at_once_equal_each_alone():
    together = run(ATTACKS, Plan())
    for attack in ATTACKS:
        alone = run([attack], Plan())[attack.name]
        np.testing.assert_array_equal(together[attack.name].fooled, alone.fooled)
        np.testing.assert_array_equal(together[attack.name].zero_gradient, alone.zero_gradient)


def test_leaving_early_changes_no_outcome():
    early, late = run(ATTACKS, Plan()), run(ATTACKS, Plan(leave=False))
    for attack in ATTACKS:
        np.testing.assert_array_equal(early[attack.name].fooled, late[attack.name].fooled)


class Recorder(nn.Module):
    """Passes images through and keeps every batch it was asked about."""

    def __init__(self, network):
        super().__init__()
        self.network, self.seen = network, []
        self.eval()

    def forward(self, x):
        self.seen.append(x.detach().clone())
        return self.network(x)


def test_leaving_early_saves_passes():
    counts = []
    for leave in (True, False):
        recorder = Recorder(trained())
        run(ATTACKS, Plan(batch=32, leave=leave), recorder)
        counts.append(sum(len(x) for x in recorder.seen))
    assert counts[0] < 0.8 * counts[1]


@pytest.mark.parametrize("batch", [32, 96, 512])
def test_batch_size_changes_no_outcome_beyond_rounding(batch):
    wanted, got = run(ATTACKS, Plan()), run(ATTACKS, Plan(batch=batch))
    differ = np.mean([wanted[a.name].fooled != got[a.name].fooled for a in ATTACKS])
    assert differ <= 0.001


class Band(nn.Module):
    """Class 1 for a brightness within 0.05 of 0.5, class 0 elsewhere."""

    def forward(self, x):
        away = (x.mean((1, 2, 3)) - 0.5).abs()
        return torch.stack((away, torch.full_like(away, 0.05)), 1)


@pytest.mark.parametrize(("nested", "last"), [(False, False), (True, True)])
def test_nested_outcomes_are_cumulative(nested, last):
    leap = replace(FGSM, budgets=(0.02, 0.1, 0.3))  # from 0.4 to 0.42, 0.5 and beyond the band
    x, y = torch.full((2, 3, 16, 16), 0.4), torch.tensor([0, 0])
    plan = Plan(nested=nested)
    found = run_attacks(Band().eval(), x, y, [(leap, torch.zeros_like(x))], plan)["fgsm"]
    np.testing.assert_array_equal(found.fooled, [[False] * 2, [True] * 2, [last] * 2])


def test_nested_outcomes_are_those_of_each_budget_accumulated():
    several = replace(PGD_L2, budgets=(0.2, 0.4, 0.8, 1.2))
    alone, nested = (run([several], Plan(nested=n))["pgd_l2"].fooled for n in (False, True))
    np.testing.assert_array_equal(nested, np.maximum.accumulate(alone, 0))


def norms(delta, norm):
    return delta.flatten(1).abs().amax(1) if norm == "linf" else delta.flatten(1).norm(dim=1)


@EVERY
@pytest.mark.parametrize("budget", [0.01, 0.3, 0.9])
def test_iterates_never_leave_the_ball_nor_the_image_range(attack, budget):
    recorder, (x, y) = Recorder(trained()), images(64)
    run([replace(attack, budgets=(budget,))], Plan(batch=64, leave=False), recorder, count=64)
    attacked = x[trained()(x).argmax(1) == y]
    _, *iterates = recorder.seen  # the first is the clean pass
    assert len(iterates) == attack.steps + 1
    for iterate in iterates:
        reach = norms(iterate[: len(attacked)] - attacked, attack.norm)
        assert float(reach.max()) <= budget * (1 + 1e-5)
        assert 0.0 <= float(iterate.min()) <= float(iterate.max()) <= 1.0
    assert float(reach.min()) > 0


@pytest.mark.parametrize("seed", range(5))
def test_advance_keeps_every_lane_in_its_own_ball(seed):
    generator = torch.Generator().manual_seed(seed)
    b = 64
    origin = torch.rand(b, 3, 8, 8, generator=generator).round(decimals=1)  # some at 0 and at 1
    budget = 10 ** (-3 + 4 * torch.rand(b, 1, 1, 1, generator=generator))
    step = budget * 2 * torch.rand(b, 1, 1, 1, generator=generator)
    linf = torch.rand(b, generator=generator) < 0.5
    x = origin
    for _ in range(6):
        gradient = torch.randn(b, 3, 8, 8, generator=generator) * 1e-3
        x = advance(x, origin, gradient, step, budget, linf)
        assert 0.0 <= float(x.min()) <= float(x.max()) <= 1.0
        for norm, lanes in (("linf", linf), ("l2", ~linf)):
            reach = norms((x - origin)[lanes], norm)
            assert bool((reach <= budget.flatten()[lanes] * (1 + 1e-5) + 1e-7).all())


def test_advance_of_mixed_lanes_equals_each_norm_alone():
    torch.manual_seed(0)
    origin, gradient = torch.rand(10, 3, 4, 4), torch.randn(10, 3, 4, 4)
    step, budget = torch.full((10, 1, 1, 1), 0.1), torch.full((10, 1, 1, 1), 0.2)
    linf = torch.arange(10) % 3 == 0
    mixed = advance(origin, origin, gradient, step, budget, linf)
    for lanes in (linf, ~linf):
        alone = [t[lanes] for t in (origin, origin, gradient, step, budget, linf)]
        assert torch.equal(mixed[lanes], advance(*alone))


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e-12, 1.0, 1e30])
def test_direction_has_unit_length_whatever_the_gradient_of_a_network(scale):
    gradient = torch.randn(20, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    unit = gradient.double() / gradient.double().flatten(1).norm(dim=1)[:, None, None, None]
    torch.testing.assert_close(direction(gradient * scale), unit.float(), atol=1e-6, rtol=0)
    assert not direction(torch.zeros(2, 3, 4, 4)).any()


@pytest.mark.parametrize("size", [2, 4])
def test_linf_starts_are_uniform_in_the_ball(size):
    starts = PGD_LINF.starts([str(i) for i in range(2000)], size, 0).reshape(2000, -1)
    uniform = stats.uniform(-1, 2).cdf
    p = [stats.kstest(coordinate, uniform).pvalue for coordinate in starts.T]
    assert min(p) > 1e-3 / len(p)
    assert abs(np.corrcoef(starts.T) - np.eye(len(p))).max() < 5 / np.sqrt(2000)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_l2_starts_are_uniform_in_the_ball(size):
    d = 3 * size * size
    starts = PGD_L2.starts([str(i) for i in range(2000)], size, 0).reshape(2000, d)
    radii = np.linalg.norm(starts, axis=1)
    assert radii.max() <= 1 + 1e-6
    assert stats.kstest(radii**d, "uniform").pvalue > 1e-3
    # one coordinate of a uniform point of the ball: density (1 - t^2)^((d - 1) / 2)
    marginal = stats.beta((d + 1) / 2, (d + 1) / 2, loc=-1, scale=2).cdf
    p = [stats.kstest(coordinate, marginal).pvalue for coordinate in starts.T]
    assert min(p) > 1e-3 / d


def test_starts_without_a_random_start_are_the_image():
    assert not FGSM.starts(["a", "b"], 4, 0).any()


@pytest.mark.parametrize("attack", [PGD_LINF, PGD_L2], ids=lambda a: a.name)
def test_starts_belong_to_seed_attack_and_image_alone(attack):
    ids = [f"test/{i}" for i in range(6)]
    starts = attack.starts(ids, 4, 3)
    for i in (4, 0):
        np.testing.assert_array_equal(attack.starts([ids[i]], 4, 3)[0], starts[i])
    np.testing.assert_array_equal(attack.starts(ids[::-1], 4, 3)[::-1], starts)
    np.testing.assert_array_equal(replace(attack, budgets=(0.5,)).starts(ids, 4, 3), starts)
    assert (attack.starts(ids, 4, 4) != starts).any(axis=(1, 2, 3)).all()
    assert (replace(attack, name="other").starts(ids, 4, 3) != starts).any(axis=(1, 2, 3)).all()
    assert (starts[0] != starts[1]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm": "l1"}, r"norm must be one of linf, l2; got 'l1'"),
        ({"name": "../pgd"}, r"name must be of letters.*; got '\.\./pgd'"),
        ({"budgets": ()}, r"budgets must be positive, ascending.*; got \(\)"),
        ({"budgets": (0.2, 0.1)}, r"budgets must be positive, ascending.*; got \(0\.2, 0\.1\)"),
        ({"budgets": (0.1, 0.1)}, r"budgets must be positive, ascending"),
        ({"budgets": (0.0,)}, r"budgets must be positive, ascending"),
        ({"budgets": (float("nan"),)}, r"budgets must be positive, ascending"),
        ({"budgets": (8.0,)}, r"budgets must be .* at most 1; got \(8\.0,\).*8/255"),
        ({"budgets": (float("inf"),), "norm": "l2"}, r"budgets must be positive, ascending"),
        ({"steps": 0}, r"steps must be an integer of at least 1 .*; got 0"),
        ({"steps": 2.5}, r"steps must be an integer of at least 1 .*; got 2\.5"),
        ({"decay": 1.5}, r"decay must lie in \[0, 1\]; got 1\.5"),
        ({"step": 0.0}, r"step in \(0, 2\]; got 7, 0\.0"),
    ],
    ids=str,
)
def test_attack_refuses_what_is_no_attack(change, message):
    with pytest.raises(ValueError, match=rf"^GradientAttack\..*{message}"):
        replace(PGD_LINF, **change)
