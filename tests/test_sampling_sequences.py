"""Answers to perturbation sequences are those of a plain loop, whatever the batch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import metrics
from images.digits import load_digits
from images.videos import SequenceVideos
from noises.draws import generators
from noises.sequences.table import SEQUENCES
from sampling.sequences import (
    FrameSource,
    answer_sequences,
    kept_frames,
    made_frames,
    published_frames,
    sequence_record,
)
from sampling.store import (
    NO_PREDICTION,
    Journal,
    Outcome,
    open_results,
    verify,
    write_results,
)
from tests.network_example import trained
from tests.sampling_store_example import CAMPAIGN, make_network

NAMES = ("gaussian_noise", "tilt", "translate", "brightness")
IMAGES = 7
TEST = load_digits(16).test
PIXELS, IDS, LABELS = TEST.pixels[:IMAGES], TEST.ids[:IMAGES], TEST.labels[:IMAGES]


@pytest.fixture(scope="module")
def sources() -> list[FrameSource]:
    easy = [made_frames(SEQUENCES[name], PIXELS, IDS, seed=3) for name in NAMES]
    return [*easy, made_frames(SEQUENCES["gaussian_noise"], PIXELS, IDS, seed=3, difficulty=3)]


def plain_ranks(name: str, difficulty: int, image: int) -> list[list[int]]:
    """Classes of every frame of one image, most probable first, frame by frame."""
    stream = generators(3, f"{name}_p", difficulty, [IDS[image]])
    frames = SEQUENCES[name].apply(PIXELS[image : image + 1], stream, difficulty)[0]
    logits = [
        trained()(torch.from_numpy(f).permute(2, 0, 1)[None].float() / 255)[0].tolist()
        for f in frames
    ]
    return [sorted(range(10), key=lambda k: -row[k]) for row in logits]


def plain_distance(old: list[int], new: list[int]) -> int:
    return sum(abs(min(i, 5) - min(new.index(old[i]), 5)) for i in range(5))


def test_answers_and_their_metrics_are_those_of_a_plain_loop(sources: list[FrameSource]) -> None:
    found = answer_sequences(trained(), sources, IMAGES, 100, "cpu")
    record = sequence_record("test_p", sources, IDS, LABELS)
    assert record.sequences == (*NAMES, "gaussian_noise_3")
    assert record.references == ("first", "previous", "previous", "previous", "first")
    assert record.frames == (31, 31, 16, 31, 31)
    flips, apart = np.zeros((5, IMAGES)), np.zeros((5, IMAGES))
    for q, (name, difficulty) in enumerate([*((n, 1) for n in NAMES), ("gaussian_noise", 3)]):
        for i in range(IMAGES):
            ranks = plain_ranks(name, difficulty, i)
            assert found.prediction[q, : len(ranks), i].tolist() == [row[0] for row in ranks]
            assert (found.prediction[q, len(ranks) :, i] == NO_PREDICTION).all()
            base = [ranks[0]] * len(ranks) if SEQUENCES[name].noise else [ranks[0], *ranks]
            pairs = list(zip(base, ranks, strict=False))[1:]
            flips[q, i] = np.mean([old[0] != new[0] for old, new in pairs])
            apart[q, i] = np.mean([plain_distance(old, new) for old, new in pairs])
    np.testing.assert_allclose(found.rank_distance, apart, rtol=1e-6)
    said = np.where(found.prediction == NO_PREDICTION, -1, found.prediction.astype(np.int32))
    shares = metrics.flip_shares(said, record.against_first, np.array(record.frames))
    np.testing.assert_allclose(shares, flips)
    assert flips.max() > 0.1  # otherwise the test says little
    reference = np.array([0.5, 0.2, 0.4, 0.1, 0.3])
    got = metrics.mean_flip_rate(shares, reference).value
    np.testing.assert_allclose(got, np.mean(flips.mean(1) / reference))


def test_answers_do_not_depend_on_the_batch(sources: list[FrameSource]) -> None:
    wanted = answer_sequences(trained(), sources, IMAGES, 1000, "cpu")
    for batch in (1, 64, 95):
        found = answer_sequences(trained(), sources, IMAGES, batch, "cpu")
        np.testing.assert_array_equal(found.prediction, wanted.prediction)
        np.testing.assert_array_equal(found.rank_distance, wanted.rank_distance)


def test_memory_holds_the_frames_of_one_batch(sources: list[FrameSource]) -> None:
    asked: list[int] = []

    def read(index: np.ndarray) -> np.ndarray:
        asked.append(len(index))
        return sources[0].read(index)

    answer_sequences(trained(), [replace(sources[0], read=read)], IMAGES, 100, "cpu")
    assert asked == [3, 3, 1]


class First(nn.Module):
    """The first classes of the classifier."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = trained()(x)[:, : self.classes]
        return logits


