"""results.h5 out to a table: networks x (identity, factors, counts per condition)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sampling.store import Results, open_results
from sampling.store.schema import INTEGER_COLUMNS
from sampling.tables.columns import ABOUT, CORRECT, EVALUATED, FACTOR, IDENTITY, KEY
from sampling.tables.streams import TableError
from sampling.tables.writing import Columns, write_table

FORMATS = ("csv", "parquet")
_ROWS_PER_BLOCK = 2048  # networks of the long form in memory at a time


def export_table(
    results_path: Path, out: Path, form: str | None = None, long: bool = False
) -> tuple[Path, ...]:
    """The files that a results file was exported to.

    Args:
        results_path: The results file.
        out: A file ending in .csv or .parquet, or a folder, made if absent, that gets the table and
            `about.json`: with it an import gives back units, conditions and attributes too.
        form: "csv" or "parquet"; by the ending of `out`, else csv, when None.
        long: One row per network and condition instead of one per network.

    Raises:
        ValueError: The results file is unreadable, or `out` or the format will not do.
    """
    form = _form(out, form)
    with open_results(results_path) as results:
        blocks = long_blocks(results) if long else iter([wide_columns(results)])
        if out.suffix in (".csv", ".parquet"):
            return (write_table(out, blocks, form),)
        if out.exists() and not out.is_dir():
            raise TableError(
                f"export.out must be a folder, or a file ending in .csv or .parquet; got {out}. "
                "Rename it."
            )
        out.mkdir(parents=True, exist_ok=True)
        table = out / f"{'outcomes' if long else 'networks'}.{form}"
        write_table(table, blocks, form)
        (out / ABOUT).write_text(json.dumps(about(results), indent=1) + "\n", encoding="utf-8")
    return table, out / ABOUT


def _form(out: Path, form: str | None) -> str:
    ending = out.suffix.removeprefix(".")
    form = form or (ending if ending in FORMATS else "csv")
    if form not in FORMATS or (ending in FORMATS and ending != form):
        raise TableError(
            f"export.format must be one of {', '.join(FORMATS)} and fit the file; got {form} for "
            f"{out}. Change --format or --out."
        )
    return form


def wide_columns(results: Results) -> Columns:
    """One row per network: `columns.py` says what each column holds."""
    columns: dict[str, Any] = {name: _column(results, name) for name in IDENTITY}
    columns |= {FACTOR + name: results.factor(name) for name in results.factor_units}
    tried, right = results.counts()
    conditions = results.conditions
    for m, (family, name) in enumerate(zip(conditions["family"], conditions["name"], strict=True)):
        columns[f"{EVALUATED}{family}:{name}"] = tried[:, m]
        columns[f"{CORRECT}{family}:{name}"] = right[:, m]
    return columns


def long_blocks(results: Results) -> Iterator[Columns]:
    """One row per network and condition, some networks at a time."""
    keys = {name: results.network_column(name) for name in KEY}
    conditions = results.conditions.rename(columns={"name": "condition"})
    tried, right = results.counts()
    m = len(conditions)
    for start in range(0, results.size, _ROWS_PER_BLOCK):
        rows = slice(start, start + _ROWS_PER_BLOCK)
        n = len(tried[rows])
        block: dict[str, Any] = {k: np.repeat(v[rows], m).tolist() for k, v in keys.items()}
        for name, column in (
            ("condition", "condition"),
            ("condition_family", "family"),
            ("severity", "severity"),
            ("reference", "reference"),
        ):
            block[name] = conditions[column].tolist() * n
        yield block | {"n_evaluated": tried[rows].ravel(), "n_correct": right[rows].ravel()}


def _column(results: Results, name: str) -> Any:
    values = results.network_column(name)
    return values if name in INTEGER_COLUMNS else values.tolist()


def about(results: Results) -> dict[str, Any]:
    """What the table does not say: attributes, spaces, supernets, units and conditions."""
    return {
        "attributes": results.attributes,
        "spaces": results.spaces,
        "supernets": results.supernets,
        "factor_units": results.factor_units,
        "conditions": results.conditions.to_dict("records"),
    }
