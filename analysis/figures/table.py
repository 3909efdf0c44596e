"""The table of figures and how they are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.figures.choices import draw_choices
from analysis.figures.drawing import Drawing, Saved, save, style
from analysis.figures.effects import draw_effects
from analysis.figures.explained import draw_explained
from analysis.figures.factors import draw_factors, draw_stages
from analysis.figures.heatmap import draw_heatmap
from analysis.figures.importance import draw_importance
from analysis.figures.interactions import draw_interactions
from analysis.figures.outcomes import draw_outcomes
from analysis.figures.pairs import draw_pairs
from analysis.figures.pareto import draw_pareto
from analysis.figures.ranks import draw_ranks
from analysis.figures.severity import draw_severity
from analysis.figures.size import draw_size, draw_strength
from analysis.figures.studied import draw_studied
from analysis.figures.system import draw_system
from analysis.figures.techniques import draw_techniques
from analysis.figures.transfer import draw_transfer
from analysis.findings import Findings
from analysis.study import Group

# one line per figure over all networks; each is drawn once, or says why it cannot be
OVERALL: dict[str, Callable[[Findings], Drawing | str]] = {
    "ranks": draw_ranks,
    "pareto": draw_pareto,
    "F1_size": draw_size,
    "F2_strength": draw_strength,
    "F3_techniques": draw_techniques,
    "F5_transfer": draw_transfer,
    "F6_system": draw_system,
    "severity": draw_severity,
    "sharing": draw_studied,
}

# one line per figure; each is drawn once per supernet, or says why it cannot be
FIGURES: dict[str, Callable[[Findings, Group], Drawing | str]] = {
    "F4_factors": draw_factors,
    "F4_stages": draw_stages,
    "F7_outcomes": draw_outcomes,
    "heatmap": draw_heatmap,
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


@dataclass(frozen=True)
class Figure:
    """A figure to draw.

    Attributes:
        name: Its key in the tables.
        place: Position of the list of networks it is about; None for all networks.
    """

    name: str
    place: int | None = None


def check_names(names: Sequence[str], also: Sequence[str] = ()) -> None:
    """Names are of figures.

    Args:
        names: Of figures, perhaps.
        also: Of figures that are drawn elsewhere.

    Raises:
        ValueError: If one is not.
    """
    known = [*OVERALL, *FIGURES, *COUNTED_FIGURES, *also]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"figures.only must be among {', '.join(known)}; got {unknown[0]!r}.")


def figures_of(findings: Findings, only: Sequence[str] = ()) -> list[Figure]:
    """Every figure of these findings, in the order of the report.

    Args:
        findings: What is drawn.
        only: Names of those to draw; all when empty.
    """
    own = FIGURES if findings.counted is None else COUNTED_FIGURES
    made = [Figure(name) for name in OVERALL]
    made += [Figure(name, k) for k in range(len(findings.study.groups)) for name in own]
    return [figure for figure in made if not only or figure.name in only]


def draw(figure: Figure, folder: Path, pdf: bool, findings: Findings) -> Saved | str:
    """Write a figure as PNG and CSV; in words, why it is not drawn.

    Args:
        figure: Which.
        folder: Where to; it exists.
        pdf: Whether to write a PDF too.
        findings: What is drawn.
    """
    with style():
        if figure.place is None:
            what, drawing = figure.name, OVERALL[figure.name](findings)
        else:
            group = findings.study.groups[figure.place]
            own = FIGURES if findings.counted is None else COUNTED_FIGURES
            what, drawing = f"{figure.name} of {group.label}", own[figure.name](findings, group)
        if isinstance(drawing, str):
            return f"{what} is not drawn: {drawing}."
        return save(drawing, folder, pdf)
