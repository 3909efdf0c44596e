from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis import analyze
from analysis.study import Study, read_study
from analysis.tables import networks_table
from analysis.trust import (
    ALARMS,
    RAISED,
    alarm_sentence,
    alarms_table,
    number_sentences,
    sequences_table,
)
from noises.adversarial.engine import AttackOutcome
from sampling.store import SMALLER_BATCH, Row, open_results, write_results
from tests.sampling_store_example import CAMPAIGN, FULL, MOVES, make_full_rows, make_rows

NAN = np.nan
SHARES = {
    "zero_gradient": ([NAN, 0.0, NAN, NAN], [NAN, 0.2, NAN, NAN]),
    "random": ([NAN, RAISED, NAN, NAN], [NAN, 0.01, NAN, NAN]),
}


def with_alarms(rows: list[Row]) -> list[Row]:
    """Two evaluated networks that raise what `SHARES` says."""
    return [
        row._replace(
            outcome=replace(row.outcome, alarms={a: np.array(s[k]) for a, s in SHARES.items()})
        )
        for k, row in enumerate(rows[:2])
    ]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trust") / "results.h5"
    write_results(path, FULL, with_alarms(make_full_rows()), {})
    return path


@pytest.fixture(scope="module")
def study(path: Path) -> Study:
    with open_results(path) as results:
        return read_study(results)


def test_alarms_table_counts_the_networks_above_the_threshold(study: Study) -> None:
    table = alarms_table(study).set_index("alarm")
    assert table["condition"].tolist() == ["pgd_linf_e1"] * 2
    assert table["networks"].tolist() == [2, 2]
    assert table["raised"].to_dict() == {"random": 0, "zero_gradient": 1}
    assert table.loc["zero_gradient", ["median", "max"]].tolist() == [0.1, 0.2]


def test_alarm_sentence_names_the_alarm_that_is_raised(study: Study) -> None:
    said = alarm_sentence(study)
    assert "zero_gradient" in said
    assert "in 1 of 2 networks under pgd_linf_e1" in said
    assert "random" not in said


def test_alarm_sentence_says_that_none_is_raised(study: Study) -> None:
    calm = replace(study, alarms={"random": study.alarms["random"]})
    assert alarm_sentence(calm).startswith("No alarm about an attack is raised")
    assert alarm_sentence(replace(study, alarms={})) == ""


def test_every_alarm_of_the_attacks_has_a_meaning() -> None:
    told = (AttackOutcome.__doc__ or "").split('"')[1::2]
    assert set(told) | {"transfer_wins"} == set(ALARMS)


def test_sequences_table_by_hand(study: Study) -> None:
    flips = {}
    for q, (sequence, last) in enumerate(zip(MOVES.sequences, MOVES.frames, strict=True)):
        per_network = []
        for row in make_full_rows()[:2]:
            said = row.outcome.sequences["test_p"].prediction[q, :last].astype(int)
            base = said[:1] if MOVES.references[q] == "first" else said[:-1]
            images = [i for i in range(3) if (said[:, i] != 65535).all()]
            per_network.append(np.mean([(said[1:, i] != base[:, i]).mean() for i in images]))
        flips[sequence] = per_network
    table = sequences_table(study).set_index("sequence")
    for sequence, values in flips.items():
        row = table.loc[sequence]
        assert row["networks"] == 2
        np.testing.assert_allclose(row[["min", "max"]].tolist(), [min(values), max(values)])
        found = networks_table(study)[f"flips_test_p_{sequence}"]
        np.testing.assert_allclose(sorted(found), sorted(values))


def test_mean_over_sequences_takes_images_seen_in_all(study: Study) -> None:
    table, columns = sequences_table(study).set_index("sequence"), networks_table(study)
    assert table.loc["mean", "frames"] == sum(MOVES.frames)
    for row in make_full_rows()[:2]:
        said = row.outcome.sequences["test_p"].prediction.astype(int)
        noise, tilt = said[0], said[1, :3]
        seen = [0, 2]  # image 1 was not evaluated under the noise
        both = [(noise[1:, i] != noise[0, i]).mean() for i in seen]
        other = [(tilt[1:, i] != tilt[:-1, i]).mean() for i in seen]
        wanted = (np.mean(both) + np.mean(other)) / 2
        at = study.networks["id"].tolist().index(row.network.id)
        assert columns["flips_test_p"][at] == pytest.approx(wanted)
        assert columns["flips_test_p_low"][at] <= wanted <= columns["flips_test_p_high"][at]


def test_report_shows_alarms_and_sequences(path: Path, tmp_path: Path) -> None:
    page = analyze(path, tmp_path).report.read_text(encoding="utf-8")
    assert 'id="alarms"' in page
    quiet = page.partition("<p>Raised by no network:</p>")[2]
    assert "<li>random: the same image was answered differently twice</li>" in quiet
    assert 'id="sequences"' in page


def test_report_without_them_has_no_such_sections(tmp_path: Path) -> None:
    path = tmp_path / "results.h5"
    rows = [r._replace(outcome=replace(r.outcome, alarms={})) for r in make_rows()[:4]]
    write_results(path, CAMPAIGN, rows, {})
    page = analyze(path, tmp_path).report.read_text(encoding="utf-8")
    assert 'id="alarms"' not in page
    assert 'id="sequences"' not in page


def test_networks_in_smaller_batches_are_told_and_are_no_alarm_about_attacks(study: Study) -> None:
    shares = np.full((len(study.networks), len(study.conditions)), NAN)
    shares[1] = 0.75
    small = replace(study, alarms={SMALLER_BATCH: shares})
    (said,) = number_sentences(small)
    assert said.startswith("1 of 2 networks were evaluated in smaller batches than the protocol's")
    assert "1/4 at the least" in said
    assert alarms_table(small).empty
    assert alarm_sentence(small) == ""
    assert number_sentences(study) == []


def test_answers_that_are_no_numbers_under_inference_noise_are_told(study: Study) -> None:
    conditions = study.conditions.assign(family=["clean", "inference", "natural", "natural"])
    raised = replace(study, conditions=conditions, alarms={"not_finite": study.alarms["random"]})
    assert number_sentences(raised) == []
    raised.alarms["not_finite"][0, 1] = 0.5
    (said,) = number_sentences(raised)
    assert said.startswith("1 of 2 networks answer more than 5% of the images with NaN or infinity")
    assert alarm_sentence(raised) == ""
