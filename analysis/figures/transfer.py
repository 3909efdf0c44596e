"""F5: how often images that were made against one network mislead another."""

import json

import numpy as np
import pandas as pd
import seaborn as sns
from numpy.typing import NDArray
from scipy import stats

from analysis.figures.drawing import Drawing, Margins, grid, label_width, title
from analysis.figures.families import COUNTS_ONLY, families_of
from analysis.findings import Findings
from analysis.study import Study
from metrics import LEVEL

Cell = tuple[float, float, float]


def draw_transfer(findings: Findings) -> Drawing | str:
    """Heat map of sources by families of targets, per attack and budget, or why there is none."""
    study = findings.study
    table = study.conditions
    columns = np.flatnonzero((table["family"] == "transfer").to_numpy()).tolist()
    clean = np.flatnonzero((table["family"] == "clean").to_numpy())[:1].tolist()
    if not columns:
        return "the protocol has no transfer attack"
    if not clean:
        return "the protocol has no clean condition"
    told = {c: _told(table.iloc[c]) for c in columns}
    panels = list(dict.fromkeys((attack, budget) for _, attack, budget in told.values()))
    sources = list(dict.fromkeys(source for source, _, _ in told.values()))
    families = families_of(study.networks)
    targets = [f.label for f in families]
    data = pd.DataFrame(
        {
            "source": told[c][0],
            "attack": told[c][1],
            "budget": told[c][2],
            "target": family.label,
            "networks": len(family.rows),
            **dict(
                zip(
                    ("misled_percent", "low", "high"),
                    _misled(study, family.rows, clean[0], c),
                    strict=True,
                )
            ),
        }
        for c in columns
        for family in families
    )
    margins = Margins(
        left=label_width(targets), bottom=0.4 + label_width(sources) * 0.6, across=0.2
    )
    panel = (max(1.5, 0.85 * len(sources)), max(0.8, 0.45 * len(targets)))
    figure, (axes,) = grid((1, len(panels)), panel, margins)
    for ax, (attack, budget) in zip(axes, panels, strict=True):
        part = data[(data["attack"] == attack) & (data["budget"] == budget)]
        wide = {
            name: part.pivot(index="target", columns="source", values=name).reindex(
                index=targets, columns=sources
            )
            for name in ("misled_percent", "low", "high")
        }
        sns.heatmap(
            wide["misled_percent"],
            annot=_words(wide),
            fmt="",
            annot_kws={"fontsize": 6.4},
            vmin=0,
            vmax=100,
            cmap="cividis",
            linewidths=0.6,
            cbar=False,
            ax=ax,
        )
        ax.set(xlabel="made on", ylabel="")
        ax.set_title(f"{attack}, budget {budget}", y=1.0)
        ax.tick_params(axis="x", labelrotation=40)
        ax.tick_params(axis="y", labelrotation=0)
        ax.grid(visible=False)
    axes[0].set_ylabel("target")
    count = len(study.networks)
    title(figure, "F5  transfer of attacks (% misled)", f"{count:,} networks, means by family")
    caption = (
        "Of the attacked images that a target classifies rightly without noise, the share that it "
        "misses when they were changed to mislead the source, in %; ratio of sums over the "
        f"networks of a family ({count:,} in all) and images. "
        + (COUNTS_ONLY if study.counted else "In brackets 95 % intervals over images")
        + ". Whether the source itself is right is not asked. Families that a source belongs to "
        "are attacked through relatives: they may share weights with it. Conditional on the "
        "weights of sources and targets."
    )
    return Drawing("F5_transfer", caption, figure, data)


def _told(condition: "pd.Series[str]") -> tuple[str, str, int]:
    """Source, attack and rank of the budget."""
    told = json.loads(str(condition["parameters"]) or "{}")
    attack, _, rest = str(condition["name"]).partition("_from_")
    source = str(told.get("transferred_from") or rest.rpartition("_e")[0] or "unnamed")
    return source, attack, int(condition["severity"])


def _misled(study: Study, rows: NDArray[np.intp], clean: int, column: int) -> Cell:
    """Share in % of what was right and is no longer, with its interval over images."""
    if study.counted:  # of counts the difference is known, not which images
        tried, right = (counts[rows] for counts in study.counts)
        whole = (right[:, clean] / np.maximum(tried[:, clean], 1)).sum()
        left = (right[:, column] / np.maximum(tried[:, column], 1)).sum()
        return (
            (100 * float(1 - left / whole) if whole else float("nan")),
            float("nan"),
            float("nan"),
        )
    both = study.evaluated[rows, clean].all(0) & study.evaluated[rows, column].all(0)
    before = study.correct[rows, clean][:, both]
    lost = (before & ~study.correct[rows, column][:, both]).sum(0).astype(float)
    base = before.sum(0).astype(float)
    if not base.sum() or both.sum() < 2:
        return float("nan"), float("nan"), float("nan")
    share = float(lost.sum() / base.sum())
    rest = lost - share * base  # of a ratio, linearised (Cochran 1977, section 6.4)
    error = float(np.sqrt((rest**2).sum() * len(rest) / (len(rest) - 1))) / float(base.sum())
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(rest) - 1)) * error
    return 100 * share, 100 * max(share - reach, 0.0), 100 * min(share + reach, 1.0)


def _words(wide: dict[str, pd.DataFrame]) -> "np.ndarray[tuple[int, int], np.dtype[np.str_]]":
    """A text for every cell: its share, and the interval where there is one."""

    def text(value: float, low: float, high: float) -> str:
        if not np.isfinite(value):
            return ""
        return f"{value:.0f}" + (f"\n[{low:.0f}, {high:.0f}]" if np.isfinite(low) else "")

    parts = (wide[name].to_numpy(float) for name in ("misled_percent", "low", "high"))
    return np.vectorize(text, otypes=[str])(*parts)  # type: ignore[no-any-return]
