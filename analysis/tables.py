"""networks.csv, conditions.csv and the numbers behind them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.counts import without_limits
from analysis.study import Study
from metrics import Bits, Estimate, Floats, attack_robustness, robust_accuracy, wilson, worst_case

_ROWS = 20_000  # of a table that are written at a time
IDENTITY = [
    *("id", "family", "origin", "supernet", "technique", "seed", "design", "pair"),
    *("weights", "architecture"),
]


def networks_table(study: Study) -> pd.DataFrame:
    """One row per evaluated network: identity, factors, and every accuracy with its interval.

    Shares are in [0, 1]. Every number NAME comes with NAME_low and NAME_high. NAME is a condition
    (share of its evaluated images), worst_case_eR (robust accuracy under the worst attack of budget
    rank R), wcar_eR (the same of the images right without noise), an outcome, flips_SET_SEQUENCE
    (flip probability) or flips_SET (its mean over the sequences).
    """
    columns: dict[str, object] = {name: study.networks[name] for name in IDENTITY}
    columns |= {str(name): study.factors[name] for name in study.factors}
    tried, right = study.counts
    whole = without_limits(wilson(right.astype(float), tried.astype(float)), study.uncounted)
    for m, name in enumerate(study.conditions["name"]):
        columns |= _with_limits(str(name), _column(whole, m))
    columns |= _worst_cases(study)
    for score in study.scores:
        name = score.outcome.name
        # a condition may bear an outcome's name ("clean"): same number, unless it is something else
        same = name in columns and score.outcome.columns == (_position(study, name),)
        if not same:
            columns |= _with_limits(f"outcome_{name}" if name in columns else name, score.estimate)
    for flips in study.flips:
        prefix = f"flips_{flips.record.name}"
        for q, sequence in enumerate(flips.record.sequences):
            columns |= _with_limits(f"{prefix}_{sequence}", _column(flips.probability, q))
        columns |= _with_limits(prefix, flips.mean)
    return pd.DataFrame(columns)


def conditions_table(study: Study) -> pd.DataFrame:
    """One row per condition: what it is, and median, least and greatest accuracy over networks."""
    table = study.conditions.copy()
    tried, right = study.counts
    shares = wilson(right.astype(float), tried.astype(float)).value
    known = [column[np.isfinite(column)] for column in shares.T]
    table["networks"] = [len(column) for column in known]
    table["images"] = tried.max(axis=0)
    if study.uncounted.any():
        table["images"] = table["images"].astype(object).mask(study.uncounted, "unknown")
    for name, of in (("median", np.median), ("min", np.min), ("max", np.max)):
        table[name] = [float(of(column)) if len(column) else np.nan for column in known]
    table["median_drop"] = _median_drop(study, shares)
    return table


def write_csv(tables: Mapping[str, pd.DataFrame], folder: Path) -> dict[str, Path]:
    """Write NAME.csv for every table into an existing folder and return the paths."""
    paths = {}
    for name, table in tables.items():
        paths[name] = folder / f"{name}.csv"
        with paths[name].open("w", encoding="utf-8", newline="") as stream:
            stream.write(_line(map(_quoted, map(str, table.columns))))
            for start in range(0, len(table), _ROWS):
                part = table.iloc[start : start + _ROWS]
                cells = [_texts(part.iloc[:, k]) for k in range(part.shape[1])]
                stream.writelines(map(_line, zip(*cells, strict=True)))
    return paths


def _line(cells: Iterable[str]) -> str:
    return ",".join(cells) + "\n"


def _texts(column: pd.Series) -> list[str]:
    """The cells of a column: floats with eight digits, empty where nothing is known.

    Every float is put into words once, however often it is there: accuracies of 100,000 networks
    on 10,000 images have 10,001 values.
    """
    if column.dtype == np.float64:
        # by bits, so that 0 and -0 stay two
        bits, places = np.unique(column.to_numpy().view(np.int64), return_inverse=True)
        texts = [f"{v:.8g}" if v == v else "" for v in bits.view(np.float64).tolist()]
        spread: list[str] = np.array(texts, object)[places].tolist()
        return spread
    missing = column.isna().tolist()
    cells = zip(column.tolist(), missing, strict=True)
    words = ["" if unknown else str(value) for value, unknown in cells]
    quoted = {word: _quoted(word) for word in set(words)}
    return [quoted[word] for word in words]


def _quoted(text: str) -> str:
    """A text as a cell of CSV (RFC 4180)."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _column(estimate: Estimate, k: int) -> Estimate:
    """Of an estimate (N, K), the one in column k."""
    return Estimate(estimate.value[:, k], estimate.low[:, k], estimate.high[:, k])


def _with_limits(name: str, estimate: Estimate) -> dict[str, object]:
    limits = {"_low": estimate.low, "_high": estimate.high}
    return {name: estimate.value, **{name + suffix: value for suffix, value in limits.items()}}


def _position(study: Study, name: str) -> int:
    names = [str(other) for other in study.conditions["name"]]
    return names.index(name) if name in names else -1


def _worst_cases(study: Study) -> dict[str, object]:
    """Worst case over attacks per budget rank, in both definitions."""
    family = study.conditions["family"]
    attacks = np.flatnonzero(family == "adversarial")
    clean = np.flatnonzero(family == "clean")
    if len(attacks) == 0 or study.counted:
        return {}
    ranks = study.conditions["severity"].to_numpy()[attacks]
    tried, right, levels = worst_case(study.evaluated[:, attacks], study.correct[:, attacks], ranks)
    columns = _by_rank("worst_case", robust_accuracy(tried, right), levels)
    if len(clean):
        untouched: Bits = study.correct[:, clean[0]]
        columns |= _by_rank("wcar", attack_robustness(untouched, tried, right), levels)
    return columns


def _by_rank(name: str, estimate: Estimate, levels: NDArray[np.int_]) -> dict[str, object]:
    columns: dict[str, object] = {}
    for r, level in enumerate(levels):
        columns |= _with_limits(f"{name}_e{level}", _column(estimate, r))
    return columns


def _median_drop(study: Study, shares: Floats) -> list[float]:
    """Median over networks of accuracy lost against the condition's reference, on its images."""
    drops = []
    for m, reference in enumerate(study.conditions["reference"]):
        base = _position(study, str(reference))
        if base < 0:
            drops.append(np.nan)
            continue
        if study.counted:
            lost = shares[:, base] - shares[:, m]
            known = np.isfinite(lost)
            drops.append(float(np.median(lost[known])) if known.any() else np.nan)
            continue
        both = study.evaluated[:, m] & study.evaluated[:, base]
        count = both.sum(-1)
        lost = (study.correct[:, base] & both).sum(-1) - (study.correct[:, m] & both).sum(-1)
        known = count > 0
        drops.append(float(np.median(lost[known] / count[known])) if known.any() else np.nan)
    return drops
