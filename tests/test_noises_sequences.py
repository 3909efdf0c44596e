"""The contract of every perturbation sequence, over the whole table."""

import numpy as np
import pytest
from PIL import Image

from noises.draws import generators
from noises.sequences.sequence import PerturbationSequence
from noises.sequences.table import AVERAGED, SEQUENCES

EVERY = pytest.mark.parametrize("sequence", SEQUENCES.values(), ids=list(SEQUENCES))

SHORTER_OR_LONGER = {("motion_blur", 32): 21, ("translate", 32): 16, ("translate", 224): 41}


def pictures(count, size, seed=0):
    """Smooth colours with hard edges: (count, size, size, 3)."""
    rng = np.random.default_rng(seed)
    out = np.empty((count, size, size, 3), dtype=np.uint8)
    for image in out:
        coarse = Image.fromarray(rng.integers(20, 236, (4, 4, 3), dtype=np.uint8))
        image[...] = coarse.resize((size, size), Image.Resampling.BICUBIC)
        top, left = rng.integers(0, size // 2, 2)
        image[top : top + size // 3, left : left + size // 3] = rng.integers(0, 256, 3)
    return out


def framed(sequence, pixels, difficulty=1, seed=0, ids=None):
    ids = [str(i) for i in range(len(pixels))] if ids is None else ids
    drawn = generators(seed, f"{sequence.name}_p", difficulty, ids)
    return sequence.apply(pixels, drawn, difficulty)


@EVERY
@pytest.mark.parametrize("size", [8, 16, 32, 85, 224])
def test_sequence_keeps_type_and_shape_and_its_input(sequence, size):
    pixels = pictures(1, size)
    before = pixels.copy()
    out = framed(sequence, pixels)
    count = SHORTER_OR_LONGER.get((sequence.name, 32 if size < 85 else 224), 31)
    assert (out.dtype, out.shape) == (np.uint8, (1, count, size, size, 3))
    assert sequence.frames(size) == count
    assert out.flags.c_contiguous
    assert not np.shares_memory(out, pixels)
    np.testing.assert_array_equal(pixels, before)


@EVERY
@pytest.mark.parametrize("size", [32, 224])
def test_sequence_changes_from_frame_to_frame(sequence, size):
    out = framed(sequence, pictures(4 if size == 32 else 1, size))
    changed = (out[:, 1:] != out[:, :-1]).any(axis=(0, 2, 3, 4))
    if (sequence.name, size) == ("motion_blur", 224):
        # At -92 and -88 degrees the line leaves its column 15 px out, with a weight of 9e-7.
        assert np.flatnonzero(~changed).tolist() == [7]
    else:
        assert changed.all()


@EVERY
@pytest.mark.parametrize("size", [32, 224])
def test_sequence_starts_clean_if_and_only_if_it_is_judged_against_frame_0(sequence, size):
    pixels = pictures(4 if size == 32 else 1, size)
    for difficulty in range(1, sequence.difficulties + 1):
        first = framed(sequence, pixels, difficulty)[:, 0]
        if sequence.noise:
            np.testing.assert_array_equal(first, pixels)
        elif sequence.name not in {"gaussian_blur", "spatter"}:  # faint at first, and unseen
            assert np.array_equal(first, pixels) is (sequence.name == "zoom_blur")


@EVERY
def test_sequence_takes_views_and_read_only_pixels(sequence):
    pixels = pictures(3, 32)
    pixels.flags.writeable = False
    flipped = pixels[:, ::-1]
    np.testing.assert_array_equal(
        framed(sequence, flipped), framed(sequence, np.ascontiguousarray(flipped))
    )


@EVERY
def test_sequence_does_not_depend_on_the_batch(sequence):
    pixels = pictures(8, 32)
    ids = [f"image{i}" for i in range(8)]
    together = framed(sequence, pixels, ids=ids)
    order = np.random.default_rng(1).permutation(8)
    shuffled = framed(sequence, pixels[order], ids=[ids[i] for i in order])
    np.testing.assert_array_equal(shuffled, together[order])
    for i in (0, 7):
        alone = framed(sequence, pixels[i : i + 1], ids=[ids[i]])
        np.testing.assert_array_equal(alone[0], together[i])


@EVERY
def test_sequence_depends_on_the_seed_if_and_only_if_random(sequence):
    pixels = pictures(4, 32)
    same = np.array_equal(framed(sequence, pixels, seed=0), framed(sequence, pixels, seed=1))
    assert same is not sequence.random


@EVERY
def test_sequence_keeps_grey_images_grey_unless_it_draws_colour(sequence):
    grey = np.repeat(pictures(2, 32)[..., :1], 3, axis=-1)
    out = framed(sequence, grey)
    tinted = (out != out[..., :1]).any()
    assert tinted == (sequence.noise or sequence.name == "spatter")  # water is turquoise


@EVERY
def test_sequence_of_no_images_is_no_frames(sequence):
    out = sequence.apply(np.empty((0, 32, 32, 3), np.uint8), [])
    assert out.shape == (0, sequence.frames(32), 32, 32, 3)


@EVERY
def test_sequence_constants_come_from_the_nearest_table(sequence):
    for difficulty in range(1, sequence.difficulties + 1):
        small = dict(zip(sequence.parameters, sequence.cifar[difficulty - 1], strict=True))
        large = dict(zip(sequence.parameters, sequence.imagenet[difficulty - 1], strict=True))
        assert [sequence.constants(s, difficulty) for s in (16, 32, 84)] == [small] * 3
        assert [sequence.constants(s, difficulty) for s in (85, 224, 384)] == [large] * 3


@pytest.mark.parametrize("name", [n for n, s in SEQUENCES.items() if s.noise])
@pytest.mark.parametrize("size", [32, 224])
def test_sequence_difficulty_raises_the_distortion(name, size):
    pixels = pictures(1, size)
    change = [
        np.abs(framed(SEQUENCES[name], pixels, d).astype(float) - pixels[:, None]).mean()
        for d in (1, 2, 3)
    ]
    assert change[0] < change[1] < change[2]


def test_sequence_table_has_the_published_fourteen_of_which_ten_are_averaged():
    assert len(SEQUENCES) == 14
    assert all(name == sequence.name for name, sequence in SEQUENCES.items())
    assert {n for n, s in SEQUENCES.items() if s.noise} == {
        "gaussian_noise",
        "shot_noise",
        "speckle_noise",
    }
    assert {s.difficulties for s in SEQUENCES.values() if not s.noise} == {1}
    assert set(SEQUENCES) - set(AVERAGED) == {"speckle_noise", "gaussian_blur", "spatter", "shear"}
    assert len(AVERAGED) == 10


GOOD = np.zeros((2, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("pixels", "difficulty", "count", "message"),
    [
        (GOOD.astype(float), 1, 2, r"snow\.pixels must be an array of uint8; got float64"),
        ([[0]], 1, 2, r"snow\.pixels must be an array of uint8; got list"),
        (GOOD[0], 1, 2, r"must be \(B, S, S, 3\).*got \(16, 16, 3\)"),
        (GOOD[:, :12], 1, 2, r"got \(2, 12, 16, 3\)\. Crop or resize"),
        (GOOD[:, :4, :4], 1, 2, r"S at least 8; got \(2, 4, 4, 3\)"),
        (GOOD[..., :1], 1, 2, r"got \(2, 16, 16, 1\)"),
        (GOOD, 0, 2, r"snow\.difficulty must be one of 1; got 0"),
        (GOOD, 2, 2, r"snow\.difficulty must be one of 1; got 2"),
        (GOOD, 1, 1, r"snow\.generators must be one per image \(2\); got 1"),
    ],
    ids=str,
)
def test_sequence_refuses_bad_input(pixels, difficulty, count, message):
    drawn = generators(0, "snow_p", 1, ["a"] * count)
    with pytest.raises(ValueError, match=message):
        SEQUENCES["snow"].apply(pixels, drawn, difficulty)


@pytest.mark.parametrize("cifar", [((0.5, 1.0),), (), ((0.5,), (0.6,))])
def test_sequence_refuses_incomplete_tables(cifar):
    with pytest.raises(ValueError, match=r"dim\.constants must be as many rows of 1 numbers"):
        PerturbationSequence(
            "dim", "digital", False, ("factor",), ((0.5,),), cifar, lambda p, c, g, out: None
        )
