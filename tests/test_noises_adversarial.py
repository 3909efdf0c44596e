"""Attacks agree with a plain loop, stay in their balls, and are paired over networks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from noises.adversarial.draws import image_keys
from noises.adversarial.engine import arm, run_attacks
from noises.adversarial.geometry import L2, NORMS, direction
from noises.adversarial.gradient import GradientAttack, advance
from noises.adversarial.plan import Plan
from tests.network_example import digits, trained

FGSM = GradientAttack("fgsm", "linf", (0.03, 0.08), 1, 1.0, False, "")
PGD_LINF = GradientAttack("pgd_linf", "linf", (0.03, 0.08), 7, 0.3, True, "")
PGD_L2 = GradientAttack("pgd_l2", "l2", (0.4, 1.2), 7, 0.3, True, "")
MIM = GradientAttack("mim", "linf", (0.03, 0.08), 7, 0.2, False, "", decay=0.9)
MIM_L2 = GradientAttack("mim_l2", "l2", (0.4, 1.2), 7, 0.2, False, "", decay=1.0)
PGD_L1 = GradientAttack("pgd_l1", "l1", (4.0, 12.0), 7, 0.3, True, "")
ATTACKS = (FGSM, PGD_LINF, PGD_L2, PGD_L1, MIM, MIM_L2)
EVERY = pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
COUNT = 300


def images(count=COUNT):
    x, y = digits()
    return x[:count], y[:count]


def ids(count=COUNT):
    return [f"test/{i}" for i in range(count)]


def run(attacks, plan, network=None, count=COUNT):
    network = trained() if network is None else network
    return run_attacks(network, *images(count), [arm(a, ids(count), 0) for a in attacks], plan)


def starts(attack, names, size, seed=0):
    return attack.starts(image_keys(seed, attack.name, names), (3, size, size)).numpy()


def plain_loop(network, x, y, attack, budget):
    """One batch, one budget, written from the publications: last iterates, (B,) ever fooled."""
    first = torch.from_numpy(starts(attack, ids(len(x)), 16))
    adversarial, fooled = (x + budget * first).clamp(0, 1), network(x).argmax(1) != y
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
                p = {"l1": 1, "l2": 2}[attack.norm]
                moved[i] += attack.step * budget * gradient[i] / gradient[i].norm(p)
                away = moved[i] - x[i]
                moved[i] = x[i] + away * min(1.0, budget / float(away.norm(p)))
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
    run([attack], Plan(leave=False, probes=False), recorder, count=96)
    attacked = trained()(x).argmax(1) == y
    wanted = plain_loop(trained(), x, y, attack, attack.budgets[0])[0][attacked]
    got = recorder.seen[-1][: int(attacked.sum())]
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=0)


def test_all_attacks_at_once_equal_each_alone():
    together = run(ATTACKS, Plan())
    for attack in ATTACKS:
        alone = run([attack], Plan())[attack.name]
        np.testing.assert_array_equal(together[attack.name].fooled, alone.fooled)
        assert together[attack.name].alarms.keys() == alone.alarms.keys()
        for name, shares in alone.alarms.items():
            np.testing.assert_array_equal(together[attack.name].alarms[name], shares)


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
        run((PGD_LINF, PGD_L2, MIM), Plan(32, leave=leave, probes=False), recorder)
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
    found = run_attacks(Band().eval(), x, y, [arm(leap, ids(2), 0)], plan)["fgsm"]
    np.testing.assert_array_equal(found.fooled, [[False] * 2, [True] * 2, [last] * 2])


def test_nested_outcomes_are_those_of_each_budget_accumulated():
    several = replace(PGD_L2, budgets=(0.2, 0.4, 0.8, 1.2))
    alone, nested = (run([several], Plan(nested=n))["pgd_l2"].fooled for n in (False, True))
    np.testing.assert_array_equal(nested, np.maximum.accumulate(alone, 0))


def norms(delta, norm):
    order = {"linf": float("inf"), "l2": 2, "l1": 1}[norm]
    return delta.flatten(1).norm(order, dim=1)


@EVERY
@pytest.mark.parametrize("budget", [0.01, 0.3, 0.9])
def test_iterates_never_leave_the_ball_nor_the_image_range(attack, budget):
    recorder, (x, y) = Recorder(trained()), images(64)
    run(
        [replace(attack, budgets=(budget,))],
        Plan(64, leave=False, probes=False),
        recorder,
        count=64,
    )
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
    norm = torch.randint(3, (b,), generator=generator).numpy()
    x = origin
    for _ in range(6):
        gradient = torch.randn(b, 3, 8, 8, generator=generator) * 1e-3
        x = advance(x, origin, gradient, step, budget, norm)
        assert 0.0 <= float(x.min()) <= float(x.max()) <= 1.0
        for code, name in enumerate(NORMS):
            lanes = norm == code
            reach = norms((x - origin)[lanes], name)
            assert bool((reach <= budget.flatten()[lanes] * (1 + 1e-5) + 1e-7).all())


def test_advance_of_mixed_lanes_equals_each_norm_alone():
    torch.manual_seed(0)
    origin, gradient = torch.rand(10, 3, 4, 4), torch.randn(10, 3, 4, 4)
    step, budget = torch.full((10, 1, 1, 1), 0.1), torch.full((10, 1, 1, 1), 0.2)
    norm = np.array([0, 0, 1, 1, 1, 2, 0, 1, 2, 2])
    mixed = advance(origin, origin, gradient, step, budget, norm)
    for code in range(3):
        lanes = norm == code
        alone = [t[lanes] for t in (origin, origin, gradient, step, budget, norm)]
        assert torch.equal(mixed[lanes], advance(*alone))


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e-12, 1.0, 1e30])
def test_direction_has_unit_length_whatever_the_gradient_of_a_network(scale):
    gradient = torch.randn(20, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    unit = gradient.double() / gradient.double().flatten(1).norm(dim=1)[:, None, None, None]
    torch.testing.assert_close(direction(gradient * scale, L2), unit.float(), atol=1e-6, rtol=0)
    assert not direction(torch.zeros(2, 3, 4, 4), L2).any()


@pytest.mark.parametrize("size", [2, 4])
def test_linf_starts_are_uniform_in_the_ball(size):
    drawn = starts(PGD_LINF, ids(2000), size).reshape(2000, -1)
    uniform = stats.uniform(-1, 2).cdf
    p = [stats.kstest(coordinate, uniform).pvalue for coordinate in drawn.T]
    assert min(p) > 1e-3 / len(p)
    assert abs(np.corrcoef(drawn.T) - np.eye(len(p))).max() < 5 / np.sqrt(2000)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_l2_starts_are_uniform_in_the_ball(size):
    d = 3 * size * size
    drawn = starts(PGD_L2, ids(2000), size).reshape(2000, d)
    radii = np.linalg.norm(drawn, axis=1)
    assert radii.max() <= 1 + 1e-6
    assert stats.kstest(radii**d, "uniform").pvalue > 1e-3
    # one coordinate of a uniform point of the ball: density (1 - t^2)^((d - 1) / 2)
    marginal = stats.beta((d + 1) / 2, (d + 1) / 2, loc=-1, scale=2).cdf
    p = [stats.kstest(coordinate, marginal).pvalue for coordinate in drawn.T]
    assert min(p) > 1e-3 / d


@pytest.mark.parametrize("size", [1, 2])
def test_l1_starts_are_uniform_in_the_ball(size):
    d = 3 * size * size
    drawn = starts(PGD_L1, ids(2000), size).reshape(2000, d)
    radii = np.abs(drawn).sum(1)
    assert radii.max() <= 1 + 1e-6
    assert stats.kstest(radii**d, "uniform").pvalue > 1e-3
    # one coordinate's size: the first of d + 1 spacings of the unit interval
    p = [stats.kstest(np.abs(column), stats.beta(1, d).cdf).pvalue for column in drawn.T]
    assert min(p) > 1e-3 / d
    assert stats.binomtest(int((drawn > 0).sum()), drawn.size).pvalue > 1e-3


def test_starts_without_a_random_start_are_the_image():
    assert not starts(FGSM, ["a", "b"], 4).any()


@pytest.mark.parametrize("attack", [PGD_LINF, PGD_L2, PGD_L1], ids=lambda a: a.name)
def test_starts_belong_to_seed_attack_and_image_alone(attack):
    names = ids(6)
    drawn = starts(attack, names, 4, 3)
    for i in (4, 0):
        np.testing.assert_array_equal(starts(attack, [names[i]], 4, 3)[0], drawn[i])
    np.testing.assert_array_equal(starts(attack, names[::-1], 4, 3)[::-1], drawn)
    np.testing.assert_array_equal(starts(replace(attack, budgets=(0.5,)), names, 4, 3), drawn)
    assert (starts(attack, names, 4, 4) != drawn).any(axis=(1, 2, 3)).all()
    assert (starts(replace(attack, name="other"), names, 4, 3) != drawn).any(axis=(1, 2, 3)).all()
    assert (drawn[0] != drawn[1]).any()


@pytest.mark.parametrize("attack", [PGD_LINF, PGD_L2, PGD_L1], ids=lambda a: a.name)
def test_restarts_start_elsewhere(attack):
    keys = image_keys(0, attack.name, ids(200))
    first, second = (attack.starts(keys, (3, 4, 4), r).flatten() for r in (0, 1))
    assert abs(float(torch.corrcoef(torch.stack((first, second)))[0, 1])) < 5 / np.sqrt(9600)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm": "l3"}, r"norm must be one of linf, l2, l1; got 'l3'"),
        ({"name": "../pgd"}, r"name must be of letters.*; got '\.\./pgd'"),
        ({"budgets": ()}, r"budgets must be positive, ascending.*; got \(\)"),
        ({"budgets": (0.2, 0.1)}, r"budgets must be positive, ascending.*; got \(0\.2, 0\.1\)"),
        ({"budgets": (0.1, 0.1)}, r"budgets must be positive, ascending"),
        ({"budgets": (0.0,)}, r"budgets must be positive, ascending"),
        ({"budgets": (float("nan"),)}, r"budgets must be positive, ascending"),
        ({"budgets": (8.0,)}, r"budgets must be .* at most 1 .*; got \(8\.0,\).*8/255"),
        ({"budgets": (float("inf"),), "norm": "l2"}, r"budgets must be positive, ascending"),
        ({"steps": 0}, r"steps must be an integer of at least 1; got 0"),
        ({"steps": 2.5}, r"steps must be an integer of at least 1; got 2\.5"),
        ({"decay": 1.5}, r"decay must lie in \[0, 1\]; got 1\.5"),
        ({"step": 0.0}, r"step must lie in \(0, 2\]; got 0\.0"),
        ({"restarts": 0}, r"restarts must be an integer of at least 1; got 0"),
        ({"restarts": 2, "random_start": False}, r"restarts must be 1 without a random start"),
        ({"target": "cat"}, r"target must be one of '', 'runner_up', 'least_likely'; got"),
    ],
    ids=str,
)
def test_attack_refuses_what_is_no_attack(change, message):
    with pytest.raises(ValueError, match=rf"^GradientAttack\..*{message}"):
        replace(PGD_LINF, **change)
