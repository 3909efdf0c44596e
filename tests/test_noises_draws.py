import hashlib

import numpy as np
import pytest

from noises.draws import generators


def first(seed=0, noise="fog", severity=1, image="a"):
    return generators(seed, noise, severity, [image])[0].random(4).tolist()


def test_draws_equal_the_documented_key():
    digest = hashlib.blake2b(b'[7, "fog", 2]img/1.png', digest_size=16).digest()
    key = np.frombuffer(digest, dtype="<u8").astype(np.uint64)
    oracle = np.random.Generator(np.random.Philox(key=key))
    drawn = generators(7, "fog", 2, ["img/1.png"])[0]
    np.testing.assert_array_equal(drawn.standard_normal(64), oracle.standard_normal(64))


def test_draws_are_the_same_on_every_machine():
    word = generators(0, "gaussian_noise", 1, ["a"])[0].bit_generator.random_raw()
    assert word == 10004501364926884950


def test_draws_do_not_depend_on_the_other_images():
    alone = generators(0, "fog", 1, ["b"])[0].random(8)
    among = generators(0, "fog", 1, ["a", "b", "c"])[1].random(8)
    np.testing.assert_array_equal(alone, among)


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"noise": "snow"}, {"severity": 2}, {"image": "b"}], ids=str
)
def test_draws_differ_with_each_part_of_the_key(other):
    assert first() != first(**other)


def test_draws_key_has_no_ambiguous_boundary():
    assert first(severity=1, image="1a") != first(severity=11, image="a")


def test_draws_take_numpy_integers():
    assert first(seed=np.int64(3), severity=np.int64(2)) == first(seed=3, severity=2)


def test_draws_are_uniform_over_images():
    drawn = generators(0, "fog", 1, [str(i) for i in range(4000)])
    values = np.array([g.random() for g in drawn])
    assert abs(values.mean() - 0.5) < 4 / np.sqrt(12 * 4000)
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 4 / np.sqrt(4000)
