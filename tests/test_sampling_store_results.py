"""The reader of results.h5 returns what was written."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sampling.store import (
    open_results,
    write_results,
)
from tests.sampling_store_example import CAMPAIGN, CONDITIONS, make_network, make_outcome, make_rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small results file: four networks done, one failed, one pending."""
    path = tmp_path / "results.h5"
    write_results(path, CAMPAIGN, make_rows(), {"command": "robustscope run", "total_s": 2.5})
    return path


@pytest.mark.parametrize("images", [1, 7, 8, 9, 21, 64])
def test_results_return_the_bits_that_were_written(tmp_path: Path, images: int) -> None:
    ids = tuple(map(str, range(images)))
    campaign = replace(CAMPAIGN, image_ids=ids, labels=np.zeros(images, np.int64))
    outcomes = [make_outcome(index, images=images) for index in range(3)]
    rows = [(make_network(index), outcome, "done", "") for index, outcome in enumerate(outcomes)]
    write_results(tmp_path / "r.h5", campaign, rows, {})
    with open_results(tmp_path / "r.h5") as results:
        for name in ("evaluated", "correct"):
            wanted = np.stack([getattr(outcome, name) for outcome in outcomes])
            np.testing.assert_array_equal(getattr(results, name)(), wanted)
        tried, right = results.counts()
    np.testing.assert_array_equal(tried, [o.evaluated.sum(axis=1) for o in outcomes])
    np.testing.assert_array_equal(right, [o.correct.sum(axis=1) for o in outcomes])
    assert tried.dtype == right.dtype == np.uint32


def test_results_select_conditions_and_rows_in_the_order_asked(path: Path) -> None:
    wanted = np.stack([make_outcome(index).correct for index in range(4)])
    with open_results(path) as results:
        got = results.correct(["system_reference", "clean"], rows=[3, 0, 3])
        np.testing.assert_array_equal(got, wanted[[3, 0, 3]][:, [2, 0]])
        mask = np.array([True, False, True, False, False, False])
        np.testing.assert_array_equal(results.correct(rows=mask), wanted[[0, 2]])
        assert results.evaluated(rows=[]).shape == (0, 4, 21)
        with pytest.raises(ValueError, match=r"among clean, .*; got 'pgd'"):
            results.correct(["pgd"])
        for rows in ([6], [-1], [0.5], np.zeros(5, bool)):
            with pytest.raises(ValueError, match=r"row numbers in \[0, 6\)"):
                results.correct(rows=rows)  # type: ignore[arg-type]


def test_results_tables_say_what_was_written(path: Path) -> None:
    with open_results(path) as results:
        networks, factors, conditions = results.networks, results.factors, results.conditions
        assert results.factor_units == CAMPAIGN.factor_units
    first = networks.iloc[1]
    for name in ("id", "architecture", "family", "origin", "supernet", "technique", "design"):
        assert first[name] == getattr(make_network(1), name)
    assert (first["pair"], first["seed"], first["weights"]) == ("u0", 1, f"{1:064x}")
    assert list(networks["status"]) == ["done"] * 4 + ["failed", "pending"]
    assert networks["failure"][4] == "diverged: «NaN»\nin layer 3"
    np.testing.assert_array_equal(factors["depth"], [7.0 + i / 3 for i in range(6)])
    assert factors["stem_kernel"].isna().all()
    assert [tuple(row) for row in conditions.itertuples(index=False)] == [
        (c.name, c.family, c.severity, c.parameters, c.reference) for c in CONDITIONS
    ]


def test_results_attributes_say_what_all_rows_share(path: Path) -> None:
    with open_results(path) as results:
        attributes = results.attributes
        assert attributes["schema"] == 1
        for name in ("protocol", "protocol_hash", "dataset", "dataset_sha256", "device", "notes"):
            assert attributes[name] == getattr(CAMPAIGN, name)
        assert (results.spaces, results.supernets) == (CAMPAIGN.spaces, CAMPAIGN.supernets)
        assert (results.classes, results.image_ids) == (CAMPAIGN.classes, CAMPAIGN.image_ids)
        np.testing.assert_array_equal(results.labels, CAMPAIGN.labels)


def test_results_keep_alarms_and_provenance(tmp_path: Path) -> None:
    provenance: dict[str, Any] = {
        "host": "größe",
        "total_s": 2.5,
        "steps": np.arange(3),
        "who": np.array(["é"]),
    }
    write_results(tmp_path / "r.h5", CAMPAIGN, make_rows(), provenance)
    with open_results(tmp_path / "r.h5") as results:
        alarms, got = results.alarms["zero_gradient"], results.provenance
    np.testing.assert_array_equal(alarms[2], make_outcome(2).alarms["zero_gradient"])
    assert np.isnan(alarms[4:]).all()
    assert (got["host"], got["total_s"], list(got["steps"])) == ("größe", 2.5, [0, 1, 2])
    assert list(got["who"]) == ["é"]
    np.testing.assert_array_equal(got["seconds"], [0.1 * i for i in range(4)] + [np.nan] * 2)


def test_results_hold_long_texts_and_many_classes(tmp_path: Path) -> None:
    long = json.dumps({"images": "é" * 200_000})
    classes = tuple(f"class {index}" for index in range(20_000))
    campaign = replace(CAMPAIGN, protocol=long, classes=classes, supernets={"resnet": long})
    write_results(tmp_path / "r.h5", campaign, make_rows(), {})
    with open_results(tmp_path / "r.h5") as results:
        assert results.attributes["protocol"] == results.supernets["resnet"] == long
        assert results.classes == classes
