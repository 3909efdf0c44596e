"""Simulated coverage of the project's intervals.

`python -m benchmarks.statistics` takes over an hour, with `--quick` a tenth. Prints a table and
writes benchmarks/results/statistics.json, or statistics_quick.json; `--only NAME ...` runs some of
the modules and leaves the rows of the others in the file. Ends with 1 when a 95 % interval covers
less than 93.5 %, or more than 96.5 % without being conservative by construction.
"""
# ruff: noqa: A005  (a module of a package, always imported by its full name)

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import (
    statistics_correlations,
    statistics_importance,
    statistics_pairs,
    statistics_prediction,
    statistics_ranks,
    statistics_regressions,
)
from benchmarks.statistics_pairs import Row
from benchmarks.statistics_table import Coverage
from benchmarks.table import RESULTS, publish

# one line per module: name to a function that simulates its cases, few trials of each when quick
CASES: dict[str, Callable[[bool], Sequence[Coverage] | Sequence[Row]]] = {
    "correlations": statistics_correlations.rows,
    "importance": statistics_importance.rows,
    "pairs": statistics_pairs.rows,
    "prediction": statistics_prediction.rows,
    "ranks": statistics_ranks.rows,
    "regressions": statistics_regressions.rows,
}


def simulate(name: str, quick: bool) -> list[Coverage]:
    """The cases of a module, their names led by its."""
    made = (r if isinstance(r, Coverage) else Coverage(**r) for r in CASES[name](quick))  # type: ignore[arg-type]
    return [replace(row, case=f"{name}: {row.case}") for row in made]


def others(path: Path, names: Sequence[str]) -> list[Coverage]:
    """Rows of a file that are of none of these modules."""
    rows = json.loads(path.read_text()) if path.exists() else []
    return [Coverage(**row) for row in rows if row["case"].partition(":")[0] not in names]


def main() -> int:
    """Simulate, print, write; 1 if a claim is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few trials of each case")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    given = parser.parse_args()
    file = "statistics_quick" if given.quick else "statistics"
    rows: list[Coverage] = []
    for name in given.only:  # written after each, so that a stopped run leaves what it has
        rows = [*others(RESULTS / f"{file}.json", [name]), *simulate(name, given.quick)]
        rows.sort(key=lambda row: row.case.partition(":")[0])
        publish(file, rows)
    broken = [row.case for row in rows if not row.kept]
    print("broken: " + ", ".join(broken) if broken else "every interval holds what it claims")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
