"""Batches that do not fit the memory, errors that say so, and networks that answer no numbers."""

import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from images.datasets import load_dataset
from noises.adversarial.apgd import APGD
from noises.adversarial.autoattack import AutoAttack
from noises.adversarial.fab import FAB
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.minimum_norm import DDN, CarliniWagner
from noises.adversarial.plan import Plan
from noises.adversarial.square import Square
from noises.adversarial.table import ATTACKS
from noises.presets import quick
from noises.system.inference import INFERENCE_NOISES
from sampling.conditions import Cache, Prepared, load_prepared, prepare
from sampling.evaluation import Evaluator
from sampling.executors import Execution, Handler, run_jobs
from sampling.executors.contract import out_of_memory
from sampling.fitting import fitted
from sampling.signs import signs
from sampling.store import Outcome
from sampling.store.outcome_checks import check_outcome
from tests.network_example import digits, trained

LINF = (0.03, 0.1)
ATTACKING = (
    GradientAttack("pgd", "linf", LINF, 4, 0.4, True, ""),
    APGD("apgd", "linf", LINF, 5, ""),
    FAB("fab", "linf", LINF, 3, "", targets=2),
    Square("square", LINF, 20, ""),
    DDN("ddn", (0.3, 0.7), 5, ""),
    CarliniWagner("cw", (0.3, 0.7), 5, "", rate=0.05),
    AutoAttack("aa", LINF, "", steps=3, targets=2, queries=10),
)
PROTOCOL = replace(
    quick(16),
    natural=("contrast",),
    severities=(3,),
    system=(),
    attacks=ATTACKING[:1],
    attacked=40,
    inference=("bfloat16",),
    batch=128,
    plan=Plan(batch=128),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    cache = Cache(tmp_path_factory.mktemp("copies"))
    return prepare(load_dataset("digits", 16), PROTOCOL, 60, cache)


class Hungry(nn.Module):
    """The classifier, which needs more memory than there is for more than so many images."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.network = most, trained()

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            torch.empty(1 << 60)
        return self.network(x)


def found(prepared: Prepared, network: nn.Module) -> Outcome:
    return fitted(Evaluator(prepared, "cpu"), lambda e: e.evaluate(network.eval(), "w"))


def same(one: Outcome, two: Outcome) -> None:
    np.testing.assert_array_equal(one.evaluated, two.evaluated)
    assert (one.correct != two.correct).mean() < 0.002  # rounding at the edge between classes


def test_a_network_that_fits_is_evaluated_as_the_protocol_says(prepared: Prepared) -> None:
    plain = Evaluator(prepared, "cpu").evaluate(trained(), "w")
    outcome = found(prepared, trained())
    assert "smaller_batch" not in outcome.alarms
    np.testing.assert_array_equal(outcome.correct, plain.correct)


@pytest.mark.parametrize(("most", "share"), [(128, None), (127, 0.5), (63, 0.75), (32, 0.75)])
def test_batches_are_halved_until_they_fit_and_that_is_recorded(
    prepared: Prepared, most: int, share: float | None
) -> None:
    outcome = found(prepared, Hungry(most))
    same(outcome, Evaluator(prepared, "cpu").evaluate(trained(), "w"))
    check_outcome("network", outcome)
    shares = outcome.alarms.get("smaller_batch")
    assert shares is None if share is None else shares is not None and set(shares) == {share}


def test_a_network_that_does_not_fit_at_all_says_so(prepared: Prepared) -> None:
    with pytest.raises(ValueError, match=r"^Evaluator\.batch must fit the memory; .* 8 images"):
        found(prepared, Hungry(4))


def test_an_evaluator_goes_on_in_full_batches_with_the_next_network(prepared: Prepared) -> None:
    evaluator = Evaluator(prepared, "cpu")
    fitted(evaluator, lambda e: e.evaluate(Hungry(64).eval(), "w"))
    assert evaluator.batch == 128
    outcome = fitted(evaluator, lambda e: e.evaluate(trained(), "w"))
    plain = Evaluator(prepared, "cpu").evaluate(trained(), "w")
    np.testing.assert_array_equal(outcome.correct, plain.correct)


def limited(home: Path) -> Handler:
    """Evaluates in a process that may map little more memory than it has."""
    torch.set_num_threads(1)
    evaluator = Evaluator(load_prepared(home, PROTOCOL), "cpu")
    evaluator.evaluate(trained(), "w")  # whatever is loaded late is loaded now

    def handle(mebibytes: int, _: Callable[[Any], None]) -> Outcome:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (mebibytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        return fitted(evaluator, lambda e: e.evaluate(Wide().eval(), "w"))

    return handle


class Wide(nn.Module):
    """The classifier, beside 2 MiB of activations per image."""

    def forward(self, x: Tensor) -> Tensor:
        wide = x.flatten(1).repeat(1, 683)
        return trained()(x) + 0.0 * wide.sum(1, keepdim=True).detach()


@pytest.mark.slow
def test_a_process_that_runs_out_of_memory_halves_its_batches(prepared: Prepared) -> None:
    """128 images take 256 MiB, half of them 128 MiB; then there is room."""
    (event,) = run_jobs(limited, (prepared.home,), [200], Execution(1))
    assert event.kind == "done", event.value
    same(event.value, Evaluator(prepared, "cpu").evaluate(trained(), "w"))
    assert event.value.alarms["smaller_batch"].min() >= 0.5


def raised(work: Callable[[], object]) -> Exception:
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        work()
    return caught.value


def test_errors_that_say_that_memory_ran_out_are_known() -> None:
    assert out_of_memory(raised(lambda: np.empty(1 << 60, np.uint8)))
    assert out_of_memory(raised(lambda: torch.empty(1 << 60)))
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."))
    assert out_of_memory(RuntimeError("CUDNN_STATUS_ALLOC_FAILED"))
    assert not out_of_memory(raised(lambda: torch.zeros(2) @ torch.zeros(3)))
    assert not out_of_memory(ValueError("out of memory"))
    wrapped = ValueError("network")
    wrapped.__cause__ = MemoryError()
    assert out_of_memory(wrapped)


class Fragile(nn.Module):
    """The classifier, which answers images that nobody has seen with NaN or infinity."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value
        self.weights = torch.rand(3 * 16 * 16, generator=torch.manual_seed(0)).double()
        self.seen = self.sums(digits()[0])

    def sums(self, x: Tensor) -> Tensor:
        return x.detach().flatten(1).double() @ self.weights

    def forward(self, x: Tensor) -> Tensor:
        apart = (self.sums(x)[:, None] - self.seen).abs().amin(1, keepdim=True)
        return trained()(x) + torch.where(apart > 1e-9, self.value, 0.0).float()


def test_the_attacks_of_this_module_are_of_every_kind() -> None:
    assert {attack.kind for attack in ATTACKING} == set(ATTACKS)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_answers_that_are_no_numbers_under_attack_raise_the_alarm(
    tmp_path: Path, value: float
) -> None:
    protocol = replace(PROTOCOL, attacks=ATTACKING, natural=(), inference=())
    prepared = prepare(load_dataset("digits", 16), protocol, 60, Cache(tmp_path))
    outcome = found(prepared, Fragile(value))
    check_outcome("network", outcome)
    places = [c for c, k in enumerate(prepared.conditions) if k.family == "adversarial"]
    assert outcome.correct[0].mean() > 0.9
    assert not outcome.correct[places].any()
    # a minimum-norm attack answers for all budgets at once, and its alarm lies in the first
    first = [c for c in places if prepared.conditions[c].severity == 1]
    np.testing.assert_array_equal(outcome.alarms["not_finite"][first], 1.0)


def test_a_network_that_answers_clean_images_with_no_numbers_is_refused(
    prepared: Prepared,
) -> None:
    broken = nn.Sequential(nn.Flatten(), nn.Linear(768, 10))
    nn.init.constant_(broken[1].weight, torch.nan)
    with pytest.raises(ValueError, match=r"^Network\.outputs must be finite; got NaN or infinity"):
        found(prepared, broken)


def test_answers_that_are_no_numbers_under_inference_noise_are_wrong_and_told(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overflow(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return trained()(x).index_fill(1, torch.tensor([0]), torch.inf)

    noise = type("Noise", (), {"changes": lambda *_: True, "apply": lambda *_: Overflow()})
    monkeypatch.setitem(INFERENCE_NOISES, "bfloat16", noise())
    outcome = found(prepared, trained())
    (c,) = (c for c, k in enumerate(prepared.conditions) if k.family == "inference")
    assert not outcome.correct[c].any()
    assert outcome.alarms["not_finite"][c] == 1.0
    assert np.isnan(outcome.alarms["not_finite"][0])


def test_every_forward_pass_is_a_sign_of_life_but_not_too_often() -> None:
    told: list[Any] = []
    with signs(told.append, every=0.0):
        trained()(torch.zeros(1, 3, 16, 16))
    assert len(told) == 1 + len(list(trained().children()))
    with signs(told.append, every=60.0):
        trained()(torch.zeros(1, 3, 16, 16))
    trained()(torch.zeros(1, 3, 16, 16))
    assert len(told) == 1 + len(list(trained().children()))
