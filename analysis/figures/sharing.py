"""What networks score with supernet weights against what they score trained alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.drawing import COLOURS, INK, Drawing, Margins, grid, style, title
from analysis.sharing import CEILING, CROSS, Runs, in_words
from analysis.study import Study
from analysis.summary import HEADLINES

TAU = "\N{GREEK SMALL LETTER TAU}"


def draw_sharing(study: Study, runs: Sequence[Runs], families: Mapping[str, Any]) -> Drawing:
    """Scatter of every network, families down, clean and the noises across; tau in the titles.

    Args:
        study: The networks.
        runs: Of every family.
        families: What `examine_sharing` found of them.
    """
    names = [name for name in HEADLINES if study.score(name) is not None]
    points = pd.concat(
        [_points(study, family, name) for family in runs for name in names], ignore_index=True
    )
    with style():
        margins = Margins(left=0.75, bottom=0.55, top=1.0, across=0.3, down=0.75)
        figure, axes = grid((len(names), len(runs)), (3.2, 1.9), margins)
        for row, name in zip(axes, names, strict=True):
            for ax, family in zip(row, runs, strict=True):
                chosen = (points["family"] == family.family) & (points["outcome"] == name)
                _scatter(ax, points[chosen])
                text = _agreement(families[family.family]["outcomes"][name])
                ax.set_title(f"{family.family}, {name}\n{text}", y=1.0)
            row[0].set_ylabel("trained alone (%)")
        for ax in axes[-1]:
            ax.set_xlabel("supernet weights (%)")
        seeds = [len(runs[0].of(origin)) for origin in ("supernet", "standalone")]
        detail = f"each point a network; means over seeds: {seeds[0]} supernet, {seeds[1]} alone"
        title(figure, "Supernet weights against training alone", detail)
    caption = (
        "Accuracy of each network with supernet weights and trained alone, means over seeds; the "
        "line is equality. In the titles Kendall's tau of single trainings with its 95 % "
        "interval, and its ceiling, tau between two trainings alone."
    )
    return Drawing("sharing", caption, figure, points)


def _points(study: Study, runs: Runs, name: str) -> pd.DataFrame:
    """A row per network with its mean score over seeds, in %, by origin."""
    score = study.score(name)
    assert score is not None  # a headline that was scored
    values = 100 * score.estimate.value[runs.rows]
    means = {origin: values[runs.of(origin)].mean(0) for origin in ("supernet", "standalone")}
    return pd.DataFrame({"family": runs.family, "outcome": name, "id": runs.ids, **means})


def _scatter(ax: Axes, points: pd.DataFrame) -> None:
    """Points and the line of equality."""
    colour = COLOURS[str(points["outcome"].iloc[0])]
    ax.scatter(points["supernet"], points["standalone"], s=9, color=colour, linewidths=0)
    middle = float(points[["supernet", "standalone"]].to_numpy().mean())
    ax.axline((middle, middle), slope=1, color=INK, linewidth=0.7, linestyle=":")


def _agreement(told: Mapping[str, Any]) -> str:
    """Tau and its ceiling."""
    text = f"{TAU} {in_words(told[CROSS]['tau'])}"
    return text + (f", ceiling {in_words(told[CEILING]['tau'])}" if CEILING in told else "")
