"""Commands that keep and compare results: status, repair, merge and diff of a run folder."""

import csv
import json

import pytest
from filelock import FileLock

from robustscope.__main__ import main
from robustscope.job import JOURNAL, RESULTS, identity_of
from robustscope.status import duration
from sampling.store import Journal, verify, write_results
from sampling.store.campaign_text import NAME, campaign_to_text
from tests.sampling_store_example import CAMPAIGN, make_rows


@pytest.fixture
def run(tmp_path):
    """A run folder: four networks done, one failed, one to do; and its content hash."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "settings.json").write_text('{"preset": "digits"}')
    (folder / "run.json").write_text('{"finished": false, "seconds": {"train": 75.0}}')
    with Journal.open(folder / JOURNAL, identity_of({"preset": "digits"}, CAMPAIGN)) as journal:
        journal.note(NAME, campaign_to_text(CAMPAIGN))
        journal.note("workers", "2")
        rows = make_rows()
        journal.add([row.network for row in rows])
        for row in rows:
            if row.outcome is not None:
                journal.record(row.network.key, row.outcome)
        journal.fail(rows[4].network.key, rows[4].failure)
        content = write_results(folder / RESULTS, CAMPAIGN, journal.outcomes(), {})
    return folder, content


def said(arguments, capsys, code=0):
    assert main([str(a) for a in arguments]) == code
    captured = capsys.readouterr()
    if code:
        assert captured.out == ""
        assert len(captured.err.strip().splitlines()) == 1
    return captured.err if code else captured.out


def test_status_counts_networks_and_names_failures(run, capsys):
    folder, _ = run
    text = said(["status", folder], capsys)
    assert "not finished, no process works on it" in text
    assert "4 of 6 networks evaluated, 1 failed, 1 to do" in text
    assert "0.15 s per network; 48,000 per hour with 2 processes" in text
    assert "train 1 min 15 s" in text
    assert "diverged: «NaN» in layer 3" in text


def test_status_for_programs_is_json(run, capsys):
    found = json.loads(said(["status", run[0], "--json"], capsys))
    assert (found["done"], found["failed"], found["pending"]) == (4, 1, 1)
    assert found["seconds_left"] == pytest.approx(0.15 / 2)


def test_status_sees_a_process_at_work_and_does_not_disturb_it(run, capsys):
    folder, _ = run
    with (
        FileLock(folder / ".lock"),
        Journal.open(folder / JOURNAL, identity_of({"preset": "digits"}, CAMPAIGN)) as journal,
    ):
        assert ", a process works on it" in said(["status", folder], capsys)
        journal.record(make_rows()[5].network.key, make_rows()[3].outcome)
        assert "5 of 6 networks evaluated" in said(["status", folder], capsys)


def test_status_of_a_run_that_trains(tmp_path, capsys):
    (tmp_path / "settings.json").write_text("{}")
    assert "no networks yet" in said(["status", tmp_path], capsys)


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.4, "12 s"), (200, "3 min 20 s"), (3725, "1 h 02 min")]
)
def test_durations_are_told_in_two_units(seconds, text):
    assert duration(seconds) == text


def test_repair_finds_a_whole_run_whole(run, capsys):
    folder, content = run
    assert said(["repair", folder], capsys).splitlines() == [
        "journal.sqlite is whole.",
        "results.h5 is whole.",
    ]
    assert verify(folder / RESULTS).stored_hash == content


@pytest.mark.parametrize("damage", ["absent", "cut", "flipped"])
def test_repair_makes_results_anew_from_the_journal(run, damage, capsys):
    folder, content = run
    data = bytearray((folder / RESULTS).read_bytes())
    if damage == "cut":
        (folder / RESULTS).write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        for i in range(0, len(data), 97):
            data[i] ^= 1
        (folder / RESULTS).write_bytes(data)
    else:
        (folder / RESULTS).unlink()
    assert content in said(["repair", folder], capsys)
    assert verify(folder / RESULTS).stored_hash == content
    assert (folder / f"{RESULTS}.damaged-1").exists() == (damage != "absent")


@pytest.mark.parametrize("damage", ["absent", "empty", "noise", "flipped"])
def test_repair_makes_the_journal_anew_from_results(run, damage, capsys):
    folder, content = run
    data = bytearray((folder / JOURNAL).read_bytes())
    if damage == "absent":
        (folder / JOURNAL).unlink()
    elif damage == "flipped":
        data[:3000] = bytes(3000)
        (folder / JOURNAL).write_bytes(data)
    else:
        (folder / JOURNAL).write_bytes(b"" if damage == "empty" else b"x" * 9000)
    assert "Kept 4 outcomes of 6 networks" in said(["repair", folder], capsys)
    with Journal.open(folder / JOURNAL, identity_of({"preset": "digits"}, CAMPAIGN)) as journal:
        assert journal.counts().done == 4
    (folder / RESULTS).unlink()
    assert content in said(["repair", folder], capsys)


def test_repair_says_what_is_lost_when_both_are_damaged(run, capsys):
    folder, _ = run
    (folder / JOURNAL).write_bytes(b"x" * 9000)
    (folder / RESULTS).write_bytes(b"x" * 9000)
    text = said(["repair", folder], capsys, code=2)
    assert "must have a journal with settings, or whole results" in text
    assert (folder / JOURNAL).read_bytes() == b"x" * 9000


def test_repair_keeps_off_a_run_that_works(run, capsys):
    with FileLock(run[0] / ".lock"):
        assert "must not be in use" in said(["repair", run[0]], capsys, code=2)


def test_merge_refuses_to_replace_a_file(run, capsys):
    folder, _ = run
    arguments = ["merge", folder / RESULTS, folder / RESULTS, "--out", folder / RESULTS]
    assert "merge.out must be new or what merge wrote before" in said(arguments, capsys, code=2)
    arguments = ["merge", folder / RESULTS, folder / RESULTS, "--out", folder / "c.h5"]
    assert "at least two different files" in said(arguments, capsys, code=2)


def test_diff_of_equal_files_says_so(run, capsys):
    path = run[0] / RESULTS
    assert "All outcomes and weights of these are equal." in said(["diff", path, path], capsys)


def test_diff_counts_flips_in_every_form(run, tmp_path, capsys):
    rows = make_rows()
    outcome = rows[2].outcome
    correct = outcome.evaluated & ~outcome.correct
    rows[2].outcome.correct[...] = correct
    write_results(tmp_path / "b.h5", CAMPAIGN, rows, {})
    pair = [run[0] / RESULTS, tmp_path / "b.h5"]
    text = said(["diff", *pair, "--csv", tmp_path / "d.csv"], capsys)
    tried = int(outcome.evaluated.sum())
    gained = int(correct.sum())
    assert "1 networks differ (0 have other weights)" in text
    assert f"{gained:,} were gained, {tried - gained:,} lost" in text
    with (tmp_path / "d.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4 * 4
    assert sum(int(line["gained"]) for line in lines) == gained
    found = json.loads(said(["diff", *pair, "--json"], capsys))
    assert found["gained"] == gained
    images = json.loads(said(["diff", *pair, "--images", rows[2].network.id], capsys))
    assert sum(len(v["gained"]) for v in images.values()) == gained


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["status", "absent"], "status.run must be the folder of a run"),
        (["repair", "absent"], "repair.run must be the folder of a run"),
        (["diff", "absent.h5", "absent.h5"], "must be an existing file"),
        (["diff", ".", "."], "must be an existing file"),
        (["merge", "absent.h5", "b.h5", "--out", "c.h5"], "must be an existing file"),
    ],
)
def test_absent_files_are_one_clear_line(arguments, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert text in said(arguments, capsys, code=2)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_both_files_of_a_repair(run, monkeypatch, capsys):
    folder, _ = run
    (folder / RESULTS).write_bytes(b"x" * 5000)

    def full(*_, **__):
        raise OSError(28, "No space left on device", "results.h5")

    monkeypatch.setattr("robustscope.repair.write_results", full)
    text = said(["repair", folder], capsys, code=2)
    assert "Make room" in text
    kept = [p for p in folder.iterdir() if p.name.startswith(RESULTS)]
    assert [p.read_bytes() for p in kept] == [b"x" * 5000]
