"""The table of figures and how they are written."""

from collections.abc import Callable
from pathlib import Path

from analysis.drawing import Drawing, Saved, save, style
from analysis.figure_effects import draw_effects
from analysis.figure_factors import draw_factors, draw_stages
from analysis.figure_importance import draw_importance
from analysis.figure_interactions import draw_interactions
from analysis.figure_outcomes import draw_outcomes
from analysis.figure_pairs import draw_pairs
from analysis.findings import Findings
from analysis.study import Group

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


def draw_all(findings: Findings, folder: Path) -> tuple[tuple[Saved, ...], tuple[str, ...]]:
    """Write every figure as PNG and CSV; return them and, in words, those that were not drawn."""
    saved: list[Saved] = []
    missing: list[str] = []
    with style():
        for group in findings.study.groups:
            for name, draw in FIGURES.items():
                drawing = draw(findings, group)
                if isinstance(drawing, str):
                    missing.append(f"{name} of {group.label} is not drawn: {drawing}.")
                else:
                    saved.append(save(drawing, folder))
    return tuple(saved), tuple(missing)
