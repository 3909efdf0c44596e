"""What a study leaves: its numbers, its figure, and the notice at the head of the run's report."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.attenuation import DOUBTFUL, PLACE, read_families
from analysis.figures.drawing import save
from analysis.figures.sharing import draw_sharing
from analysis.sharing import COMPARISONS, CROSS, DRAWS, examine_sharing, find_runs, in_words
from analysis.study import Study
from analysis.summary import HEADLINES
from analysis.tables import write_csv

UNMEASURED = (
    "was not measured: no study lies beside these results. Ranks of networks and effects of "
    "factors are those of networks with supernet weights; robustscope study says how far networks "
    "trained alone agree."
)


def write_sharing(results: Path, out: Path, run: str, draws: int = DRAWS) -> list[str]:
    """Write out/study.json, sharing.csv, sharing.png and study.csv; return the findings in words.

    Args:
        results: The results file of the study.
        out: An existing folder.
        run: Content hash of the results that the study is of.
        draws: Bootstrap draws behind every interval.
    """
    study, found = examine_sharing(results, run, draws)
    save(draw_sharing(study, find_runs(study, "stratified"), found["families"]), out)
    write_csv({"study": pd.DataFrame(_rows(found))}, out)
    part = out / "study.part"
    part.write_text(json.dumps(found, indent=1))
    part.replace(out / PLACE.name)
    sentences: list[str] = found["sentences"]
    return sentences


def _rows(found: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """A row per number with its interval."""
    names = [f"overlap_{share:g}" for share in found["shares"]]
    for family, outcome, numbers in _outcomes(found["families"]):
        own = {"family": family, "outcome": outcome}
        for comparison in [c for c in COMPARISONS if c in numbers]:
            values = numbers[comparison]
            values = values | dict(zip(names, values["overlap"], strict=True))
            for statistic in ("tau", "correlation", "slope", *names):
                yield _row(own, comparison, statistic, values[statistic])
        if "below_ceiling" in numbers:
            yield _row(own, "below_ceiling", "tau", numbers["below_ceiling"])
    for family, outcome, numbers in _outcomes(found["largest"]):
        own = {"family": family, "outcome": outcome}
        yield _row(own, "largest", "difference", numbers["difference"])


def _outcomes(families: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for family, told in families.items():
        for outcome, numbers in told["outcomes"].items():
            yield family, outcome, numbers


def _row(
    own: Mapping[str, str], comparison: str, statistic: str, numbers: Sequence[float | None]
) -> dict[str, object]:
    limits = dict(zip(("value", "low", "high"), numbers, strict=True))
    return {**own, "comparison": comparison, "statistic": statistic, **limits}


def notices(study: Study, results: Path) -> list[str]:
    """Reasons to doubt that supernet weights rank the networks of a results file as training would.

    Args:
        study: The results, as the analysis sees them.
        results: Their file; a study of them lies beside it.

    Returns:
        Sentences that follow on "Weight-sharing bias"; none when nothing is in doubt.
    """
    if not study.groups:
        return []
    families = read_families(study, results)
    if families is None:
        return [UNMEASURED]
    if isinstance(families, str):
        return [families]
    own = sorted({str(study.networks["family"].iloc[group.rows[0]]) for group in study.groups})
    return [text for family in own for text in _doubts(family, families.get(family))]


def _doubts(family: str, told: Mapping[str, Any] | None) -> Iterator[str]:
    """A sentence when the rank agreement of a family is, or may be, too low."""
    if told is None:
        yield f"was not measured for {family}."
        return
    taus = {n: told["outcomes"][n][CROSS]["tau"] for n in HEADLINES if n in told["outcomes"]}
    low = {n: t for n, t in taus.items() if t[1] is None or t[1] < DOUBTFUL}
    if low:
        listed = ", ".join(f"{name} {in_words(tau)}" for name, tau in low.items())
        yield (
            f"may change ranks in {family}: between supernet weights and training alone, the "
            f"interval of Kendall's tau reaches below {DOUBTFUL} for {listed} "
            f"({told['networks']} networks; study/study.csv)."
        )
