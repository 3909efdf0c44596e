"""Checkpoints come back whole or are refused in one line."""

import json
import resource
from dataclasses import replace

import pytest
import torch
from torch import nn

from nas_space.presets import SPACES
from supernet.network import SuperNet
from training.averaging import SWA
from training.checkpoint import load_checkpoint, load_weights, read_checkpoint, save_checkpoint
from training.loop import Examples, fit
from training.recipe import Recipe

SETTINGS = json.dumps({"rate": 0.1})


def make(outputs=2, seed=0):
    torch.manual_seed(seed)
    model = nn.Linear(3, outputs)
    return model, torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), None


def stepped(seed=0):
    model, optimizer, averaged = make(seed=seed)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return model, optimizer, averaged


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "net.safetensors"
    save_checkpoint(file, SETTINGS, stepped(), (3, 0.25))
    return file


def refusal(call, *arguments):
    with pytest.raises(ValueError, match=r"^Checkpoint\.\w+ must ") as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_checkpoint_brings_back_weights_momentum_and_progress(path):
    wanted, optimizer, _ = stepped()
    model, fresh, _ = make(seed=1)
    assert load_checkpoint(path, SETTINGS, (model, fresh, None)) == (3, 0.25)
    for a, b in zip(model.parameters(), wanted.parameters(), strict=True):
        assert torch.equal(a, b)
        momentum = fresh.state[a]["momentum_buffer"]
        assert torch.equal(momentum, optimizer.state[b]["momentum_buffer"])


def test_missing_checkpoint_changes_nothing(tmp_path):
    model, optimizer, _ = make()
    before = model.weight.clone()
    state = (model, optimizer, None)
    epochs, loss = load_checkpoint(tmp_path / "none.safetensors", SETTINGS, state)
    assert (epochs, loss != loss) == (0, True)
    assert torch.equal(model.weight, before)


def test_checkpoint_is_replaced_in_one_step(path):
    save_checkpoint(path, SETTINGS, stepped(seed=1), (4, 0.2))
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]
    assert load_checkpoint(path, SETTINGS, make()) == (4, 0.2)


def test_checkpoint_of_other_settings_is_refused(path):
    message = refusal(load_checkpoint, path, json.dumps({"rate": 0.2}), make())
    assert str(path) in message
    assert "another output folder" in message


@pytest.mark.parametrize("kept", [0, 4, 40, 0.5, -1])
def test_truncated_checkpoint_is_refused(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    assert str(path) in refusal(load_checkpoint, path, SETTINGS, make())


def test_full_disk_is_said_and_the_old_checkpoint_stays(path):
    before, limit = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limit[1]))  # as if there were no room
    try:
        message = refusal(save_checkpoint, path, SETTINGS, stepped(seed=1), (4, 0.2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "Make room" in message
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]


def test_averaged_weights_are_those_evaluated_once_there_are_some(tmp_path):
    path, (model, optimizer, _) = tmp_path / "a.safetensors", stepped()
    averaged = SWA().build(model)
    for count in (0, 1):
        save_checkpoint(path, SETTINGS, (model, optimizer, averaged), (1, 0.0))
        loaded = make(seed=2)[0]
        load_weights(path, loaded, read_checkpoint(path)[0])
        wanted = averaged.module if count else model
        assert torch.equal(loaded.weight, wanted.weight)
        averaged.update_parameters(model)
        with torch.no_grad():
            averaged.module.weight += 1.0


def test_checkpoint_of_other_classes_is_refused(tmp_path):
    path, model = tmp_path / "a.safetensors", SuperNet(SPACES["resnet-digits"], 10)
    save_checkpoint(path, SETTINGS, (model, torch.optim.SGD(model.parameters()), None), (1, 0.0))
    other = SuperNet(SPACES["resnet-digits"], 7)
    message = refusal(load_weights, path, other, read_checkpoint(path)[0])
    assert "head" in message


def test_file_that_is_no_checkpoint_is_refused(path):
    path.write_bytes(b"\xff" * 1000)
    assert str(path) in refusal(read_checkpoint, path)


def test_missing_file_is_refused_when_read(tmp_path):
    assert "none.safetensors" in refusal(read_checkpoint, tmp_path / "none.safetensors")


def test_checkpoint_of_another_shape_is_refused(path):
    message = refusal(load_checkpoint, path, SETTINGS, make(outputs=5))
    assert str(path) in message
    assert "size mismatch" in message


def test_checkpoint_of_another_space_is_refused_in_a_short_line(tmp_path):
    path, nets = tmp_path / "a.safetensors", {}
    for name in ("mobilenet-digits", "resnet-digits"):
        nets[name] = SuperNet(SPACES[name], 10)
    model = nets["mobilenet-digits"]
    state = (model, torch.optim.SGD(model.parameters()), None)
    save_checkpoint(path, SETTINGS, state, (1, 0.0))
    tensors, _ = read_checkpoint(path)
    message = refusal(load_weights, path, nets["resnet-digits"], tensors)
    assert len(message) < 400


def test_recipe_of_the_checkpoint_is_part_of_its_settings(tmp_path):
    recipe, path = Recipe(epochs=1, batch=4, rate=0.1), tmp_path / "a.safetensors"
    pixels, labels = torch.zeros(4, 1, 1, 3, dtype=torch.uint8), torch.zeros(4).long()
    data = Examples(pixels.numpy(), labels.numpy(), 2)

    def train(recipe):
        model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))

        def step(images, targets, rng):
            loss = model(images).square().mean()
            loss.backward()
            return {"network": loss.detach()}

        return fit(model, step, data, recipe, path)

    train(recipe)
    for change in ({"rate": 0.2}, {"seed": 1}, {"techniques": ("ema",)}, {"epochs": 2}):
        assert "settings" in refusal(train, replace(recipe, **change))


def test_flipped_bytes_are_found(path):
    data = bytearray(path.read_bytes())
    data[-5] ^= 1  # in a tensor, which safetensors reads without a word
    path.write_bytes(data)
    assert "is damaged" in refusal(read_checkpoint, path)


def test_other_settings_are_named(path):
    other = json.dumps({"rate": 0.1, "data": "ab"})
    assert "got other data (" in refusal(load_checkpoint, path, other, make())
