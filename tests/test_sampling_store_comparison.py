"""Which images flipped between two files, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from sampling.store import StoreError, open_results, write_results
from sampling.store.comparison import Comparison
from tests.sampling_store_example import CAMPAIGN, make_rows


@pytest.fixture
def files(tmp_path):
    """Two files; in the second, network 1 flips, network 3 is missing, conditions are turned."""
    rows = make_rows()
    outcome = rows[1].outcome
    correct = outcome.correct.copy()
    tried = np.flatnonzero(outcome.evaluated[2])
    correct[2, tried[:3]] ^= True
    flipped = rows[1]._replace(outcome=replace(outcome, correct=correct, weights="f" * 64))
    write_results(tmp_path / "a.h5", CAMPAIGN, rows, {})
    write_results(tmp_path / "b.h5", CAMPAIGN, [rows[0], flipped, rows[2]], {})
    return tmp_path, outcome.correct[2, tried[:3]], tried[:3]


def test_flips_are_counted_by_network_and_condition(files):
    folder, before, _ = files
    with open_results(folder / "a.h5") as a, open_results(folder / "b.h5") as b:
        both = Comparison(a, b)
        flips = {f.key: f for f in both.flips()}
    key = make_rows()[1].network.key
    assert flips[key].gained.tolist() == [0, 0, int((~before).sum()), 0]
    assert flips[key].lost.tolist() == [0, 0, int(before.sum()), 0]
    assert not flips[key].weights
    assert [f.equal for f in flips.values()] == [True, False, True]
    assert both.alone == ((make_rows()[3].network.key,), ())


def test_flipped_images_are_named(files):
    folder, before, images = files
    with open_results(folder / "a.h5") as a, open_results(folder / "b.h5") as b:
        both = Comparison(a, b)
        found = both.flipped(make_rows()[1].network.key)
        assert both.flipped(make_rows()[0].network.key) == {}
    gained, lost = found.pop("system_reference")
    assert not found
    assert gained == tuple(f"test/{i}" for i in images[~before])
    assert lost == tuple(f"test/{i}" for i in images[before])


def test_images_are_matched_by_their_ids(tmp_path):
    rows, turned = make_rows(), np.arange(21)[::-1]
    write_results(tmp_path / "a.h5", CAMPAIGN, rows, {})
    other = replace(
        CAMPAIGN,
        image_ids=tuple(CAMPAIGN.image_ids[i] for i in turned),
        labels=CAMPAIGN.labels[turned],
        dataset_sha256="ee" * 32,
    )
    mirrored = [
        row._replace(
            outcome=replace(
                row.outcome,
                evaluated=row.outcome.evaluated[:, turned],
                correct=row.outcome.correct[:, turned],
            )
        )
        if row.outcome
        else row
        for row in rows
    ]
    write_results(tmp_path / "b.h5", other, mirrored, {})
    with open_results(tmp_path / "a.h5") as a, open_results(tmp_path / "b.h5") as b:
        both = Comparison(a, b)
        assert all(f.equal for f in both.flips())
        assert list(both.differing) == ["dataset_sha256"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_ids": tuple(f"x{i}" for i in range(21))}, "got 4, 4 and 0 of them"),
        ({"labels": (np.arange(21) + 1) % 3}, "same labels of the same images; got others for 21"),
    ],
)
def test_files_that_share_nothing_are_refused(change, said, tmp_path):
    write_results(tmp_path / "a.h5", CAMPAIGN, make_rows(), {})
    write_results(tmp_path / "b.h5", replace(CAMPAIGN, **change), make_rows(), {})
    with (
        open_results(tmp_path / "a.h5") as a,
        open_results(tmp_path / "b.h5") as b,
        pytest.raises(StoreError, match=said),
    ):
        Comparison(a, b)
