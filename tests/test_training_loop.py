"""The training loop: schedule, groups, batches, resumption to the bit, and when it must stop."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nas_space.presets import SPACES
from supernet.network import SuperNet
from supernet.sandwich import sandwich_step
from training.augmentation.table import AUGMENTATIONS
from training.checkpoint import load_weights, read_checkpoint
from training.loop import Examples, batches, fit, network_step, to_float, to_targets
from training.optimizers import parameter_groups
from training.recipe import Recipe

RECIPE = Recipe(epochs=4, batch=16, rate=0.1, techniques=("shift", "zoom", "flip"))


def data(count=56, size=16):
    rng = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.int64) % 4
    pixels = rng.integers(0, 128, (count, size, size, 3), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[4 * label : 4 * label + 4] += 100  # the class is the bright stripe
    return Examples(pixels, labels, 4)


def data_labels(index):
    return torch.from_numpy(data().labels[index])


def small_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Flatten(), nn.Linear(128, 4),
    )  # fmt: skip


def plain_step(model):
    return network_step(model, RECIPE)


def small_supernet():
    torch.manual_seed(0)
    return SuperNet(SPACES["resnet-digits"], 4)


WAYS = {
    "small": ("small", ()),
    "supernet": ("supernet", ()),
    **{name: ("small", (name,)) for name in ("adamw", "lion", "ema", "swa:start=0.4", "kurtosis")},
}

MODELS = {
    "small": (small_network, plain_step),
    "supernet": (small_supernet, lambda net: sandwich_step(net, RECIPE)),
}


class Stop(Exception):
    """What a killed run looks like from inside."""


def stop_at(epoch):
    def report(done):
        if done == epoch:
            raise Stop

    return report


def test_rate_rises_linearly_then_falls_as_a_cosine():
    recipe = Recipe(epochs=1, batch=2, rate=0.4, warmup=0.2)
    wanted = {0.0: 0.0, 0.1: 0.2, 0.2: 0.4, 0.4: 0.2 * (1 + math.cos(math.pi / 4)), 0.6: 0.2, 1: 0}
    for progress, rate in wanted.items():
        assert recipe.rate_at(progress) == pytest.approx(rate, abs=1e-12)


def test_rate_without_warmup_starts_at_the_peak():
    assert Recipe(epochs=1, batch=2, rate=0.4, warmup=0.0).rate_at(0.0) == 0.4


def test_rates_of_a_run_follow_the_schedule(tmp_path):
    seen, model = [], small_network()
    recipe = replace(RECIPE, epochs=2, techniques=())

    class Recorder(torch.optim.SGD):
        def step(self, closure=None):
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "SGD", Recorder)
        fit(model, plain_step(model), data(), recipe, tmp_path / "a.safetensors")
    assert seen == pytest.approx([recipe.rate_at(i / 6) for i in range(1, 7)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, r"^Recipe\.epochs must be at least 1; got 0"),
        ({"batch": 1}, r"^Recipe\.batch must be at least 2; got 1"),
        ({"rate": math.nan}, r"^Recipe\.rate must be positive; got nan"),
        ({"warmup": 1.0}, r"^Recipe\.warmup must be a share in \[0, 1\); got 1"),
        ({"techniques": ("flap",)}, r"^Recipe\.techniques must be among .*; got 'flap'"),
        ({"precision": "float16"}, r"^Recipe\.precision must be among float32, bfloat16; got"),
    ],
    ids=str,
)
def test_recipe_refuses_what_cannot_be_trained(change, message):
    with pytest.raises(ValueError, match=message):
        replace(RECIPE, **change)


def test_weights_decay_and_vectors_do_not():
    model = small_network()
    decayed, free = parameter_groups(model, 0.01)
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.01, 0.0)
    matrices = [model[i].weight for i in (0, 3, 7)]
    assert [id(p) for p in decayed["params"]] == [id(p) for p in matrices]
    assert len(free["params"]) == 5  # scale and shift of two BatchNorms, one bias
    assert len(decayed["params"]) + len(free["params"]) == len(list(model.parameters()))


def test_to_float_divides_and_puts_channels_first():
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    got = to_float(pixels, "cpu")
    np.testing.assert_allclose(got.numpy(), pixels.transpose(0, 3, 1, 2) / 255, atol=1e-7)
    assert got.is_contiguous(memory_format=torch.channels_last)


def test_epoch_is_a_permutation_in_full_batches():
    found = list(batches(data(50), 16, np.random.default_rng(1)))
    seen = np.concatenate(found)
    assert [len(index) for index in found] == [16, 16, 16]
    assert len(set(seen.tolist())) == 48
    assert seen.tolist() != sorted(seen.tolist())


def test_fewer_images_than_a_batch_make_one_batch(tmp_path):
    model, seen = small_network(), []

    def step(images, targets, rng):
        seen.append(len(images))
        return plain_step(model)(images, targets, rng)

    fit(model, step, data(5), RECIPE, tmp_path / "a.safetensors")
    assert seen == [5] * 4


def test_one_image_is_too_few_for_a_batch(tmp_path):
    with pytest.raises(ValueError, match=r"^Recipe\.batch must .* 2 images each; got 1 of 1"):
        fit(small_network(), lambda *_: {}, data(1), RECIPE, tmp_path / "a.safetensors")


def test_labels_beyond_the_classes_are_refused(tmp_path):
    few = data()._replace(classes=3)
    with pytest.raises(ValueError, match=r"^Examples\.labels must lie in \[0, 3\); got 0 to 3"):
        fit(small_network(), lambda *_: {}, few, RECIPE, tmp_path / "a.safetensors")


def test_targets_are_one_hot_and_smoothed(tmp_path):
    model, seen = small_network(), []

    def step(images, targets, rng):
        seen.append(targets)
        return plain_step(model)(images, targets, rng)

    recipe = replace(RECIPE, epochs=1, smoothing=0.2, techniques=())
    fit(model, step, data(), recipe, tmp_path / "a.safetensors")
    order = np.random.default_rng([0, 0]).permutation(56)[:16]
    wanted = torch.full((16, 4), 0.05)
    wanted[torch.arange(16), torch.from_numpy(data().labels[order])] = 0.85
    torch.testing.assert_close(seen[0], wanted)
    logits = model(torch.rand(16, 3, 16, 16))
    smooth = F.cross_entropy(logits, data_labels(order), label_smoothing=0.2)
    torch.testing.assert_close(F.cross_entropy(logits, seen[0]), smooth)


def test_techniques_are_applied_in_order_with_the_generator_of_the_epoch(tmp_path):
    model, seen = small_network(), []

    def step(images, targets, rng):
        seen.append((images.clone(), targets.clone()))
        return plain_step(model)(images, targets, rng)

    recipe = replace(RECIPE, epochs=2, seed=7, smoothing=0.0, techniques=("shift", "zoom", "mixup"))
    fit(model, step, data(), recipe, tmp_path / "a.safetensors")
    rng = np.random.default_rng([7, 1])
    index = rng.permutation(56)[:16]
    images = to_float(data().pixels[index], "cpu")
    targets = to_targets(data().labels[index], 4, "cpu")
    for name in recipe.techniques:
        images, targets = AUGMENTATIONS[name].apply(images, targets, rng)
    assert torch.equal(seen[3][0], images)
    assert torch.equal(seen[3][1], targets)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("epoch", [0, 1, 3])
def test_interrupted_training_ends_with_the_same_bits(way, epoch, tmp_path):
    kind, techniques = WAYS[way]
    make, step_of = MODELS[kind]
    recipe = RECIPE if kind == "small" else replace(RECIPE, batch=28)
    recipe = replace(recipe, techniques=recipe.techniques + techniques)
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    model = make()
    loss = fit(model, step_of(model), data(), recipe, whole)
    model = make()
    with pytest.raises(Stop):
        fit(model, step_of(model), data(), recipe, broken, stop_at(epoch))
    resumed, reports = make(), []
    again = fit(resumed, step_of(resumed), data(), recipe, broken, reports.append)
    ends = [done for done in reports if done == int(done)]
    assert ends == list(range(epoch, recipe.epochs + 1))
    assert again == loss
    (wanted, _), (got, _) = read_checkpoint(whole), read_checkpoint(broken)
    assert wanted.keys() == got.keys()
    assert any(name.startswith("optimizer.") for name in got)
    for name, value in wanted.items():
        assert torch.equal(got[name], value), name
    evaluated = make()
    load_weights(broken, evaluated, got)  # the averaged weights, where there are any
    for name, value in resumed.state_dict().items():
        assert torch.equal(value, evaluated.state_dict()[name])


def test_finished_training_is_not_repeated(tmp_path):
    path, model = tmp_path / "a.safetensors", small_network()
    loss = fit(model, plain_step(model), data(), RECIPE, path)
    content, reports = path.read_bytes(), []
    other = small_network(seed=1)
    assert fit(other, plain_step(other), data(), RECIPE, path, reports.append) == loss
    assert (reports, path.read_bytes()) == ([4], content)
    assert torch.equal(other[0].weight, model[0].weight)


def test_seed_changes_the_training(tmp_path):
    found = []
    for seed in (0, 1):
        model = small_network()
        recipe = replace(RECIPE, seed=seed)
        fit(model, plain_step(model), data(), recipe, tmp_path / f"{seed}.safetensors")
        found.append(model[0].weight)
    assert not torch.equal(*found)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_training_stops_when_not_finite_and_keeps_the_last_good_checkpoint(what, tmp_path):
    path, model = tmp_path / "net.safetensors", small_network()
    with pytest.raises(Stop):
        fit(model, plain_step(model), data(), RECIPE, path, stop_at(2))
    good, calls = path.read_bytes(), []

    def step(images, targets, rng):
        calls.append(plain_step(model)(images, targets, rng) | {"3f2a": torch.tensor(1.0)})
        if len(calls) < 3:  # the last step of an epoch, after which a checkpoint would be written
            return calls[-1]
        if what == "loss":
            return calls[-1] | {"3f2a": torch.tensor(math.inf)}
        model[0].weight.grad[0, 0, 0, 0] = math.nan
        return calls[-1]

    who = "3f2a" if what == "loss" else "network, 3f2a"
    found = rf"finite; got .* of {who} in epoch 2, step 2\. .*net\.safetensors"
    with pytest.raises(ValueError, match=found):
        fit(model, step, data(), RECIPE, path)
    assert path.read_bytes() == good
    assert all(bool(p.isfinite().all()) for p in model.parameters())


def test_gradients_are_clipped(tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 4))
    recipe = Recipe(epochs=1, batch=56, rate=1.0, momentum=0.5, decay=0.0, warmup=0.0, clip=0.01)
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recipe, "rate_at", lambda self, progress: 1.0)
        fit(model, plain_step(model), data(), recipe, tmp_path / "a.safetensors")
    pairs = zip(model.parameters(), before, strict=True)
    moved = torch.cat([(p.detach() - q).flatten() for p, q in pairs])
    assert float(moved.norm()) == pytest.approx(0.01 * 1.5, rel=1e-3)  # Nesterov: g + 0.5 g


@pytest.mark.parametrize("kind", MODELS)
def test_three_epochs_reduce_the_loss(kind, tmp_path):
    make, step_of = MODELS[kind]
    model, losses = make(), []
    step = step_of(model)

    def recorded(images, targets, rng):
        found = step(images, targets, rng)
        losses.append(float(next(iter(found.values()))))
        return found

    recipe = Recipe(epochs=3, batch=14, rate=0.1, warmup=0.1, techniques=("shift",))
    last = fit(model, recorded, data(), recipe, tmp_path / "a.safetensors")
    assert last == pytest.approx(np.mean(losses[-4:]))
    assert last < 0.9 * np.mean(losses[:4])


def test_training_does_not_go_on_with_other_data(tmp_path):
    path, model = tmp_path / "a.safetensors", small_network()
    fit(model, plain_step(model), data(), RECIPE, path)
    with pytest.raises(ValueError, match=r"Checkpoint\.settings .* got other data \(.*\) in"):
        fit(model, plain_step(model), data()._replace(pixels=data().pixels[::-1]), RECIPE, path)


def test_bfloat16_agrees_with_float32_and_keeps_float32_weights(tmp_path):
    losses = {}
    for precision in ("float32", "bfloat16"):
        model = small_supernet()
        recipe = Recipe(epochs=2, batch=28, rate=0.05, precision=precision)
        path = tmp_path / f"{precision}.safetensors"
        losses[precision] = fit(model, sandwich_step(model, recipe), data(), recipe, path)
        assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.1)
    assert losses["bfloat16"] != losses["float32"]


def test_settings_among_the_techniques_replace_those_of_the_recipe():
    recipe = replace(RECIPE, techniques=("without_label_smoothing", "weight_decay:0.01"))
    assert (recipe.resolved().smoothing, recipe.resolved().decay) == (0.0, 0.01)
    assert (RECIPE.resolved().smoothing, RECIPE.resolved().decay) == (0.1, 1e-4)


def test_rate_of_an_optimizer_is_its_own_and_swa_holds_it():
    recipe = replace(RECIPE, techniques=("adamw:rate=0.004", "swa:start=0.5"))
    plain = replace(RECIPE, rate=0.004, techniques=())
    assert recipe.rate_at(0.3) == plain.rate_at(0.3)
    assert recipe.rate_at(0.9) == recipe.rate_at(0.5) == plain.rate_at(0.5)
