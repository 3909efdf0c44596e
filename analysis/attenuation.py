"""What a weight-sharing study beside some results says of effects seen with supernet weights.

Where supernet weights rank networks otherwise than training alone does, an effect of a factor is an
effect on networks nobody would train. `read_shared` gives, per supernet and outcome, the rank
agreement (Kendall's tau) and the slope of a regression of accuracies trained alone on accuracies
with supernet weights: what a difference seen with supernet weights is worth.

**Shrinking.** effect alone = slope x effect seen (regression calibration: Carroll, Ruppert,
Stefanski and Crainiceanu 2006, chapter 4). The variance of a product of independent estimates is
slope^2 var(effect) + effect^2 var(slope) (Goodman 1960, without the product of both variances'
last term, which is of higher order). It takes differences between networks to lose the same share
whatever causes them; slopes are used as they are, above 1 too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.sharing import CROSS
from analysis.study import Study
from metrics import LEVEL, Floats

PLACE = Path("study") / "study.json"
"""Where a study lies, seen from the results that it is of."""

DOUBTFUL = 0.5
"""A rank agreement that may be lower than this is pointed out."""

Limits = tuple[float, float, float]
Z = float(stats.norm.ppf((1 + LEVEL) / 2))


@dataclass(frozen=True)
class Shared:
    """How far supernet weights agree with training alone on one outcome of one family.

    Attributes:
        tau: Kendall's tau with its interval, NaN where it has none.
        slope: Of accuracy alone on accuracy with supernet weights, likewise.
        networks: How many were trained alone.
    """

    tau: Limits
    slope: Limits
    networks: int

    @property
    def doubtful(self) -> bool:
        """Whether the interval of tau reaches below `DOUBTFUL`, or is not known."""
        return not self.tau[1] >= DOUBTFUL


Key = tuple[str, str]
"""Label of a supernet and name of an outcome."""


def read_families(study: Study, results: Path) -> Mapping[str, Any] | str | None:
    """What the study beside a results file found per family; None without one, or what is wrong.

    Args:
        study: The results, as the analysis sees them.
        results: Their file.
    """
    path = results.parent / PLACE
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text())
        if found["run"] != study.attributes["content_hash"]:
            return f"was measured on other results than these: {path} is of {found['run'][:12]}."
        families = found["families"]
        for told in families.values():
            for numbers in told["outcomes"].values():
                _limits(numbers[CROSS]["tau"])
            int(told["networks"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"cannot be told: {path} is damaged. Run robustscope study again."
    checked: Mapping[str, Any] = families
    return checked


def read_shared(study: Study, results: Path) -> dict[Key, Shared]:
    """Agreement per supernet and outcome; empty where no study that fits lies beside the file."""
    families = read_families(study, results)
    if not isinstance(families, Mapping):
        return {}
    found = {}
    for group in study.groups:
        told = families.get(str(study.networks["family"].iloc[group.rows[0]]), {"outcomes": {}})
        for outcome, numbers in told["outcomes"].items():
            cross = numbers[CROSS]
            slope = _limits(cross.get("slope", (None, None, None)))
            shared = Shared(_limits(cross["tau"]), slope, int(told["networks"]))
            found[group.label, str(outcome)] = shared
    return found


def _limits(numbers: Sequence[float | None]) -> Limits:
    value, low, high = (np.nan if n is None else float(n) for n in numbers)
    return value, low, high


def shrink(table: pd.DataFrame, shared: Mapping[Key, Shared], trios: Sequence[str]) -> pd.DataFrame:
    """The table with effects times the slope of their outcome, and a column `shrunk_by`.

    Rows whose slope is not known stay as they are, with an empty `shrunk_by`. p and q stay: an
    effect is 0 after shrinking exactly where it was before.

    Args:
        table: Rows with columns supernet and outcome.
        shared: What is known of them.
        trios: Names of columns, value, low and high after one another, as many trios as there are.
    """
    made = table.copy()
    keys = zip(made["supernet"], made["outcome"], strict=True)
    known = [shared[key].slope if key in shared else (np.nan,) * 3 for key in keys]
    slopes = np.array(known, dtype=float).reshape(-1, 3)
    usable = np.isfinite(slopes).all(axis=1)
    made["shrunk_by"] = np.where(usable, slopes[:, 0], np.nan)
    for start in range(0, len(trios), 3):
        names = list(trios[start : start + 3])
        effects = made.loc[usable, names].to_numpy(dtype=float)
        made.loc[usable, names] = shrunk(effects, slopes[usable])
    return made


def shrunk(effects: Floats, slopes: Floats) -> Floats:
    """(n, 3) products with intervals of effects and slopes, each (n, 3) value, low and high."""
    value = effects[:, 0] * slopes[:, 0]
    reach = np.hypot(
        slopes[:, 0] * (effects[:, 2] - effects[:, 1]) / 2,
        effects[:, 0] * (slopes[:, 2] - slopes[:, 1]) / 2,
    )
    return np.stack([value, value - reach, value + reach], axis=1)


def shrunk_words(shared: Mapping[Key, Shared]) -> str:
    """Which effects were shrunk, and by how much."""
    told = [
        f"{supernet} {outcome} by {found.slope[0]:.2f} [{found.slope[1]:.2f}, {found.slope[2]:.2f}]"
        for (supernet, outcome), found in shared.items()
        if found.slope[0] == found.slope[0]  # not NaN
    ]
    if not told:
        return "No effect was shrunk: no weight-sharing study of these results lies beside them."
    return (
        "Effects in regressions, stages, pairs, interactions and claims are those seen with "
        "supernet weights times the slope of accuracy alone on accuracy with supernet weights: "
        f"{'; '.join(told)}. The sentences above are of effects before that."
    )
