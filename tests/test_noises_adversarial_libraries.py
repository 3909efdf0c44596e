"""Per-image agreement and robust accuracy against foolbox, torchattacks and ART."""

import functools
import os
import warnings

import numpy as np
import pytest
import torch

from noises.adversarial.apgd import APGD
from noises.adversarial.engine import arm, run_attacks
from noises.adversarial.fab import FAB
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.minimum_norm import DDN, CarliniWagner
from noises.adversarial.plan import Plan
from noises.adversarial.square import Square
from tests.network_example import digits, trained

pytestmark = pytest.mark.peer
EPS, COUNT = 0.06, 400
L2 = (0.3, 0.5, 0.7, 1.0)
PLAN = Plan(256, nested=False, probes=False)


def images():
    x, y = digits()
    return x[:COUNT], y[:COUNT]


def ours(attack, plan=PLAN):
    x, y = images()
    return run_attacks(trained(), x, y, [arm(attack, [str(i) for i in range(COUNT)], 0)], plan)[
        attack.name
    ]


def fooled_by(adversarial):
    return (trained()(adversarial).argmax(1) != images()[1]).numpy()


def within(adversarial, budgets, order):
    """(E, B) misclassified at a distance of at most each budget."""
    apart = (adversarial - images()[0]).flatten(1).norm(order, dim=1).numpy()
    return fooled_by(adversarial)[None] & (apart <= np.array(budgets)[:, None] * (1 + 1e-5))


def library(name):
    return pytest.importorskip(name, reason=f"{name} is absent: it comes with the extra [dev]")


@functools.cache
def foolbox_model():
    return library("foolbox").PyTorchModel(trained(), bounds=(0, 1), device="cpu")


@pytest.mark.parametrize("steps", [1, 10])
def test_l1_iterates_are_those_of_foolbox(steps):
    attacks = library("foolbox").attacks
    theirs = attacks.L1PGD(rel_stepsize=0.075, steps=steps, random_start=False)
    _, adversarial, _ = theirs(foolbox_model(), *images(), epsilons=8.0)
    attack = GradientAttack("pgd_l1", "l1", (8.0,), steps, 0.075, False, "")
    fooled = ours(attack, Plan(256, last=True, probes=False)).fooled[0]
    np.testing.assert_array_equal(fooled, fooled_by(adversarial))


@pytest.mark.parametrize(
    ("norm", "name", "budget"), [("linf", "LinfPGD", EPS), ("l2", "L2PGD", 0.7)]
)
def test_random_starts_give_the_robust_accuracy_of_foolbox(norm, name, budget):
    attack = getattr(library("foolbox").attacks, name)(rel_stepsize=0.1, steps=20)
    torch.manual_seed(0)
    _, adversarial, _ = attack(foolbox_model(), *images(), epsilons=budget)
    mine = GradientAttack("pgd", norm, (budget,), 20, 0.1, True, "")
    fooled = ours(mine, Plan(256, last=True, probes=False)).fooled[0]
    assert abs(fooled.mean() - fooled_by(adversarial).mean()) <= 0.01


def test_ddn_finds_the_distances_of_foolbox():
    attack = library("foolbox").attacks.DDNAttack(steps=60)
    _, adversarial, _ = attack(foolbox_model(), *images(), epsilons=None)
    theirs = (adversarial - images()[0]).flatten(1).norm(dim=1).numpy()
    found = ours(DDN("ddn", (1e-6,), 60, "")).distance  # nobody leaves early
    right = found > 0
    apart = np.abs(found - theirs)[right] / theirs[right]
    assert (apart < 1e-3).mean() > 0.85  # a step decided by rounding leads elsewhere
    assert apart.mean() < 0.005


def test_carlini_wagner_finds_the_distances_of_torchattacks():
    attack = library("torchattacks").CW(trained(), c=5, steps=60, lr=0.01)
    # it starts from the exact image, where the gradient of tanh is zero at black and white
    inside = images()[0] * (1 - 2e-6) + 1e-6
    adversarial = attack(inside, images()[1])
    found = ours(CarliniWagner("cw", (1e-6,), 60, "", weight=5.0)).distance
    theirs = np.where(
        fooled_by(adversarial), (adversarial - images()[0]).flatten(1).norm(dim=1), np.inf
    )
    right = ~fooled_by(images()[0])
    assert (np.isfinite(found) == np.isfinite(theirs))[right].mean() >= 0.99
    both = right & np.isfinite(found) & np.isfinite(theirs)
    np.testing.assert_allclose(np.median(found[both]), np.median(theirs[both]), rtol=0.01)