def test_fewer_than_five_classes_have_no_top_five(sources: list[FrameSource]) -> None:
    assert answer_sequences(First(4), sources[:1], IMAGES, 100, "cpu").rank_distance is None
    distances = answer_sequences(First(5), sources[:1], IMAGES, 100, "cpu").rank_distance
    assert distances is not None
    assert (distances >= 0).all()


def test_networks_that_answer_with_nan_are_refused(sources: list[FrameSource]) -> None:
    broken = nn.Sequential(trained(), nn.Threshold(1e9, float("nan")))
    with pytest.raises(ValueError, match=r"^Network\.outputs must be finite"):
        answer_sequences(broken, sources, 1, 9, "cpu")


def test_kept_frames_are_made_once(sources: list[FrameSource], tmp_path: Path) -> None:
    path = tmp_path / "tilt.npy"
    kept = kept_frames(sources[1], path, IMAGES, 100)
    index = np.array([4, 0])
    np.testing.assert_array_equal(kept.read(index), sources[1].read(index))
    assert [f.name for f in tmp_path.iterdir()] == ["tilt.npy"]
    assert np.load(path).shape == (IMAGES, 31, 16, 16, 3)

    def never(index: np.ndarray) -> np.ndarray:
        raise AssertionError

    again = kept_frames(replace(sources[1], read=never), path, IMAGES, 100)
    np.testing.assert_array_equal(again.read(index), sources[1].read(index))
    kept_again = replace(again, read=kept.read)
    found = answer_sequences(trained(), [kept_again], IMAGES, 100, "cpu")
    wanted = answer_sequences(trained(), [sources[1]], IMAGES, 100, "cpu")
    np.testing.assert_array_equal(found.prediction, wanted.prediction)


class _Videos(SequenceVideos):
    """Videos that are arrays already."""

    def read(self, sequence: str, size: int, index: object) -> np.ndarray:
        frames = np.zeros((len(index), 7, size, size, 3), np.uint8)  # type: ignore[arg-type]
        frames[:, ::2] = PIXELS[:1, None]
        return frames


def test_published_sequences_are_judged_as_those_made_here() -> None:
    videos = _Videos.__new__(_Videos)
    made = published_frames(videos, "speckle_noise_2", 16)
    assert (made.noise, made.frames) == (True, 7)
    assert not published_frames(videos, "tilt", 16).noise
    found = answer_sequences(trained(), [made], 2, 10, "cpu")
    assert (found.prediction[0, ::2] == found.prediction[0, 0]).all()
    with pytest.raises(ValueError, match=r"^imagenet_p\.sequence must be one of gaussian_noise"):
        published_frames(videos, "gaussian_noise_4", 16)


def test_answers_come_back_from_the_results(sources: list[FrameSource], tmp_path: Path) -> None:
    found = answer_sequences(trained(), sources, IMAGES, 100, "cpu")
    bits = np.ones((4, 21), np.bool_)
    record = sequence_record("test_p", sources, IDS, LABELS)
    campaign = replace(CAMPAIGN, classes=tuple("0123456789"), sequence_sets=(record,))
    with Journal.open(tmp_path / "journal.sqlite", "{}") as journal:
        journal.add([make_network(0)])
        journal.record(make_network(0).key, Outcome("w", bits, bits, sequences={"test_p": found}))
        write_results(tmp_path / "r.h5", campaign, journal.outcomes(), {})
    assert verify(tmp_path / "r.h5").ok
    with open_results(tmp_path / "r.h5") as results:
        np.testing.assert_array_equal(results.sequence_predictions("test_p")[0], found.prediction)
        np.testing.assert_array_equal(results.rank_distances("test_p")[0], found.rank_distance)
        np.testing.assert_array_equal(
            results.sequence_sets["test_p"].against_first, record.against_first
        )
