"""A sandwich step leaves the sum of the gradients of its parts."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from supernet.sandwich import sandwich_step
from tests.network_example import digits, make_supernet


def batch(count=24):
    images, labels = digits()
    return images[:count], labels[:count]


def gradients(supernet):
    return {n: p.grad.clone() for n, p in supernet.named_parameters() if p.grad is not None}


def part(supernet, architecture, target, smoothing=0.0):
    """Gradients of one network of the sandwich alone."""
    supernet.zero_grad()
    logits = supernet(batch()[0], architecture)
    F.cross_entropy(logits, target, label_smoothing=smoothing).backward()
    found = gradients(supernet)
    supernet.zero_grad()
    return found, logits.detach()


@pytest.mark.parametrize("space", ["mobilenet-digits", "resnet-digits"])
def test_sandwich_gradients_are_the_sum_of_the_parts(space):
    supernet, (images, labels) = make_supernet(space), batch()
    rng = np.random.default_rng(3)
    largest, smallest = (supernet.space.extreme(largest=x) for x in (True, False))
    drawn = [supernet.space.sample(rng) for _ in range(2)]
    first, logits = part(supernet, largest, labels, smoothing=0.1)
    soft = logits.softmax(1)
    parts = [first, *(part(supernet, a, soft)[0] for a in (smallest, *drawn))]
    supernet.zero_grad()
    loss = sandwich_step(supernet, 0.1)(images, labels, np.random.default_rng(3))
    assert loss == pytest.approx(float(F.cross_entropy(logits, labels, label_smoothing=0.1)))
    got = gradients(supernet)
    for name, value in got.items():
        wanted = sum(p[name] for p in parts if name in p)
        torch.testing.assert_close(value, wanted, atol=1e-5, rtol=1e-4)
    assert set(got) == {name for name, _ in supernet.named_parameters()}
    supernet.zero_grad()


def test_sandwich_of_the_largest_and_smallest_draws_nothing():
    supernet, (images, labels) = make_supernet("resnet-digits"), batch()
    rng = np.random.default_rng(0)
    sandwich_step(supernet, 0.0, drawn=0)(images, labels, rng)
    supernet.zero_grad()
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_sandwich_gradients_belong_to_the_generator():
    supernet, (images, labels) = make_supernet("mobilenet-digits"), batch()
    step, found = sandwich_step(supernet, 0.1), []
    for seed in (1, 1, 2):
        step(images, labels, np.random.default_rng(seed))
        found.append(gradients(supernet))
        supernet.zero_grad()
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert any(not torch.equal(found[0][name], found[2][name]) for name in found[0])
