"""What holds of every kind of attack: balls, pairing, leaving early, the curve of distances."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from noises.adversarial.apgd import APGD, checkpoints
from noises.adversarial.autoattack import AutoAttack
from noises.adversarial.engine import arm, run_attacks
from noises.adversarial.fab import FAB, onto_hyperplane
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.losses import cross_entropy
from noises.adversarial.minimum_norm import DDN, CarliniWagner
from noises.adversarial.plan import Plan
from noises.adversarial.square import Square
from noises.adversarial.table import ATTACKS
from noises.adversarial.victim import Victim
from tests.network_example import digits, trained
from tests.test_noises_adversarial import Recorder, norms

LINF, L2 = (0.03, 0.08), (0.4, 1.0)
KINDS = (
    GradientAttack("pgd_restarts", "linf", LINF, 5, 0.4, True, "", restarts=3),
    GradientAttack("pgd_runner_up", "linf", LINF, 5, 0.4, True, "", target="runner_up"),
    GradientAttack("pgd_least_likely", "l2", L2, 5, 0.4, True, "", target="least_likely"),
    APGD("apgd_ce", "linf", LINF, 12, ""),
    APGD("apgd_l2", "l2", L2, 12, "", loss="dlr", restarts=2),
    APGD("apgd_t", "linf", LINF, 12, "", loss="dlr_targeted", targets=3),
    FAB("fab_linf", "linf", LINF, 8, "", targets=3),
    FAB("fab_l2", "l2", L2, 8, "", targets=3),
    Square("square", (0.06, 0.15), 60, "", rescaled=True),
    DDN("ddn", L2, 30, ""),
    CarliniWagner("cw", L2, 20, "", weight=5.0, rate=0.05),
    CarliniWagner("cw_search", L2, 10, "", searches=3, rate=0.1, confidence=0.5),
    AutoAttack("autoattack", LINF, "", steps=8, targets=2, queries=30),
    AutoAttack("autoattack_rand", LINF, "", version="rand", steps=5, samples=2),
)
EVERY = pytest.mark.parametrize("attack", KINDS, ids=lambda a: a.name)
MINIMUM_NORM = [a for a in KINDS if a.kind in ("fab", "ddn", "cw")]
COUNT = 96


def run(attacks, plan=None, network=None, images=slice(COUNT), seed=0):
    x, y = digits()
    names = [f"test/{i}" for i in range(*images.indices(len(x)))]
    armed = [arm(a, names, seed) for a in attacks]
    return run_attacks(network or trained(), x[images], y[images], armed, plan or Plan())


def test_every_kind_is_tested():
    assert {a.kind for a in KINDS} == set(ATTACKS)


@EVERY
def test_attack_fools_some_and_more_at_the_larger_budget(attack):
    x, y = digits()
    wrong = (trained()(x[:COUNT]).argmax(1) != y[:COUNT]).numpy()
    fooled = run([attack])[attack.name].fooled
    assert fooled.shape == (2, COUNT)
    assert (fooled[0] <= fooled[1]).all()
    assert fooled[:, wrong].all()
    assert wrong.mean() < fooled[0].mean() < fooled[1].mean() < 0.95


@EVERY
def test_iterates_stay_images_and_those_that_fool_lie_in_the_ball(attack):
    x, y = digits()
    x, y = x[:32], y[:32]
    radius = attack.budgets[0]
    recorder = Recorder(trained())
    plan = Plan(32, leave=False, probes=False)
    alone = replace(attack, budgets=(radius,))
    run_attacks(recorder, x, y, [arm(alone, [str(i) for i in range(32)], 0)], plan)
    ball = attack not in MINIMUM_NORM and attack.kind != "autoattack"
    origin = x[(trained()(x).argmax(1) == y)]
    for seen in recorder.seen[1:]:
        assert 0.0 <= float(seen.min()) <= float(seen.max()) <= 1.0
        if ball:  # lanes may be of any image and target: the nearest one is theirs
            apart = (seen[:, None] - origin[None]).flatten(0, 1)
            reach = norms(apart, attack.norm).view(len(seen), -1).amin(1)
            assert float(reach.max()) <= radius * (1 + 1e-5)


@EVERY
def test_leaving_early_changes_no_outcome(attack):
    early, late = (run([attack], Plan(leave=leave))[attack.name] for leave in (True, False))
    np.testing.assert_array_equal(early.fooled, late.fooled)


@EVERY
def test_outcome_depends_neither_on_the_batch_nor_on_who_else_is_attacked(attack):
    whole = run([attack])[attack.name].fooled
    part = run([attack], images=slice(40, 72))[attack.name].fooled
    small = run([attack], Plan(batch=32))[attack.name].fooled
    company = run([KINDS[3], attack, KINDS[8]] if attack not in KINDS[3:9] else [attack])
    assert (part != whole[:, 40:72]).mean() <= 0.02  # rounding depends on the batch
    assert (small != whole).mean() <= 0.01
    np.testing.assert_array_equal(company[attack.name].fooled, whole)


@EVERY
def test_repeated_runs_are_equal(attack):
    first, second = (run([attack])[attack.name] for _ in range(2))
    np.testing.assert_array_equal(first.fooled, second.fooled)
    for name, shares in first.alarms.items():
        np.testing.assert_array_equal(second.alarms[name], shares)


@pytest.mark.parametrize("attack", MINIMUM_NORM, ids=lambda a: a.name)
def test_distances_give_the_curve_of_the_budgets(attack):
    found = run([attack], Plan(leave=False))[attack.name]
    below = found.distance[None] <= np.array(attack.budgets)[:, None] * (1 + 1e-6)
    np.testing.assert_array_equal(found.fooled, below)
    assert (np.isfinite(found.distance)).mean() > 0.9
    clean_wrong = found.distance == 0
    np.testing.assert_array_equal(
        clean_wrong, (trained()(digits()[0][:COUNT]).argmax(1) != digits()[1][:COUNT]).numpy()
    )


@pytest.mark.parametrize("attack", MINIMUM_NORM, ids=lambda a: a.name)
def test_one_run_of_a_minimum_norm_attack_answers_for_each_budget_alone(attack):
    nested = run([attack])[attack.name].fooled
    alone = run([attack], Plan(nested=False))[attack.name].fooled
    np.testing.assert_array_equal(nested, alone)


def test_restarts_fool_no_fewer():
    attack = replace(KINDS[0], restarts=1)
    once, thrice = run([attack])[attack.name].fooled, run([KINDS[0]])[KINDS[0].name].fooled
    assert (once <= thrice).all()
    assert once.sum() < thrice.sum()


def test_targeted_steps_lower_the_loss_of_the_target():
    x, y = digits()
    x, y = x[:40], y[:40]
    attack = GradientAttack("t", "linf", (0.2,), 10, 0.2, False, "", target="least_likely")
    recorder = Recorder(trained())
    plan = Plan(leave=False, probes=False)
    run_attacks(recorder, x, y, [arm(attack, [str(i) for i in range(40)], 0)], plan)
    clean = trained()(x)
    right = clean.argmax(1) == y
    target = clean.argmin(1)[right]
    last = trained()(recorder.seen[-1][: int(right.sum())])
    assert float((last.argmax(1) == target).float().mean()) > 0.5
    assert float((clean.argmax(1)[right] == target).float().mean()) == 0.0


def test_gradient_of_many_samples_is_nearer_to_the_expected_one():
    class Noisy(nn.Module):
        def forward(self, x):
            return trained()(x + 0.3 * torch.randn_like(x))

    torch.manual_seed(0)
    x, y = digits()
    victim = Victim(Noisy().eval(), 32)
    one, some, many = (
        victim.gradient(x[:32], lambda z: cross_entropy(z, y[:32]), n).gradient.flatten(1)
        for n in (1, 16, 400)
    )
    near_one, near_some = (
        nn.functional.cosine_similarity(g, many).median().item() for g in (one, some)
    )
    assert near_one < 0.93 < near_some
    assert near_some > near_one + 0.05


def test_black_box_alarm_fires_when_squares_find_what_gradients_do_not():
    fgsm = GradientAttack("fgsm", "linf", KINDS[8].budgets, 1, 1.0, False, "")
    ensemble = AutoAttack("autoattack", KINDS[8].budgets, "", steps=3, targets=1, queries=60)
    hidden = run([fgsm, KINDS[8], ensemble], network=Rounded().eval())
    plain = run([fgsm, KINDS[8], ensemble])
    for name in ("square", "autoattack"):
        assert hidden[name].alarms["black_box_wins"].max() > 0.1
        assert plain[name].alarms["black_box_wins"].max() < 0.05
    assert np.isnan(hidden["fgsm"].alarms["black_box_wins"]).all()
    assert np.isnan(run([KINDS[8]])["square"].alarms["black_box_wins"]).all()


def test_ensemble_is_the_worst_case_of_its_members():
    attack = KINDS[-2]
    left = ~run([attack])[attack.name].fooled
    for member in attack.members(10):
        # members draw other numbers when run by themselves, so a few images may differ
        alone = ~run([member])[member.name].fooled
        assert (left & ~alone).mean() <= 0.02
    assert [m.name for m in attack.members(10)] == ["apgd_ce", "apgd_t", "fab_t", "square"]
    assert [m.name for m in attack.members(3)] == ["apgd_ce", "fab_t", "square"]
    assert [m.name for m in KINDS[-1].members(10)] == ["apgd_ce", "apgd_dlr"]


class Saturated(nn.Module):
    """Three classes, logits so far apart that cross-entropy has no gradient in float32."""

    def forward(self, x):
        return 1e4 * trained()(x)[:, :3]


class Rounded(nn.Module):
    """Nine grey levels, so no gradient at all."""

    def forward(self, x):
        return trained()((x * 8).round() / 8)


@pytest.mark.parametrize(
    ("network", "member"), [(Saturated(), "fab_t"), (Rounded(), "square")], ids=["fab_t", "square"]
)
def test_ensemble_without_a_member_is_noticed(network, member, monkeypatch):
    x, y = digits()
    if member == "fab_t":
        x, y = x[y < 3][:32], y[y < 3][:32]
    x, y = x[:32], y[:32]
    attack = AutoAttack(
        "autoattack", (0.03 if member == "fab_t" else 0.1,), "", "standard", 10, 9, 60
    )
    armed, plan = [arm(attack, [str(i) for i in range(len(x))], 0)], Plan()
    whole = run_attacks(network.eval(), x, y, armed, plan)["autoattack"].fooled.sum()
    members = AutoAttack.members
    monkeypatch.setattr(
        AutoAttack, "members", lambda a, k: [m for m in members(a, k) if m.name != member]
    )
    assert run_attacks(network, x, y, armed, plan)["autoattack"].fooled.sum() < whole


def test_checkpoints_are_those_of_the_publication():
    # shares of 100 steps: 0.22, then each gap 0.03 shorter than the one before, at least 0.06
    assert list(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert list(checkpoints(100).values()) == [22, 19, 16, 13, 10, 7, 6, 6]


def test_square_shrinks_after_the_published_queries():
    attack = Square("s", (0.1,), 5000, "")
    sides = [attack.side(q, 32) for q in (1, 10, 11, 51, 201, 501, 1001, 2001, 4001)]
    assert sides == [29, 29, 20, 14, 10, 7, 5, 4, 3]
    rescaled = replace(attack, rescaled=True)
    assert [rescaled.side(q // 2, 32) for q in (2, 10, 12, 52)] == [29, 29, 20, 14]
    assert attack.side(4999, 1) == 1


@pytest.mark.parametrize("norm", [0, 1])
@pytest.mark.parametrize("seed", range(4))
def test_projection_on_a_hyperplane_is_the_shortest(norm, seed):
    """Against SciPy: the least move within the box that reaches the plane."""
    from scipy.optimize import linprog, minimize

    rng = np.random.default_rng(seed)
    d = 6
    x = rng.uniform(size=d).round(1)
    w = rng.normal(size=d) * (rng.uniform(size=d) < 0.8)
    reachable = np.where(w > 0, w * (1 - x), -w * x).sum()
    gap = reachable * rng.uniform(0.2, 0.9)
    t = [torch.from_numpy(a)[None].float() for a in (x, w)]
    move = onto_hyperplane(*t, torch.tensor([gap]).float(), norm)[0].double().numpy()
    assert abs(w @ move - gap) < 1e-5
    assert ((x + move) >= -1e-6).all()
    assert ((x + move) <= 1 + 1e-6).all()
    if norm == 0:
        cost = np.r_[np.zeros(d), 1.0]
        limits = np.c_[np.r_[np.eye(d), -np.eye(d)], -np.ones(2 * d)]
        best = linprog(
            cost, limits, np.zeros(2 * d), np.r_[w, 0.0][None], [gap],
            bounds=[*zip(-x, 1 - x, strict=True), (0, None)],
        ).fun  # fmt: skip
        assert abs(np.abs(move).max() - best) < 1e-5
    else:
        found = minimize(
            lambda z: z @ z, move * 0.5, jac=lambda z: 2 * z, method="SLSQP",
            bounds=list(zip(-x, 1 - x, strict=True)),
            constraints={"type": "eq", "fun": lambda z: w @ z - gap}, tol=1e-12,
        )  # fmt: skip
        assert np.linalg.norm(move) <= np.linalg.norm(found.x) + 1e-4


def test_projection_beyond_reach_goes_as_far_as_the_box_allows():
    x, w = torch.tensor([[0.2, 0.5, 0.5]]), torch.tensor([[1.0, -2.0, 0.0]])
    move = onto_hyperplane(x, w, torch.tensor([100.0]), 0)
    torch.testing.assert_close(move[:, :2], torch.tensor([[0.8, -0.5]]))


@pytest.mark.parametrize("attack", KINDS, ids=lambda a: a.name)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budgets": (0.2, 0.1)}, r"budgets must be positive, ascending"),
        ({"name": "a b"}, r"name must be of letters"),
        ({"norm": "l7"}, r"norm must be one of"),
    ],
    ids=["budgets", "name", "norm"],
)
def test_every_kind_refuses_what_cannot_be_meant(attack, change, message):
    with pytest.raises(ValueError, match=rf"^{type(attack).__name__}\.{message}"):
        replace(attack, **change)


@pytest.mark.parametrize(
    ("attack", "change", "message"),
    [
        (
            KINDS[3],
            {"loss": "hinge"},
            r"APGD\.loss must be one of ce, dlr, dlr_targeted; got 'hinge'",
        ),
        (KINDS[3], {"share": 0.0}, r"APGD\.share must lie in \(0, 1\]; got 0"),
        (KINDS[6], {"back": 1.0}, r"FAB\.bias must lie .*; got 0\.1, 1\.05, 1\.0"),
        (KINDS[8], {"queries": 0}, r"Square\.queries must be an integer of at least 1; got 0"),
        (KINDS[8], {"share": 2.0}, r"Square\.share must lie in \(0, 1\]; got 2"),
        (KINDS[9], {"change": 1.0}, r"DDN\.radius must be positive .*; got 1\.0, 1\.0"),
        (
            KINDS[10],
            {"rate": 0.0},
            r"CarliniWagner\.weight must be positive, rate in .*; got 5\.0, 0",
        ),
        (KINDS[12], {"version": "plus"}, r"AutoAttack\.version must be one of standard, rand; got"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_attack_refuses_parameters_out_of_range(attack, change, message):
    with pytest.raises(ValueError, match=rf"^{message}"):
        replace(attack, **change)


def test_loss_that_needs_more_classes_is_refused():
    x, y = digits()
    two = nn.Sequential(trained(), nn.Linear(10, 2)).eval()
    with pytest.raises(
        ValueError, match=r"^APGD\.loss must suit the network; got 'dlr_targeted' for"
    ):
        run_attacks(two, x[:8], y[:8] % 2, [arm(KINDS[5], list("abcdefgh"), 0)], Plan())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budgets": (float("nan"), 0.5)}, r"budgets must be positive, ascending"),
        ({"budgets": (1e-300, 0.5)}, r"budgets must be positive, ascending"),
        ({"budgets": [0.1]}, r"budgets must be a tuple of numbers; got \[0\.1\]"),
        ({"budgets": 0.1}, r"budgets must be a tuple of numbers; got 0\.1"),
        ({"name": 3}, r"name must be of letters"),
    ],
    ids=["nan", "tiny", "list", "number", "name"],
)
@EVERY
def test_every_kind_refuses_what_is_no_description(attack, change, message):
    with pytest.raises(ValueError, match=rf"^{type(attack).__name__}\.{message}"):
        replace(attack, **change)


@pytest.mark.parametrize(
    ("attack", "field"), [(KINDS[9], "radius"), (KINDS[10], "weight"), (KINDS[10], "rate")]
)
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_parameters_that_are_not_finite_are_refused(attack, field, value):
    with pytest.raises(ValueError, match=rf"^{type(attack).__name__}\.{field} must be finite; got"):
        replace(attack, **{field: value})


def test_two_attacks_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"^Attack\.attacks must have distinct names"):
        run([KINDS[9], replace(KINDS[9], steps=5)])


class Answers(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, x):
        return self.change(trained()(x))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Answers(lambda y: (y, y)), r"must return logits as a tensor of floats; got tuple"),
        (Answers(lambda y: {"logits": y}), r"must return logits as a tensor of floats; got dict"),
        (
            Answers(lambda y: y.argmax(1)),
            r"must return logits as a tensor of floats; got torch",
        ),
        (
            Answers(lambda y: y[:, :1]),
            r"must return logits .* of K > 1 classes; got \(96, 1\)",
        ),
        (nn.Conv2d(3, 2, 3).double(), r"must take float32 images .*; got"),
        (nn.Conv2d(1, 2, 3), r"must take float32 images .*; got"),
        (lambda x: x, r"must be a torch module; got function"),
    ],
    ids=["tuple", "dict", "classes", "one class", "float64", "grey", "function"],
)
def test_network_that_is_none_of_ours_is_refused_in_one_line(network, message):
    network = network.eval() if isinstance(network, nn.Module) else network
    with pytest.raises(ValueError, match=rf"^Attack\.network {message}") as caught:
        run([KINDS[0]], network=network)
    assert "\n" not in str(caught.value)
