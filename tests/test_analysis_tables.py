"""CSV files of the analysis, byte for byte as pandas writes them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import tables
from analysis.tables import write_csv

RNG = np.random.default_rng(0)
WIDE = pd.DataFrame(
    {
        "plain": RNG.normal(size=60) * 10.0 ** RNG.integers(-300, 300, 60),
        "count": RNG.integers(0, 9, 60),
        "text": ['a,"b', "", "line\nbreak", "é", " x ", "0"] * 10,
        "holes": np.where(RNG.random(60) < 0.2, np.nan, 0.1),
        "zero": -0.0 * RNG.integers(0, 2, 60),
        "mixed": [1.5, None, "q"] * 20,
        "flag": [True, False] * 30,
        "infinite": np.inf,
        'he said "x",': 1,
    }
)


@pytest.mark.parametrize("table", [WIDE, WIDE.iloc[:0], pd.DataFrame(columns=["x", "y"])])
def test_csv_files_are_those_of_pandas(
    tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_ROWS", 17)
    (path,) = write_csv({"t": table}, tmp_path).values()
    expected = table.to_csv(index=False, float_format="%.8g", lineterminator="\n")
    assert path.read_bytes() == expected.encode()
