"""Answers to published sets are those of a plain loop over their files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import metrics
from images.cifar10_c import open_cifar10_c
from images.digits import load_digits
from images.listing import Listing, list_classes
from images.published import list_imagenet_c, list_imagenet_subset
from sampling.answers import confident_class
from sampling.published import (
    PublishedSet,
    answer_set,
    corrupted_set,
    covered_part,
    covered_set,
)
from sampling.store import (
    NO_PREDICTION,
    Condition,
    Outcome,
    open_results,
    verify,
    write_results,
)
from tests.network_example import trained
from tests.sampling_store_example import CAMPAIGN, make_network

CLASSES = tuple(f"n{k:02}" for k in range(10))
TEST = load_digits(16).test


def save(folder: Path, per_class: int, classes: Sequence[int], shift: int = 0) -> Path:
    """Digits as PNG files in class folders, each moved by some grey levels."""
    for k in classes:
        for i in np.flatnonzero(TEST.labels == k)[:per_class]:
            path = folder / CLASSES[k] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(TEST.pixels[i].astype(int) + shift, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path)
    return folder


def plain(
    listing: Listing, covered: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Prediction and confidence of every file, one at a time."""
    logits = [
        trained()(torch.from_numpy(np.array(Image.open(p))).permute(2, 0, 1)[None].float() / 255)
        for p in listing.paths
    ]
    return metrics.confident_class(torch.cat(logits).detach().numpy(), np.array(covered))


def check(published: PublishedSet, listing: Listing, covered: Sequence[int]) -> None:
    found = answer_set(trained(), published, ("clean", "fog_s1"), 5, "cpu")
    classes, confidence = plain(listing, covered)
    assert found.prediction is not None
    assert found.confidence is not None
    np.testing.assert_array_equal(found.prediction[0], classes)
    np.testing.assert_allclose(found.confidence[0], confidence, rtol=1e-3)
    np.testing.assert_array_equal(found.correct[0], classes == published.record.labels)
    assert found.evaluated.tolist() == [[True] * len(listing), [False] * len(listing)]
    assert (found.prediction[1] == NO_PREDICTION).all()


def test_covered_sets_are_judged_among_their_classes(tmp_path: Path) -> None:
    listing = list_imagenet_subset(save(tmp_path / "a", 4, (1, 3, 8)), "imagenet_a", CLASSES)
    published = covered_set("imagenet_a", listing, 16)
    assert published.record.covered == (1, 3, 8)
    check(published, listing, (1, 3, 8))


def test_images_of_no_class_are_never_right(tmp_path: Path) -> None:
    listing = list_imagenet_subset(save(tmp_path / "o", 4, (0, 2)), "imagenet_o", CLASSES)
    published = covered_set("imagenet_o", listing, 16, shown=False)
    assert set(published.record.labels) == {-1}
    check(published, listing, (0, 2))
    assert not answer_set(trained(), published, ("clean",), 5, "cpu").correct.any()


def test_aupr_of_unknown_images_is_that_of_a_plain_loop(tmp_path: Path) -> None:
    covered = (0, 2, 5)
    known = list_classes(save(tmp_path / "val", 6, range(10)), "folder", "val").labelled_by(CLASSES)
    odd = list_imagenet_subset(save(tmp_path / "o", 5, covered, 120), "imagenet_o", CLASSES)
    parts = [
        covered_part("imagenet_o_known", known, covered, 16),
        covered_set("imagenet_o", odd, 16, shown=False),
    ]
    answers = [answer_set(trained(), part, ("clean",), 4, "cpu") for part in parts]
    assert parts[0].record.labels.tolist() == [0] * 6 + [2] * 6 + [5] * 6
    scores = -np.concatenate([a.confidence[0] for a in answers]).astype(float)  # type: ignore[index]
    positive = np.concatenate([part.record.labels for part in parts]) == -1
    got = float(metrics.average_precision(scores, positive).value)
    ahead = [[np.sum(scores >= s), np.sum(scores[positive] >= s)] for s in scores[positive]]
    assert got == pytest.approx(np.mean([right / all_ for all_, right in ahead]))
    assert 0.3 < got < 1


def test_corruptions_are_conditions_of_all_classes(tmp_path: Path) -> None:
    for severity in range(1, 6):
        save(tmp_path / "fog" / str(severity), 2, (4, 7, 9), shift=25 * severity)
    files = list_imagenet_c(tmp_path, CLASSES)
    published = corrupted_set("imagenet_c", files, 16)
    assert published.conditions == tuple(f"fog_s{s}" for s in range(1, 6))
    names = ("clean", "fog_s3", "fog_s1", "fog_s2", "fog_s5", "fog_s4")
    found = answer_set(trained(), published, names, 4, "cpu")
    assert found.prediction is not None
    for c, name in enumerate(names[1:], start=1):
        moved = files.images.moved(tmp_path / "fog" / name[-1])
        np.testing.assert_array_equal(found.prediction[c], plain(moved, range(10))[0])
    assert not found.evaluated[0].any()
    assert metrics.accuracy(found.evaluated, found.correct).value[1:].tolist() == [
        np.mean(found.prediction[c] == files.labels) for c in range(1, 6)
    ]
    with pytest.raises(ValueError, match=r"PublishedSet\.conditions .* got fog_s4 for imagenet_c"):
        answer_set(trained(), published, names[:4], 4, "cpu")


def test_arrays_are_read_a_batch_at_a_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "fog.npy", rng.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8))
    np.save(tmp_path / "labels.npy", np.tile(np.arange(12) % 10, 5))
    published = corrupted_set("cifar10_c", open_cifar10_c(tmp_path), 16)
    asked: list[int] = []

    def read(condition: str, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        asked.append(len(index))
        return published.read(condition, index)

    watched = replace(published, read=read)
    found = answer_set(trained(), watched, published.conditions, 5, "cpu")
    assert asked == [5, 5, 2] * 5
    assert found.evaluated.all()


def test_answers_come_back_from_the_results(tmp_path: Path) -> None:
    listing = list_imagenet_subset(save(tmp_path / "a", 4, (1, 3, 8)), "imagenet_a", CLASSES)
    published = covered_set("imagenet_a", listing, 16)
    conditions = (*CAMPAIGN.conditions, Condition("fog_s1", "natural", 1, "{}", "clean"))
    campaign = replace(CAMPAIGN, classes=CLASSES, conditions=conditions, sets=(published.record,))
    found = answer_set(trained(), published, [c.name for c in conditions], 5, "cpu")
    bits = np.ones((5, 21), np.bool_)
    outcome = Outcome("w", bits, bits, others={"imagenet_a": found})
    write_results(tmp_path / "r.h5", campaign, [(make_network(0), outcome, "done", "")], {})
    assert verify(tmp_path / "r.h5").problems == ()
    with open_results(tmp_path / "r.h5") as results:
        got = results.correct(["clean"], image_set="imagenet_a")
        np.testing.assert_array_equal(got[0, 0], found.correct[0])


@pytest.mark.parametrize("covered", [(), (0,), (1, 4, 9), tuple(range(10))])
def test_confident_class_is_that_of_the_metrics(covered: tuple[int, ...]) -> None:
    logits = np.random.default_rng(0).normal(size=(50, 10)).astype(np.float32) * 30
    logits[:5, 4] = logits[:5, 9] = 100.0  # of equal ones the first wins
    wanted = metrics.confident_class(logits, np.array(covered) if covered else None)
    classes, confidence = confident_class(torch.from_numpy(logits), covered)
    np.testing.assert_array_equal(classes, wanted[0])
    np.testing.assert_allclose(confidence, wanted[1], rtol=1e-12)
