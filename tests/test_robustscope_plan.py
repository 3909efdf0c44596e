"""The plan command, and the assumptions it reads from a results file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.planning import ASSUMED, read_assumptions
from metrics.power import Target, effect_power
from metrics.power_estimates import outcome_correlation, reliability
from nas_space.presets import find_space
from robustscope.__main__ import main
from robustscope.plan import Question, needs, plan, shows
from sampling.store import Network, Outcome, Row, write_results
from tests.sampling_store_example import CAMPAIGN, CONDITIONS, make_rows

IMAGES, PAIRS, SPREAD = 300, 60, 0.05


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["plan", *arguments]) == 0
    return capsys.readouterr().out


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    try:
        code = main(["plan", *arguments])
    except SystemExit as end:
        code = int(str(end.code))
    lines = capsys.readouterr().err.splitlines()
    assert code == 2
    assert len(lines) == 1
    return lines[0]


def paired_rows() -> tuple[list[Row], np.ndarray]:
    """Matched pairs that differ in the resolution, whose true effect has a known spread."""
    space, rng = find_space("mobilenet-digits"), np.random.default_rng(0)
    rows, bits = [], []
    small, large = (c for g in space.genes if g.name == "resolution" for c in g.choices)
    for pair in range(PAIRS):
        drawn, effect = space.sample(rng), rng.normal(0, SPREAD)
        level = rng.random(IMAGES)
        for value, share in ((small, 0.7 - effect / 2), (large, 0.7 + effect / 2)):
            own = space.with_gene(drawn, "resolution", value)
            outcome = np.where(rng.random(IMAGES) < 0.8, level, rng.random(IMAGES)) < share
            network = Network(
                *(own.id, own.to_json(), "mobilenet", "supernet", "mobilenet", "standard", 0),
                *("pair:resolution", f"u{pair}", {"depth": 1.0, "macs": 1.0, "stem_kernel": 3.0}),
            )
            right = outcome[None]
            done = Outcome(f"{len(rows):064x}", np.ones_like(right), right, {}, 0.6)
            rows.append(Row(network, done, "done", ""))
            bits.append(outcome)
    unique = {row.network.id: k for k, row in enumerate(rows)}
    keep = sorted(unique.values())
    return [rows[k] for k in keep], np.array(bits)[keep]


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    rows, bits = paired_rows()
    campaign = replace(
        CAMPAIGN,
        conditions=CONDITIONS[:1],
        image_ids=tuple(f"test/{i}" for i in range(IMAGES)),
        labels=np.arange(IMAGES) % 3,
    )
    path = tmp_path_factory.mktemp("paired") / "results.h5"
    write_results(path, campaign, rows, {})
    return path, bits


def test_assumptions_are_read_from_the_bits_of_a_file(paired: tuple[Path, np.ndarray]) -> None:
    found, bits = read_assumptions(paired[0], "clean"), paired[1]
    assert found.accuracy == pytest.approx(bits.mean())
    assert found.correlation == pytest.approx(outcome_correlation(bits))
    assert found.reliability == pytest.approx(reliability(bits))
    assert found.measured_on == IMAGES
    assert found.seconds == pytest.approx(0.6 / IMAGES)
    assert found.noise.spread == pytest.approx(SPREAD, rel=0.35)
    assert "matched pairs among" in found.origin["noise"]


def test_what_a_file_cannot_say_is_assumed_and_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "results.h5"
    write_results(path, CAMPAIGN, make_rows(), {})
    found = read_assumptions(path, "clean")
    assert found.noise == ASSUMED.noise
    assert found.measured_on is None
    assert found.origin["noise"].startswith("assumed")
    assert found.origin["reliability"].startswith("assumed")
    assert "4 networks" in found.origin["accuracy"]


def test_plan_prints_assumptions_and_needs(capsys: pytest.CaptureFixture[str]) -> None:
    text = said([], capsys)
    assert text.startswith("Assumptions\n  accuracy 50.0 % (assumed")
    assert "an accuracy to +-2 points" in text
    assert "2,398 images" in text
    assert "What such a campaign can show" not in text


def test_plan_with_a_campaign_says_what_it_can_show(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(said(["--networks", "200", "--images", "2000", "--json"], capsys))
    width, difference, effect, correlation = (line["value"] for line in data["shows"])
    assert width == pytest.approx(2.19, abs=0.01)
    power = effect_power(100, 2000, effect / 100, ASSUMED.noise, 0.05)
    assert power == pytest.approx(0.8, abs=1e-4)
    assert 2 < difference < 5
    assert 0.2 < correlation < 0.22


def test_plan_from_a_file_gives_times(
    paired: tuple[Path, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads(said(["--from", str(paired[0]), "--width", "1", "--json"], capsys))
    first = data["needs"][0]
    assert first["seconds"] == pytest.approx(first["images"] * 0.6 / IMAGES)
    assert data["assumptions"]["measured_on"] == IMAGES


def test_what_is_given_replaces_what_is_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--accuracy", "90", "--spread", "1", "--shared", "0", "--reliability", "1"]
    data = json.loads(said([*options, "--json"], capsys))
    assert data["assumptions"]["accuracy"] == pytest.approx(0.9)
    assert data["assumptions"]["noise"] == {"spread": 0.01, "discordance": 0.1, "shared": 0.0}
    assert data["assumptions"]["origin"]["accuracy"] == "given"
    assert data["needs"][0]["value"] == 868


def test_more_tests_need_more_of_everything() -> None:
    one = needs(Question(), ASSUMED, Target())
    many = needs(Question(), ASSUMED, Target(tests=100, adjust="bonferroni"))
    assert one[0] == many[0]  # an interval is not a test
    for few, more in zip(one[1:], many[1:], strict=True):
        assert more.value is None or (few.value is not None and few.value < more.value)


def test_reach_and_needs_are_inverse() -> None:
    question = Question(networks=120, images=3000)
    least = shows(question, ASSUMED, Target())[2].value
    assert least is not None
    again = needs(replace(question, effect=least / 100 + 1e-8), ASSUMED, Target())
    assert again[2].value == 60


def test_reliability_grows_with_the_images_planned(paired: tuple[Path, np.ndarray]) -> None:
    source, target = (paired[0], "clean"), Target()
    networks = [
        plan(Question(images=images), target, source, {})[1][-1].value for images in (100, 3000)
    ]
    assert networks[0] > networks[1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--width", "0"], "plan.width must be above 0 and below 50; got 0"),
        (["--width", "nan"], "plan.width must be"),
        (["--difference", "-1"], "plan.difference must be above 0"),
        (["--correlation", "1"], "plan.correlation must be above 0 and below 1"),
        (["--power", "100"], "Target.power must be above 0 and below 1"),
        (["--tests", "0"], "tests at least 1"),
        (["--accuracy", "120"], "plan.accuracy must be 0 to 1"),
        (["--accuracy", "99.9", "--difference", "2"], "must leave both accuracies in [0, 1]"),
        (["--discordance", "0"], "PairNoise must have"),
        (["--networks", "1", "--images", "100"], "plan.networks must be 4 to"),
        (["--from", "absent.h5"], "must be an existing file; got absent.h5"),
        (["--adjust", "holm"], "invalid choice"),
    ],
)
def test_plan_refuses_bad_input_in_one_line(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert problem in refused(arguments, capsys)


def test_plan_refuses_an_unknown_condition(
    paired: tuple[Path, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(["--from", str(paired[0]), "--condition", "fog"], capsys)
    assert "must be among clean; got 'fog'" in line
