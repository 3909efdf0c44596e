"""Halves of a campaign become the whole; what does not belong together is refused."""

from dataclasses import replace

import numpy as np
import pytest

from sampling.store import Journal, StoreError, open_results, verify, write_results
from sampling.store.campaign_text import campaign_from_text, campaign_to_text
from sampling.store.merging import merge
from sampling.store.stored_rows import StoredRows, same_outcome, stored_campaign
from tests.sampling_store_example import (
    CAMPAIGN,
    FULL,
    make_full_outcome,
    make_full_rows,
    make_network,
    make_outcome,
    make_rows,
)


def write(path, campaign, rows):
    return write_results(path, campaign, rows, {})


@pytest.mark.parametrize(("campaign", "rows"), [(CAMPAIGN, make_rows()), (FULL, make_full_rows())])
def test_file_written_from_stored_rows_is_the_same(campaign, rows, tmp_path):
    content = write(tmp_path / "first.h5", campaign, rows)
    with open_results(tmp_path / "first.h5") as results:
        again = write(tmp_path / "again.h5", stored_campaign(results), StoredRows(results))
    assert again == content


@pytest.mark.parametrize(("campaign", "rows"), [(CAMPAIGN, make_rows()), (FULL, make_full_rows())])
def test_halves_merge_to_the_whole_whatever_their_order(campaign, rows, tmp_path):
    content = write(tmp_path / "whole.h5", campaign, rows)
    write(tmp_path / "a.h5", campaign, rows[:3])
    write(tmp_path / "b.h5", campaign, rows[2:])
    for order in ("ab", "ba"):
        merged = merge([tmp_path / f"{n}.h5" for n in order], tmp_path / f"{order}.h5")
        assert (merged.content_hash, merged.networks, merged.shared) == (content, 6, 1)
        assert verify(merged.path).ok


def test_outcome_counts_before_failure_and_failure_before_nothing(tmp_path):
    rows = make_rows()
    undone = [rows[0]._replace(outcome=None, status="failed", failure="died"), *rows[1:5]]
    undone[4] = undone[4]._replace(status="pending", failure="")
    content = write(tmp_path / "whole.h5", CAMPAIGN, rows[:5])
    write(tmp_path / "a.h5", CAMPAIGN, undone)
    write(tmp_path / "b.h5", CAMPAIGN, rows[:5])
    assert merge([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "c.h5").content_hash == content


def test_different_outcomes_of_one_network_are_refused_by_name(tmp_path):
    rows = make_rows()
    write(tmp_path / "a.h5", CAMPAIGN, rows)
    other = replace(make_outcome(7), weights=rows[0].outcome.weights)
    write(tmp_path / "b.h5", CAMPAIGN, [rows[0]._replace(outcome=other), *rows[1:]])
    with pytest.raises(StoreError, match=f"got different ones of {rows[0].network.key}"):
        merge([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "c.h5")
    assert not (tmp_path / "c.h5").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"protocol_hash": "0" * 64}, "merge.protocol_hash must be the same"),
        ({"dataset_sha256": "0" * 64}, "merge.dataset_sha256 must be the same"),
        ({"labels": np.zeros(21, np.int64)}, "merge.labels must be the same"),
        ({"image_ids": tuple(f"x{i}" for i in range(21))}, "merge.image_ids must be the same"),
        ({"supernets": {"mobilenet": "{}"}}, "merge.supernets must agree on 'mobilenet'"),
        ({"device": "cuda"}, "Add --mixed-devices"),
    ],
)
def test_files_of_different_campaigns_are_refused(change, said, tmp_path):
    write(tmp_path / "a.h5", CAMPAIGN, make_rows()[:2])
    write(tmp_path / "b.h5", replace(CAMPAIGN, **change), make_rows()[2:])
    with pytest.raises(StoreError, match=said):
        merge([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "c.h5")


def test_mixed_devices_are_noted(tmp_path):
    write(tmp_path / "a.h5", CAMPAIGN, make_rows()[:2])
    write(tmp_path / "b.h5", replace(CAMPAIGN, device="cuda"), make_rows()[2:])
    merge([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "c.h5", mixed_devices=True)
    with open_results(tmp_path / "c.h5") as results:
        assert "Merged from files of devices cpu and cuda." in results.attributes["notes"]


def test_one_file_twice_is_refused(tmp_path):
    write(tmp_path / "a.h5", CAMPAIGN, make_rows())
    with pytest.raises(StoreError, match="at least two different files"):
        merge([tmp_path / "a.h5", tmp_path / "." / "a.h5"], tmp_path / "c.h5")


@pytest.mark.parametrize("campaign", [CAMPAIGN, FULL])
def test_campaign_survives_as_text(campaign, tmp_path):
    rows = make_full_rows() if campaign is FULL else make_rows()
    back = campaign_from_text(campaign_to_text(campaign))
    assert campaign_to_text(back) == campaign_to_text(campaign)
    contents = {write(tmp_path / f"{i}.h5", c, rows) for i, c in enumerate((campaign, back))}
    assert len(contents) == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"conditions": 3}', "null"])
def test_text_of_no_campaign_is_refused(text):
    with pytest.raises(StoreError, match="must be the JSON of a campaign"):
        campaign_from_text(text)


def test_outcomes_are_told_apart_by_every_array():
    one = make_full_outcome(0)
    assert same_outcome(one, replace(make_full_outcome(0), seconds=99.0))
    assert not same_outcome(one, make_full_outcome(1))
    for name in ("prediction", "confidence", "distance"):
        assert not same_outcome(one, replace(one, **{name: None}))
    assert not same_outcome(one, replace(one, others={}))
    assert not same_outcome(one, replace(one, sequences={}))
    assert not same_outcome(one, replace(one, alarms={"zero_gradient": np.zeros(4)}))


def test_journal_made_of_results_gives_the_same_results(tmp_path):
    content = write(tmp_path / "first.h5", FULL, make_full_rows())
    with (
        open_results(tmp_path / "first.h5") as results,
        Journal.open(tmp_path / "journal.sqlite", "{}") as journal,
    ):
        rows = StoredRows(results)
        journal.add([row.network for row in rows])
        for row in rows:
            if row.outcome is not None:
                journal.record(row.network.key, row.outcome)
            elif row.status == "failed":
                journal.fail(row.network.key, row.failure)
        assert write(tmp_path / "again.h5", FULL, journal.outcomes()) == content
    assert make_network(0).key == rows.network(0).key
