"""What main effects of operations explain of robustness in NAS-Bench-201, ours against statsmodels.

`python -m benchmarks.nas_bench_201 [FOLDER]` reads `nb201_robustness_cifar10.csv.gz` and
`nb201_architectures.csv.gz` (Jung, Lukasik and Keuper 2023: 6,466 networks, 108 conditions of
CIFAR-10) in FOLDER, or in that of the environment variable ROBUSTSCOPE_REFERENCE, fits the six edge
operations as categorical factors and prints R2 with its interval, and the rank correlation with
clean accuracy, beside R2 of a formula in statsmodels. It writes results/nas_bench_201.json.
"""

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import statsmodels.formula.api as smf

from analysis.findings import Findings, examine
from benchmarks.table import Cell, publish
from sampling.store import open_results
from sampling.tables.imported import Request
from sampling.tables.importing import import_table
from sampling.tables.nasbench201 import EDGES

TABLE, ARCHITECTURES = "nb201_robustness_cifar10.csv.gz", "nb201_architectures.csv.gz"
CASES = {
    "clean": "clean",
    "pgd_linf_eps1.0": "pgd_linf_e3",
    "gaussian_noise_s3": "gaussian_noise_s3",
    "zoom_blur_s3": "zoom_blur_s3",
}
"""Column of the table to the condition that it becomes; eps 1/255 is the third of all budgets."""


@dataclass(frozen=True)
class Explained:
    """R2 of main effects under one condition.

    Attributes:
        case: Column of the table.
        ours: R2 with limits, in [0, 1].
        peer: R2 by statsmodels, from the table itself.
        rank: Spearman correlation with clean accuracy, with limits; None for clean.
        networks: How many.
    """

    case: str
    ours: tuple[float, float, float]
    peer: float
    rank: tuple[float, float, float] | None
    networks: int

    def as_json(self) -> dict[str, Cell]:
        """Plain data, in the documented order of fields."""
        r2 = dict(zip(("r2", "r2_low", "r2_high"), self.ours, strict=True))
        names = ("rank_clean", "rank_clean_low", "rank_clean_high")
        rank = dict(zip(names, self.rank or (None,) * 3, strict=True))
        note = f"{self.networks:,} networks; R2 with 95 % interval over networks"
        return {"case": self.case, **r2, "statsmodels_r2": self.peer, **rank, "note": note}


def peer_r2(folder: Path, column: str) -> float:
    """R2 of the six operations as categories, by a formula in statsmodels."""
    robust = pd.read_csv(folder / TABLE).set_index("arch_id")
    cells = pd.read_csv(folder / ARCHITECTURES).set_index("arch_id")
    table = cells[list(EDGES)].assign(outcome=robust[column])
    formula = "outcome ~ " + " + ".join(f"C({edge})" for edge in EDGES)
    return float(smf.ols(formula, table).fit().rsquared)


def findings(folder: Path) -> Findings:
    """The analysis of the table."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "results.h5"
        import_table(folder / TABLE, "nasbench201", path, Request())
        with open_results(path) as results:
            return examine(results)


def rows(folder: Path, found: Findings) -> list[Explained]:
    """One row per case."""
    assert found.counted is not None  # an imported table holds counts
    table = found.counted.explained
    made = []
    for column, condition in CASES.items():
        row = table[table["condition"] == condition].to_dict("records")[0]
        r2 = tuple(float(row[name]) for name in ("r2", "r2_low", "r2_high"))
        rank = tuple(float(row[f"rank_clean{end}"]) for end in ("", "_low", "_high"))
        known = None if condition == "clean" else (rank[0], rank[1], rank[2])
        peer = peer_r2(folder, column)
        made.append(Explained(column, (r2[0], r2[1], r2[2]), peer, known, int(row["n"])))
    return made


def main() -> None:
    """Print the findings in words, and the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nas_bench_201", description=__doc__)
    default = os.environ.get("ROBUSTSCOPE_REFERENCE", ".")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(default))
    folder = parser.parse_args().folder
    absent = [name for name in (TABLE, ARCHITECTURES) if not (folder / name).is_file()]
    if absent:
        parser.error(f"folder must hold {absent[0]}; got {folder}. Name the folder.")
    found = findings(folder)
    print("\n".join(found.sentences))
    publish("nas_bench_201", rows(folder, found))


if __name__ == "__main__":
    main()
