"""Inference, transfer and adversarial conditions of the evaluator, against plain evaluation."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import metrics
from images.datasets import load_dataset
from noises.adversarial.engine import arm, run_attacks
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.minimum_norm import DDN
from noises.adversarial.plan import Plan
from noises.adversarial.square import Square
from noises.adversarial.transfer import last_iterates
from noises.presets import quick
from noises.system.inference import INFERENCE_NOISES
from sampling.conditions import Cache, prepare
from sampling.evaluation import Evaluator, recalibration_batches
from sampling.store import NO_PREDICTION
from sampling.store.outcome_checks import check_outcome
from sampling.transfers import transfer_images
from supernet.calibration import recalibrate, weights_hash
from supernet.network import spawn
from tests.network_example import digits, make_supernet, trained
from training.loop import to_float

FGSM = GradientAttack("fgsm", "linf", (0.05, 0.15), 1, 1.0, False, "")
NAMES = [str(i) for i in range(20)]
MIM = GradientAttack("mim", "linf", (0.05,), 4, 0.25, False, "", decay=1.0)
PROTOCOL = replace(
    quick(16),
    natural=(),
    system=(),
    attacks=(FGSM, Square("square", (0.05, 0.15), 40, "")),
    attacked=40,
    inference=("bfloat16", "int8", "ceil_mode"),
    transfer=(FGSM, MIM),
    plan=Plan(batch=64),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder, data = tmp_path_factory.mktemp("copies"), load_dataset("digits", 16)
    return prepare(data, PROTOCOL, 60, Cache(folder), sources=("one", "two"))


def images_of(prepared):
    chosen = np.array(prepared.attacked)
    images = to_float(np.array(prepared.copies.clean), "cpu")
    return images, torch.from_numpy(np.array(prepared.labels)), chosen


def made_on_trained(prepared):
    """(T, A, ...) images of every transfer condition, with the classifier as both sources."""
    images, labels, chosen = images_of(prepared)
    ids = [prepared.ids[i] for i in chosen]
    parts = [
        last_iterates(trained(), images[chosen], labels[chosen], arm(a, ids, 0), PROTOCOL.plan)
        for a in PROTOCOL.transfer
    ]
    return torch.cat([*parts, *parts]).numpy()


def rows(prepared, family):
    return [c for c, k in enumerate(prepared.conditions) if k.family == family]


def test_conditions_without_copies_come_in_the_order_of_the_protocol(prepared):
    names = [c.name for c in prepared.conditions]
    assert names == [
        "clean", "bfloat16", "int8", "ceil_mode", "fgsm_e1", "fgsm_e2", "square_e1", "square_e2",
        "fgsm_from_one_e1", "fgsm_from_one_e2", "mim_from_one_e1",
        "fgsm_from_two_e1", "fgsm_from_two_e2", "mim_from_two_e1",
    ]  # fmt: skip
    assert prepared.row == (0, *[-1] * 13)
    last = json.loads(prepared.conditions[-1].parameters)
    assert (last["transferred_from"], last["budget"]) == ("two/largest", 0.05)


def test_inference_conditions_are_the_noised_network(prepared):
    images, labels, _ = images_of(prepared)
    found = Evaluator(prepared, "cpu", made_on_trained(prepared)).evaluate(trained(), "w")
    calibration = to_float(np.array(prepared.recalibration), "cpu")
    for c in rows(prepared, "inference"):
        noise = INFERENCE_NOISES[prepared.conditions[c].name]
        wanted = noise.apply(trained(), calibration)(images).argmax(1) == labels
        np.testing.assert_array_equal(found.correct[c], wanted.numpy())
        assert found.evaluated[c].all()
    assert not INFERENCE_NOISES["ceil_mode"].changes(trained())


def test_transfer_from_the_network_itself_is_its_own_attack(prepared):
    found = Evaluator(prepared, "cpu", made_on_trained(prepared)).evaluate(trained(), "w")
    _, _, chosen = images_of(prepared)
    white, carried = rows(prepared, "adversarial")[:2], rows(prepared, "transfer")
    for own, borrowed in zip(white, carried, strict=False):
        # nested budgets count images fooled at a smaller one; a transfer is judged by its own
        assert (found.correct[borrowed][chosen] >= found.correct[own][chosen]).all()
        assert (found.correct[own] != found.correct[borrowed]).mean() < 0.05
    np.testing.assert_array_equal(found.evaluated[carried].sum(1), 40)
    assert np.nanmax(found.alarms["transfer_wins"]) == 0.0
    assert found.correct[0].mean() > 0.9


def test_answers_that_the_protocol_keeps_are_those_of_a_plain_pass(prepared):
    protocol = replace(PROTOCOL, keep=("prediction", "confidence"))
    kept = replace(prepared, protocol=protocol)
    found = Evaluator(kept, "cpu", made_on_trained(prepared)).evaluate(trained(), "w")
    images, labels, _ = images_of(prepared)
    classes, confidence = metrics.confident_class(trained()(images).detach().numpy())
    np.testing.assert_array_equal(found.prediction[0], classes)
    np.testing.assert_array_equal(found.confidence[0], confidence.astype(np.float16))
    np.testing.assert_array_equal(found.correct[0], classes == labels.numpy())
    assert (found.prediction[1:] == NO_PREDICTION).all()
    assert np.isnan(found.confidence[1:]).all()
    check_outcome("network", found)


@pytest.mark.parametrize("spare", [0, 1 << 30])
def test_copies_give_the_same_bits_however_they_are_held(spare, tmp_path, monkeypatch):
    protocol = replace(PROTOCOL, natural=("contrast", "fog"), inference=(), transfer=())
    made = prepare(load_dataset("digits", 16), protocol, 60, Cache(tmp_path))
    as_floats = Evaluator(made, "cpu")
    monkeypatch.setattr("sampling.evaluation.spare_memory", lambda device: spare)
    other = Evaluator(made, "cpu", kept=1)
    found, wanted = other.evaluate(trained(), "w"), as_floats.evaluate(trained(), "w")
    assert (other.resident is None, other.resident_bytes is None) == (True, spare == 0)
    np.testing.assert_array_equal(found.correct, wanted.correct)


def test_nothing_is_kept_unless_asked(prepared):
    found = Evaluator(prepared, "cpu", made_on_trained(prepared)).evaluate(trained(), "w")
    assert (found.prediction, found.confidence, found.distance) == (None, None, None)


def test_distances_of_minimum_norm_attacks_lie_in_the_row_of_the_first_budget(tmp_path):
    attacks = (FGSM, DDN("ddn", (0.3, 0.9), 10, ""))
    protocol = replace(PROTOCOL, attacks=attacks, inference=(), transfer=())
    prepared = prepare(load_dataset("digits", 16), protocol, 60, Cache(tmp_path))
    found = Evaluator(prepared, "cpu").evaluate(trained(), "w")
    images, labels, chosen = images_of(prepared)
    armed = [arm(a, [prepared.ids[i] for i in chosen], protocol.seed) for a in attacks]
    wanted = run_attacks(trained(), images[chosen], labels[chosen], armed, protocol.plan)["ddn"]
    row = [c.name for c in prepared.conditions].index("ddn_e1")
    np.testing.assert_array_equal(found.distance[row, chosen], wanted.distance)
    assert (~np.isnan(found.distance)).sum(1)[row] == 40
    found.distance[row, chosen] = np.nan
    assert np.isnan(found.distance).all()
    fooled = wanted.distance <= np.array([[0.3], [0.9]])  # the radii say the same as the distance
    np.testing.assert_array_equal(found.correct[row : row + 2, chosen], ~fooled)


class Rounded(nn.Module):
    """The classifier behind a rounding that lets no gradient through."""

    def forward(self, x):
        return trained()((x * 8).round() / 8)


def test_alarms_fire_where_a_network_hides_its_gradient(prepared):
    evaluator = Evaluator(prepared, "cpu", made_on_trained(prepared))
    alarms = evaluator.evaluate(Rounded().eval(), "w", trained()).alarms
    fgsm, square = rows(prepared, "adversarial")[:2], rows(prepared, "adversarial")[2:]
    transfer = rows(prepared, "transfer")
    np.testing.assert_array_equal(alarms["zero_gradient"][fgsm], 1.0)
    assert alarms["black_box_wins"][square].max() > 0.1
    assert alarms["transfer_wins"][transfer].max() > 0.1
    assert np.isnan(alarms["transfer_wins"][fgsm]).all()


def test_images_of_the_sources_are_made_once_and_are_those_of_the_largest_networks(prepared):
    supernets = {"one": make_supernet("mobilenet-digits"), "two": make_supernet("resnet-digits")}
    made = transfer_images(supernets, prepared, "cpu")
    again = transfer_images(supernets, prepared, "cpu")
    np.testing.assert_array_equal(made, again)
    images, labels, chosen = images_of(prepared)
    space = supernets["two"].space
    source = spawn(supernets["two"], space.extreme(largest=True))
    recalibrate(source, recalibration_batches(prepared, "cpu")).requires_grad_(False)
    ids = [prepared.ids[i] for i in chosen]
    wanted = last_iterates(source, images[chosen], labels[chosen], arm(MIM, ids, 0), PROTOCOL.plan)
    assert made.shape == (6, 40, 3, 16, 16)
    # folding rounds, and a sign that flips moves a value by two steps
    assert (np.abs(made[-1] - wanted[0].numpy()) > 1e-6).mean() < 0.02
    assert len(weights_hash(source)) == 64


def test_last_iterates_are_in_the_ball_and_made_of_misclassified_images_too():
    x, y = digits()
    wrong = (y[:20] + 1) % 10
    made = last_iterates(
        trained(), x[:20], wrong, arm(FGSM, list("abcdefghijklmnopqrst"), 0), Plan()
    )
    for e, budget in enumerate(FGSM.budgets):
        apart = (made[e] - x[:20]).flatten(1).abs().amax(1)
        assert bool((apart <= budget + 1e-6).all())
        assert bool((apart > 0.9 * budget).all())
    with pytest.raises(ValueError, match=r"^Transfer\.attack must be a gradient attack without"):
        last_iterates(trained(), x[:1], y[:1], arm(Square("s", (0.1,), 5, ""), ["a"], 0), Plan())


def test_batches_of_recalibration_hold_every_image_once_and_mix_what_lies_in_order():
    pixels = np.repeat(np.arange(10, dtype=np.uint8), 30)[:, None, None, None] * np.ones(
        (1, 2, 2, 3), np.uint8
    )
    protocol = replace(PROTOCOL, plan=Plan(batch=128))
    prepared = SimpleNamespace(recalibration=pixels, protocol=protocol)
    batches = recalibration_batches(prepared, "cpu")
    assert [len(b) for b in batches] == [100, 100, 100]
    values = [(255 * b[:, 0, 0, 0]).round().int() for b in batches]
    assert all(v.bincount().tolist() == [10] * 10 for v in values)