def test_carlini_wagner_with_search_gives_the_curve_of_foolbox():
    attack = library("foolbox").attacks.L2CarliniWagnerAttack(
        binary_search_steps=3, steps=60, stepsize=0.05, initial_const=1.0, abort_early=False
    )
    _, adversarial, _ = attack(foolbox_model(), *images(), epsilons=None)
    mine = ours(CarliniWagner("cw", L2, 60, "", searches=3, rate=0.05)).fooled.mean(1)
    np.testing.assert_allclose(mine, within(adversarial, L2, 2).mean(1), atol=0.01)


@pytest.mark.parametrize("loss", ["ce", "dlr"])
@pytest.mark.parametrize(("norm", "budget"), [("linf", EPS), ("l2", 0.7)])
def test_apgd_reaches_the_robust_accuracy_of_torchattacks(loss, norm, budget):
    theirs = {"linf": "Linf", "l2": "L2"}[norm]
    attack = library("torchattacks").APGD(trained(), norm=theirs, eps=budget, steps=50, loss=loss)
    mine = ours(APGD("apgd", norm, (budget,), 50, "", loss=loss)).fooled.mean()
    assert abs(mine - fooled_by(attack(*images())).mean()) <= 0.0101


def test_targeted_apgd_reaches_the_robust_accuracy_of_torchattacks():
    attack = library("torchattacks").APGDT(trained(), eps=EPS, steps=30)
    mine = ours(APGD("apgd_t", "linf", (EPS,), 30, "", loss="dlr_targeted")).fooled.mean()
    assert abs(mine - fooled_by(attack(*images())).mean()) <= 0.0101


@pytest.mark.slow
def test_fab_of_a_hundred_steps_and_all_targets_equals_torchattacks():
    attack = library("torchattacks").FAB(
        trained(), eps=EPS, steps=100, multi_targeted=True, n_classes=10
    )
    mine = ours(FAB("fab", "linf", (EPS,), 100, "")).fooled[0]
    theirs = within(attack(*images()), (EPS,), float("inf"))[0]
    assert (mine != theirs).sum() <= 1


@functools.cache
def art_classifier():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library("art")
        from art.estimators.classification import PyTorchClassifier

        return PyTorchClassifier(
            trained(), torch.nn.CrossEntropyLoss(), (3, 16, 16), 10, clip_values=(0, 1),
            device_type="cpu",
        )  # fmt: skip


def by_art(name, **settings):
    classifier = art_classifier()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from art.attacks import evasion

        np.random.seed(0)  # noqa: NPY002  the library draws from the global state
        attack = getattr(evasion, name)(classifier, batch_size=COUNT, **settings)
        x, y = images()
        return torch.from_numpy(attack.generate(x.numpy(), y=np.eye(10)[y.numpy()]))


@pytest.mark.parametrize("eps", [EPS, 0.1])
def test_square_lies_among_the_runs_of_the_libraries(eps):
    """They give one batch the same squares, so their runs lie up to 10 points apart; ours, 3."""
    settings = {"norm": np.inf, "eps": eps, "max_iter": 300, "p_init": 0.8, "verbose": False}
    theirs = [fooled_by(by_art("SquareAttack", **settings)).mean()]
    for seed in range(3):
        attack = library("torchattacks").Square(trained(), eps=eps, n_queries=301, seed=seed)
        theirs.append(fooled_by(attack(*images())).mean())
    mine = ours(Square("square", (eps,), 301, "", rescaled=True)).fooled.mean()
    assert min(theirs) - 0.01 <= mine <= max(theirs) + 0.01


def test_apgd_reaches_the_robust_accuracy_of_art():
    adversarial = by_art(
        "AutoProjectedGradientDescent", norm=np.inf, eps=EPS, eps_step=2 * EPS, max_iter=50,
        nb_random_init=1, loss_type="cross_entropy", verbose=False,
    )  # fmt: skip
    mine = ours(APGD("apgd", "linf", (EPS,), 50, "")).fooled.mean()
    assert mine >= fooled_by(adversarial).mean() - 0.01
    assert abs(mine - fooled_by(adversarial).mean()) <= 0.02


def test_peers_are_at_hand_where_they_are_required():
    if "peer" not in os.environ.get("ROBUSTSCOPE_REQUIRE", ""):
        pytest.skip("peers are not required here: ROBUSTSCOPE_REQUIRE does not name them")
    for name in ("foolbox", "torchattacks", "art"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            __import__(name)
