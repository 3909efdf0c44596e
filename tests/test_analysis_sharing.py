"""Weight-sharing bias from results with planted agreement, and the notice it gives a report."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.attenuation import PLACE
from analysis.pipeline import analyze
from analysis.sharing import CEILING, CROSS, SUPERNETS, examine_sharing, find_runs
from analysis.sharing_report import UNMEASURED, notices, write_sharing
from analysis.study import read_study
from metrics import difference_of_means
from sampling.store import Campaign, Network, Outcome, open_results, write_results
from tests.analysis_synthetic import Recipe, conditions, write_synthetic

NETWORKS, IMAGES = 24, 80
ASKED = conditions(Recipe(families=("natural",), severities=(3,)))


def outcome(ability: float, difficulty: np.ndarray, rng: np.random.Generator) -> Outcome:
    """What a network of this ability does, harder images and noise taking their share."""
    level = np.array([2.0 if c.family == "clean" else 0.8 for c in ASKED])[:, None]
    correct = ability + level - difficulty + rng.logistic(0, 0.5, (len(ASKED), IMAGES)) > 0
    return Outcome("ab" * 32, np.ones_like(correct), correct)


def write_study(path: Path, shared: float = 0.95, lost: str = "") -> Path:
    """Two families with two supernets and two trainings alone; `lost` failed in one run."""
    rng = np.random.default_rng(0)
    difficulty = rng.normal(0, 1.2, IMAGES)
    rows = []
    for family in ("mobilenet", "resnet"):
        for k in range(NETWORKS + 1):
            first, own = rng.normal(0, 1, 2)
            ability = {"supernet": first, "standalone": shared * first + (1 - shared) * own}
            for origin, seed in [(o, s) for o in ability for s in (0, 1, 2)]:
                name = f"{family[0].encode().hex()}{k:010x}"
                design = "largest" if k == NETWORKS else "stratified"
                if design == "stratified" and seed == 2:
                    continue
                supernet = f"{family}_seed{seed}" if origin == "supernet" else ""
                network = Network(
                    name,
                    "{}",
                    family,
                    origin,
                    supernet,
                    "standard",
                    seed,
                    design,
                    "",
                    {"macs": 1.0},
                )
                if name == lost and (origin, seed) == ("standalone", 1):
                    rows.append((network, None, "failed", "lost"))
                else:
                    rows.append((network, outcome(ability[origin], difficulty, rng), "done", ""))
    campaign = Campaign(
        "{}", "c0" * 32, "digits", "12" * 32, "cpu", ASKED, "test",
        tuple(f"test-{j}" for j in range(IMAGES)), np.arange(IMAGES) % 10, tuple("0123456789"),
        {}, {f"{f}_seed{s}": "{}" for f in ("mobilenet", "resnet") for s in range(3)}, {"macs": ""},
    )  # fmt: skip
    write_results(path, campaign, rows, {})
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("study") / "results.h5")


def accuracies(results: Path, family: str) -> pd.DataFrame:
    """Clean accuracy by network (rows) and by origin and seed (columns), read plainly."""
    with open_results(results) as file:
        table = file.networks.assign(clean=file.correct(["clean"]).mean((1, 2)))
    table = table[(table["family"] == family) & (table["design"] == "stratified")]
    return table.pivot_table(index="id", columns=["origin", "seed"], values="clean")


def test_examine_sharing_is_scipys_tau_over_the_pairs_of_each_comparison(results: Path) -> None:
    _, found = examine_sharing(results, "run", draws=40)
    for family in ("mobilenet", "resnet"):
        told, table = found["families"][family], accuracies(results, family)
        alone, supernet = table["standalone"], table["supernet"]
        crossed = [stats.kendalltau(supernet[s], alone[a])[0] for s in (0, 1) for a in (0, 1)]
        clean = told["outcomes"]["clean"]
        assert clean[CROSS]["tau"][0] == pytest.approx(np.mean(crossed), abs=1e-6)
        between = stats.kendalltau(alone[0], alone[1])[0]
        assert clean[CEILING]["tau"][0] == pytest.approx(between, abs=1e-6)
        again = stats.kendalltau(supernet[0], supernet[1])[0]
        assert clean[SUPERNETS]["tau"][0] == pytest.approx(again, abs=1e-6)
        assert clean["below_ceiling"][0] == pytest.approx(between - np.mean(crossed), abs=2e-6)
        assert told["networks"] == NETWORKS
        assert told["by_chance"] == [2 / 24, 3 / 24, 6 / 24]


def test_examine_sharing_compares_the_largest_networks(results: Path) -> None:
    study, found = examine_sharing(results, "run", draws=20)
    runs = find_runs(study, "largest")[1]
    score = study.score("clean")
    assert score is not None
    assert (runs.family, runs.seeds) == ("resnet", (0, 1, 2, 0, 1, 2))
    shared, alone = score.per_image[runs.rows[:3, 0]], score.per_image[runs.rows[3:, 0]]
    told = found["largest"]["resnet"]["outcomes"]["clean"]
    wanted = difference_of_means(shared, alone)
    limits = [wanted.value, wanted.low, wanted.high]
    np.testing.assert_allclose(told["difference"], limits, atol=1e-6)
    assert told["supernet"] == pytest.approx(shared.mean())


def test_a_network_that_failed_in_one_run_is_left_out_of_all(tmp_path: Path) -> None:
    lost = f"{b'm'.hex()}{3:010x}"
    study, _ = examine_sharing(write_study(tmp_path / "results.h5", lost=lost), "run", 20)
    mobilenet, resnet = find_runs(study, "stratified")
    assert (len(mobilenet.ids), len(resnet.ids)) == (NETWORKS - 1, NETWORKS)
    assert lost not in mobilenet.ids
    ids = study.networks["id"].to_numpy()
    assert (ids[mobilenet.rows] == np.array(mobilenet.ids)).all()


def test_write_sharing_leaves_numbers_table_figure_and_words(results: Path, tmp_path: Path) -> None:
    said = write_sharing(results, tmp_path, "run", draws=40)
    found = json.loads((tmp_path / "study.json").read_text())
    assert found["run"] == "run"
    assert found["sentences"] == said
    table = pd.read_csv(tmp_path / "study.csv")
    row = table.query("family == 'resnet' and outcome == 'natural' and statistic == 'tau'")
    row = row[row["comparison"] == CROSS]
    numbers = found["families"]["resnet"]["outcomes"]["natural"][CROSS]["tau"]
    np.testing.assert_allclose(row[["value", "low", "high"]].to_numpy()[0], numbers)
    assert "mobilenet: rank agreement (Kendall's tau) of 24 networks" in said[0]
    points = pd.read_csv(tmp_path / "sharing.csv")
    clean = points.query("family == 'resnet' and outcome == 'clean'").set_index("id")
    wanted = 100 * accuracies(results, "resnet")["supernet"].mean(axis=1)
    np.testing.assert_allclose(clean.loc[wanted.index, "supernet"], wanted)
    assert (tmp_path / "sharing.png").stat().st_size > 10_000


def test_report_says_what_is_known_of_weight_sharing(tmp_path: Path) -> None:
    run = write_synthetic(tmp_path / "results.h5", Recipe(n=12, images=40, attacked=20))
    html = analyze(run, tmp_path).report.read_text()
    assert "<b>Weight-sharing bias</b> was not measured" in html
    with open_results(run) as file:
        study, content = read_study(file), file.attributes["content_hash"]
    assert notices(study, run) == [UNMEASURED]
    folder = (tmp_path / PLACE).parent
    folder.mkdir()
    other = write_study(folder / "results.h5", shared=0.3)
    write_sharing(other, folder, content, draws=60)
    said = notices(study, run)
    assert len(said) == 2
    assert said[0].startswith("may change ranks in mobilenet: between supernet weights and")
    assert "reaches below 0.5 for clean" in said[0]
    write_sharing(write_study(folder / "results.h5", shared=1.0), folder, content, draws=60)
    assert notices(study, run) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found | {"run": "f" * 64}, "was measured on other results than these"),
        (lambda found: found | {"families": {}}, "was not measured for mobilenet"),
        (lambda found: {"run": found["run"]}, "cannot be told"),
        (lambda found: [], "cannot be told"),
    ],
)
def test_notices_tell_a_study_that_does_not_fit(change, said, results, tmp_path) -> None:
    with open_results(results) as file:
        study, content = read_study(file), file.attributes["content_hash"]
    (tmp_path / PLACE).parent.mkdir()
    high = {"clean": {CROSS: {"tau": [0.9, 0.8, 0.95]}}}
    families = {f: {"networks": 24, "outcomes": high} for f in ("mobilenet", "resnet")}
    found = {"run": content, "families": families}
    (tmp_path / PLACE).write_text(json.dumps(found))
    assert notices(study, tmp_path / "results.h5") == []
    (tmp_path / PLACE).write_text(json.dumps(change(found)))
    assert said in notices(study, tmp_path / "results.h5")[0]
    assert notices(replace(study, groups=()), tmp_path / "results.h5") == []
