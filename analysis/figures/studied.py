"""sharing, from the results of a study: the figure that the study itself leaves."""

from analysis.figures.drawing import Drawing
from analysis.figures.sharing import draw_sharing
from analysis.findings import Findings
from analysis.sharing import DRAWS, compare, find_runs
from analysis.summary import HEADLINES


def draw_studied(findings: Findings) -> Drawing | str:
    """Supernet weights against training alone, or why it cannot be drawn."""
    study = findings.study
    found = [r for r in find_runs(study, "stratified") if r.of("supernet") and r.of("standalone")]
    if not found or study.counted:
        return (
            "no network has its supernet's weights once and its own another time (the results of "
            "robustscope study have)"
        )
    scores = [score for name in HEADLINES if (score := study.score(name)) is not None]
    families = {
        runs.family: {
            "outcomes": {score.outcome.name: compare(score, runs, DRAWS) for score in scores}
        }
        for runs in found
    }
    return draw_sharing(study, found, families)
