"""The table of figures and how they are written."""

from collections.abc import Callable, Iterator
from pathlib import Path

from analysis.counted.figure_choices import draw_choices
from analysis.counted.figure_explained import draw_explained
from analysis.drawing import Drawing, Saved, save, style
from analysis.figure_effects import draw_effects
from analysis.figure_factors import draw_factors, draw_stages
from analysis.figure_importance import draw_importance
from analysis.figure_interactions import draw_interactions
from analysis.figure_outcomes import draw_outcomes
from analysis.figure_pairs import draw_pairs
from analysis.figure_pareto import draw_pareto
from analysis.figure_ranks import draw_ranks
from analysis.findings import Findings
from analysis.study import Group

# one line per figure over all networks; each is drawn once, or says why it cannot be
OVERALL: dict[str, Callable[[Findings], Drawing | str]] = {
    "ranks": draw_ranks,
    "pareto": draw_pareto,
}

# one line per figure; each is drawn once per supernet, or says why it cannot be
FIGURES: dict[str, Callable[[Findings, Group], Drawing | str]] = {
    "F4_factors": draw_factors,
    "F4_stages": draw_stages,
    "F7_outcomes": draw_outcomes,
    "effects": draw_effects,
    "importance": draw_importance,
    "pairs": draw_pairs,
    "interactions": draw_interactions,
}
COUNTED_FIGURES: dict[str, Callable[[Findings, Group], Drawing | str]] = {
    "explained": draw_explained,
    "choices": draw_choices,
}
"""Instead of `FIGURES`, of files that hold counts only."""


def draw_all(findings: Findings, folder: Path) -> tuple[tuple[Saved, ...], tuple[str, ...]]:
    """Write every figure as PNG and CSV; return them and, in words, those that were not drawn."""
    saved: list[Saved] = []
    missing: list[str] = []
    with style():
        for what, drawing in _drawings(findings):
            if isinstance(drawing, str):
                missing.append(f"{what} is not drawn: {drawing}.")
            else:
                saved.append(save(drawing, folder))
    return tuple(saved), tuple(missing)


def _drawings(findings: Findings) -> Iterator[tuple[str, Drawing | str]]:
    """What is drawn, and the drawing or why there is none; one at a time, they take memory."""
    for name, draw in OVERALL.items():
        yield name, draw(findings)
    table = FIGURES if findings.counted is None else COUNTED_FIGURES
    for group in findings.study.groups:
        for name, draw_group in table.items():
            yield f"{name} of {group.label}", draw_group(findings, group)
