"""Every claim gets every verdict on tables in which it was planted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.claims import CLAIMS, claim_sentences
from analysis.claims.claim import Claim, Gap, Interval, Part
from analysis.claims.contrasts import over_images, paired, regress
from analysis.claims.verdicts import COLUMNS, judge_claims, together
from analysis.findings import examine
from sampling.store import Campaign, Condition, Network, Outcome, open_results, write_results
from tests.analysis_synthetic import Recipe, conditions, write_synthetic

FAMILIES = ("clean", "adversarial", "natural", "system")
LIGHT = ("efficientnet_b0", "mobilenetv2_x1", "mobilenetv3_large")
VERDICTS = ("supported", "contradicted", "undecided")


@dataclass(frozen=True)
class Made:
    """A network: what it is, and by how many logits it is better under each family of noise."""

    id: str
    family: str
    technique: str = "standard"
    parameters: float = 1e6
    ability: Mapping[str, float] = field(default_factory=dict)


def write_made(
    path: Path, networks: Sequence[Made], images: int = 800, extra: Sequence[Condition] = ()
) -> Path:
    """A results file of networks trained by themselves, judged on images they share."""
    rng, recipe = np.random.default_rng(0), Recipe(images=images, severities=(1,))
    asked = (*conditions(recipe), *extra)
    difficulty = rng.normal(0, 1, images)
    rows = []
    for made in networks:
        own = np.array([made.ability.get(c.family, 0.0) for c in asked])
        luck = rng.logistic(0, 0.6, (len(asked), images))
        correct = own[:, None] - difficulty + luck > 0
        factors = {"parameters": made.parameters, "macs": 2 * made.parameters}
        text = json.dumps({"name": made.id})
        who = (made.id, text, made.family, "human", "", made.technique, 0)
        network = Network(*who, design="", pair="", factors=factors)
        rows.append((network, Outcome("ab" * 32, np.ones_like(correct), correct), "done", ""))
    campaign = Campaign(
        protocol=json.dumps({"name": "quick"}),
        protocol_hash="c0ffee" * 10 + "0000",
        dataset="made",
        dataset_sha256="12" * 32,
        device="cpu",
        conditions=asked,
        image_set="test",
        image_ids=tuple(f"test-{j}" for j in range(images)),
        labels=np.arange(images) % 10,
        classes=tuple("0123456789"),
        spaces={},
        supernets={},
        factor_units={"parameters": "parameters", "macs": "MACs"},
    )
    write_results(path, campaign, rows, {})
    return path


def verdicts(path: Path) -> dict[str, str]:
    """Claim to verdict."""
    with open_results(path) as results:
        table = examine(results, draws=50).claims
    whole = table[table["part"] == "the whole claim"]
    return dict(zip(whole["name"], whole["verdict"], strict=True))


def trained(technique: str, families: Sequence[str], effect: float) -> list[Made]:
    """Three networks of each family, with the technique and without."""
    better = dict.fromkeys(FAMILIES, effect)
    return [
        Made(f"{family}_{k}", family, label, 1e6 * (1 + k), ability)
        for family in families
        for k in range(3)
        for label, ability in (("standard", {}), (technique, better))
    ]


@pytest.mark.parametrize(("effect", "said"), list(zip((1.5, -1.5, 0.0), VERDICTS, strict=True)))
def test_adversarial_training_gets_every_verdict(effect: float, said: str, tmp_path: Path) -> None:
    networks = trained("adversarial:eps=0.03", ("vit_b_16", "mixer_b16"), effect)
    found = verdicts(write_made(tmp_path / "r.h5", networks))
    assert found["adversarial_training_clean"] == said
    assert found["adversarial_training_noise"] == said
    assert found["light_weight_size"] == "no data"


@pytest.mark.parametrize(("step", "said"), list(zip((1.0, -1.0, 0.0), VERDICTS, strict=True)))
def test_kinds_of_architecture_get_every_verdict(step: float, said: str, tmp_path: Path) -> None:
    ranks = {"resnet50": (1, -1), "deit_small": (0, 1), "mixer_b16": (-1, 0)}
    networks = [
        Made(f"{family}_{k}", family, "standard", 1e6 * (1 + k), ability)
        for family, (natural, adversarial) in ranks.items()
        for ability in [
            {"natural": step * natural, "system": step * natural, "adversarial": step * adversarial}
        ]
        for k in range(4)
    ]
    found = verdicts(write_made(tmp_path / "r.h5", networks))
    assert found["kinds_natural_system"] == said
    assert found["kinds_adversarial"] == said


@pytest.mark.parametrize(
    ("slope", "images", "said"), [(-0.3, 800, "supported"), (1.0, 800, "contradicted"),
                                  (0.0, 40, "undecided")]
)  # fmt: skip
def test_size_and_data_of_light_networks_get_every_verdict(
    slope: float, images: int, said: str, tmp_path: Path
) -> None:
    sizes = [
        Made(f"{f}_{k}", f, "standard", 1e6 * 2**k, dict.fromkeys(FAMILIES, slope * k))
        for f in LIGHT
        for k in range(4)
    ]
    found = verdicts(write_made(tmp_path / "sizes.h5", sizes, images))
    assert found["light_weight_size"] == said
    extra = trained("extra:data=folder", LIGHT, slope)
    found = verdicts(write_made(tmp_path / "extra.h5", extra, images))
    assert found["light_weight_data"] == said


PLANTED = {
    "larger_inputs": "resolution",
    "larger_kernels": "kernel",
    "deeper_last_stage": "depth_stage3",
}


@pytest.mark.parametrize("claim", PLANTED)
@pytest.mark.parametrize(("size", "said"), list(zip((0.9, -0.9, 0.0), VERDICTS, strict=True)))
def test_hypotheses_about_factors_get_every_verdict(
    claim: str, size: float, said: str, tmp_path: Path
) -> None:
    effects = {"adversarial": {PLANTED[claim]: size}}
    recipe = Recipe(
        n=90, images=200, attacked=200, supernets=("mobilenet",), pairs=False, severities=(1,),
        effects=effects, seed=3,
    )  # fmt: skip
    assert verdicts(write_synthetic(tmp_path / "r.h5", recipe))[claim] == said


@pytest.mark.parametrize(
    ("size", "n", "said"), [(-0.5, 90, "supported"), (0.9, 90, "contradicted"),
                            (0.0, 24, "undecided")]
)  # fmt: skip
def test_size_of_subnets_gets_every_verdict(size: float, n: int, said: str, tmp_path: Path) -> None:
    effects = {family: {"parameters": size} for family in FAMILIES}
    recipe = Recipe(n=n, images=200, attacked=200, supernets=("mobilenet",), effects=effects)
    assert verdicts(write_synthetic(tmp_path / "r.h5", recipe))["light_weight_subnets"] == said


def test_every_claim_is_tried_above() -> None:
    tried = {"adversarial_training_clean", "adversarial_training_noise", "kinds_natural_system"}
    tried |= {"kinds_adversarial", "light_weight_size", "light_weight_data"}
    assert set(CLAIMS) == tried | {"light_weight_subnets", *PLANTED}


def part(value: float, half: float, **more: object) -> Part:
    p = 2 * stats.norm.sf(abs(value) / half * 1.96)
    effect = Interval(value, value - half, value + half, float(p))
    return Part("x", effect, "points", "3 networks", "these", **more)


def judged(*answers: Part | Gap) -> pd.DataFrame:
    claim = Claim("name", "Something holds.", "source", lambda evidence: answers)
    return judge_claims(None, [claim])  # type: ignore[arg-type]


def test_verdicts_need_the_interval_and_the_adjusted_p() -> None:
    table = judged(part(3, 1), part(-3, 1), part(0.5, 1), part(3, 1, above=False), Gap("y", "z"))
    said = ["supported", "contradicted", "undecided", "contradicted", "no data"]
    assert table["verdict"].tolist() == ["contradicted", *said]
    p = table["p"].dropna()
    assert table["q"].dropna().tolist() == pytest.approx(stats.false_discovery_control(p))
    many = judged(part(1.01, 1), *[part(0.1, 1) for _ in range(40)])
    assert many["verdict"].iloc[1] == "undecided"  # its q is not below 0.05
    assert list(table) == COLUMNS


def test_a_claim_holds_when_all_of_it_does() -> None:
    assert together(["supported", "supported"]) == "supported"
    assert together(["supported", "undecided"]) == "undecided"
    assert together(["supported", "no data"]) == "undecided"
    assert together(["supported", "contradicted", "no data"]) == "contradicted"
    assert together(["no data"]) == "no data"


def test_sentences_tell_effect_interval_data_doubt_and_what_is_missing() -> None:
    table = judged(part(3, 1, mark="alarm raised for 2 of 3 networks"), Gap("y", "more networks"))
    head, told = claim_sentences(table)
    assert "adjusted over the 1 tested parts" in head
    doubt = "in doubt: alarm raised for 2 of 3 networks"
    assert told.splitlines() == [
        "Undecided: Something holds. (source)",
        f"    supported: x: +3.00 [+2.00, +4.00] points; 3 networks; {doubt}",
        "    also needed: more networks",
    ]


def test_contrast_over_images_is_the_paired_t_test() -> None:
    points = np.random.default_rng(0).normal(size=(2, 30))
    made = over_images(np.array([1.0, -1.0]), points)
    theirs = stats.ttest_rel(*points)
    limits = theirs.confidence_interval(0.95)
    found = made.interval()
    assert found.value == pytest.approx((points[0] - points[1]).mean())
    assert (found.low, found.high, found.p) == pytest.approx((*limits, theirs.pvalue))


def test_mean_of_pairs_from_counts_is_the_t_test_over_units() -> None:
    differences = np.random.default_rng(1).normal(1, 2, (12, 1))
    made = paired(differences, np.arange(12))
    limits = stats.ttest_1samp(differences[:, 0], 0).confidence_interval(0.95)
    assert not isinstance(made, str)
    assert (made.interval().low, made.interval().high) == pytest.approx(tuple(limits))
    assert paired(differences[:3], np.arange(3)) == (
        "the file holds counts only, and fewer than 5 networks can be compared"
    )


def test_regression_on_counts_is_hc3() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(40, 2)), rng.normal(size=(40, 1))
    theirs = sm.OLS(y[:, 0], sm.add_constant(x)).fit(cov_type="HC3", use_t=True)
    found = regress(x, y, np.arange(40)).contrast(np.array([0.0, 1.0])).interval()
    assert (found.low, found.high) == pytest.approx(tuple(theirs.conf_int()[2]))
    assert found.p == pytest.approx(theirs.pvalues[2])
