"""A sandwich step leaves the sum of the gradients of its parts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nas_space.presets import SPACES
from supernet.network import SuperNet
from supernet.sandwich import Contrast, contrastive_step, fit_supernet, sandwich_step
from tests.network_example import digits, make_supernet
from training.adversarial import Adversarial
from training.augmentation.placement import RandomShift
from training.contrastive import SimCLR, nt_xent
from training.forward import Forward
from training.loop import Examples
from training.objectives import CrossEntropy
from training.recipe import Recipe
from training.regularisation import Drops

RECIPE = Recipe(epochs=1, batch=24, rate=0.1)


def soft_labels(labels):
    return F.one_hot(labels, 10) * 0.9 + 0.01


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
    losses = sandwich_step(supernet, RECIPE)(images, soft_labels(labels), np.random.default_rng(3))
    assert list(losses) == [a.id for a in (largest, smallest, *drawn)]
    wanted = F.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(losses[largest.id], wanted)
    got = gradients(supernet)
    for name, value in got.items():
        wanted = sum(p[name] for p in parts if name in p)
        torch.testing.assert_close(value, wanted, atol=1e-5, rtol=1e-4)
    assert set(got) == {name for name, _ in supernet.named_parameters()}
    supernet.zero_grad()


def test_sandwich_of_the_largest_and_smallest_draws_nothing():
    supernet, (images, labels) = make_supernet("resnet-digits"), batch()
    rng = np.random.default_rng(0)
    sandwich_step(supernet, RECIPE, drawn=0)(images, soft_labels(labels), rng)
    supernet.zero_grad()
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_sandwich_gradients_belong_to_the_generator():
    supernet, (images, labels) = make_supernet("mobilenet-digits"), batch()
    step, found = sandwich_step(supernet, RECIPE), []
    for seed in (1, 1, 2):
        step(images, soft_labels(labels), np.random.default_rng(seed))
        found.append(gradients(supernet))
        supernet.zero_grad()
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert any(not torch.equal(found[0][name], found[2][name]) for name in found[0])


def test_adversarial_sandwich_attacks_every_sampled_network_itself(monkeypatch):
    supernet, (images, labels) = make_supernet("resnet-digits"), batch(8)
    attacked = []

    def watched(self, forward, images, targets, rng):
        attacked.append((forward.arguments[0].id, targets))
        return CrossEntropy().loss(forward, images, targets, rng)

    monkeypatch.setattr(Adversarial, "loss", watched)
    recipe = replace(RECIPE, techniques=("adversarial",))
    targets = soft_labels(labels)
    losses = sandwich_step(supernet, recipe)(images, targets, np.random.default_rng(0))
    supernet.zero_grad()
    assert [name for name, _ in attacked] == list(losses)
    largest = supernet(images, supernet.space.extreme(largest=True)).detach().softmax(1)
    assert torch.equal(attacked[0][1], targets)
    for _, taught in attacked[1:]:
        torch.testing.assert_close(taught, largest)


def test_adversarial_step_leaves_examples_that_raise_the_loss_of_the_subnet():
    supernet, (images, labels) = make_supernet("mobilenet-digits"), batch(16)
    subnet = Forward(supernet, supernet.space.extreme(largest=False))
    targets = soft_labels(labels)
    goal = Adversarial(eps=8 / 255, steps=3, step=0.5)
    mixed = goal.loss(subnet, images, targets, np.random.default_rng(0))
    twice = F.cross_entropy(subnet(torch.cat((images, images))), torch.cat((targets, targets)))
    assert mixed.item() > twice.item() + 0.01
    assert all(p.grad is None or not p.grad.any() for p in supernet.parameters())


def test_contrastive_gradients_are_the_sum_over_the_sandwich():
    supernet, (images, labels) = make_supernet("resnet-digits"), batch(8)
    torch.manual_seed(0)
    model, views = Contrast(supernet, 16), (RandomShift(),)
    losses = contrastive_step(model, SimCLR(), views, drawn=0)(
        images, soft_labels(labels), np.random.default_rng(2)
    )
    got = gradients(model)
    model.zero_grad()
    rng, pair = np.random.default_rng(2), []
    for _ in range(2):
        pair.append(RandomShift().apply(images, soft_labels(labels), rng)[0])
    for largest, loss in zip((True, False), losses.values(), strict=True):
        z = model(torch.cat(pair), supernet.space.extreme(largest=largest))
        wanted = nt_xent(z[:8], z[8:], 0.5)
        wanted.backward()
        torch.testing.assert_close(loss, wanted.detach())
    for name, value in gradients(model).items():
        torch.testing.assert_close(got[name], value, atol=1e-5, rtol=1e-4)
    model.zero_grad()


def test_pre_training_comes_first_and_is_not_repeated(tmp_path):
    images, labels = batch(48)
    pixels = (images * 255).round().byte().permute(0, 2, 3, 1).numpy()
    data = Examples(pixels, labels.numpy(), 10)
    recipe = replace(RECIPE, techniques=("shift", "simclr:epochs=1,width=8"))
    path, found = tmp_path / "net.safetensors", []
    for _ in range(2):
        torch.manual_seed(0)
        supernet = SuperNet(SPACES["resnet-digits"], 10)
        found.append(fit_supernet(supernet, data, recipe, path))
        content = (tmp_path / "net.pretrained.safetensors").read_bytes()
        found.append(content)
    assert found[:2] == found[2:]
    plain = SuperNet(SPACES["resnet-digits"], 10)
    without = replace(RECIPE, techniques=("shift",))
    assert fit_supernet(plain, data, without, tmp_path / "plain.safetensors") != found[0]


def test_kernel_transforms_learn_digits_in_three_epochs(tmp_path):
    images, labels = digits()
    pixels = (images * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    data = Examples(pixels[397:], labels[397:].numpy(), 10)
    torch.manual_seed(0)
    supernet = SuperNet(SPACES["mobilenet-digits"], 10, kernel_transform=True)
    first = {name: value.clone() for name, value in supernet.named_parameters()}
    recipe = replace(RECIPE, epochs=3, batch=64, techniques=("kernel_transform",))
    fit_supernet(supernet, data, recipe, tmp_path / "net.safetensors")
    moved = [
        n for n, p in supernet.named_parameters() if ".transforms." in n and (p != first[n]).any()
    ]
    assert moved
    with torch.no_grad():
        for largest in (True, False):
            logits = supernet(images[:397], supernet.space.extreme(largest=largest))
            assert (logits.argmax(1) == labels[:397]).float().mean() > 0.6  # chance is 0.1


def test_dropping_follows_the_generator_and_ends_in_eval_mode():
    supernet, (images, _) = make_supernet("resnet-digits"), batch(8)
    largest = supernet.space.extreme(largest=True)
    plain = supernet(images, largest)

    def run(seed):
        drops = Drops(0.2, 0.3, np.random.default_rng(seed))
        return Forward(supernet, largest, drops=drops)

    assert torch.equal(run(1)(images), run(1)(images))
    assert not torch.equal(run(1)(images), run(2)(images))
    assert torch.equal(run(1).eval()(images), plain)
