"""Techniques from the command line to the checkpoint, and training alone, by one and by two."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from images.datasets import load_dataset
from robustscope.__main__ import main
from robustscope.networks import supernet_plans, with_extra
from robustscope.settings import FILE, Settings, check_folder, split_specs
from sampling.campaign import SupernetPlan, taught
from tests.network_example import digits
from training.checkpoint import read_checkpoint, save_checkpoint
from training.recipe import Recipe

SETTINGS = Settings(
    "digits", "digits", ("resnet",), 4, 60, 1, "quick", "cpu", 0, "", technique=("adamw", "ema")
)
SMALL = ("train", "--space", "resnet", "--epochs", "1", "--quiet")


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("", ()),
        ("standard", ()),
        ("ema", ("ema",)),
        ("adversarial:eps=0.03,steps=5,ema", ("adversarial:eps=0.03,steps=5", "ema")),
        ("extra:folder:/a,swa:start=0.5", ("extra:folder:/a", "swa:start=0.5")),
    ],
)
def test_techniques_are_split_at_names(text, specs):
    assert split_specs(text) == specs


def test_named_techniques_join_those_of_the_preset(tmp_path):
    plan = supernet_plans(SETTINGS, tmp_path, 10, ())[0]
    assert plan.recipe.techniques == ("shift", "zoom", "adamw", "ema")
    assert plan.technique == "adamw+ema"
    other = replace(SETTINGS, technique=("zoom:factor=1.5",))
    assert supernet_plans(other, tmp_path, 10, ())[0].recipe.techniques == (
        "shift", "zoom:factor=1.5",
    )  # fmt: skip
    standard = supernet_plans(replace(SETTINGS, technique=()), tmp_path, 10, ())[0]
    assert standard.technique == "standard"


def test_settings_of_a_folder_without_techniques_stay_valid(tmp_path):
    plain = replace(SETTINGS, technique=())
    before = json.loads(plain.to_json())
    del before["technique"]
    (tmp_path / FILE).write_text(json.dumps(before))
    check_folder(tmp_path, plain)
    with pytest.raises(ValueError, match=r"^run\.technique must be as before"):
        check_folder(tmp_path, SETTINGS)


def test_a_teacher_s_file_is_part_of_the_settings(tmp_path):
    path = tmp_path / "teacher.safetensors"
    path.write_bytes(b"a")
    found = []
    for content in (b"a", b"b"):
        path.write_bytes(content)
        for spec in (f"distillation:{path}", f"distillation:weight=0.2,teacher={path}"):
            found.append(replace(SETTINGS, technique=(spec,)).with_files().files)
    assert found[0] == found[1] != found[2] == found[3]
    path.unlink()
    with pytest.raises(ValueError, match=r"must be readable files; got .*teacher\.safetensors"):
        replace(SETTINGS, technique=(f"distillation:{path}",)).with_files()


def test_teacher_is_the_largest_network_of_the_named_checkpoint(tmp_path):
    path = tmp_path / "teacher.safetensors"
    recipe = Recipe(1, 8, 0.1, seed=3, techniques=(f"distillation:{path}",))
    plan = SupernetPlan("resnet", "resnet-digits", 10, recipe, "a", tmp_path / "none")
    teacher, images = plan.build(), digits()[0][:8]
    save_checkpoint(path, "{}", (teacher, torch.optim.SGD(teacher.parameters()), None), (1, 0.0))
    goal = taught(replace(plan, recipe=replace(recipe, seed=4)), "cpu")
    wanted = teacher(images, teacher.space.extreme(largest=True))
    assert torch.equal(goal.predict(images), wanted)
    assert taught(replace(plan, recipe=Recipe(1, 8, 0.1)), "cpu") is None


def folder_of(path: Path, classes: list[str]) -> str:
    for split in ("train", "test"):
        for i, name in enumerate(classes):
            (path / split / name).mkdir(parents=True)
            pixels = np.full((16, 16, 3), 20 * i, np.uint8)
            Image.fromarray(pixels).save(path / split / name / "a.png")
    return f"folder:{path}"


def test_extra_images_follow_the_training_images_and_leave_the_test_images(tmp_path):
    first = load_dataset(folder_of(tmp_path / "a", ["x", "y"]), 16)
    more = folder_of(tmp_path / "b", ["x", "y"])
    recipe = Recipe(1, 2, 0.1, techniques=(f"extra:{more}",))
    both = with_extra(first, recipe, None)
    assert (len(both.train), len(first.train), len(both.test)) == (4, 2, len(first.test))
    np.testing.assert_array_equal(both.train.labels, [0, 1, 0, 1])
    np.testing.assert_array_equal(both.train.pixels[2:], load_dataset(more, 16).train.pixels)
    other = Recipe(1, 2, 0.1, techniques=(f"extra:{folder_of(tmp_path / 'c', ['x', 'z'])}",))
    with pytest.raises(ValueError, match=r"^extra\.data must have the classes of .*, from x to z"):
        with_extra(first, other, None)


def test_unknown_technique_is_one_line(tmp_path, capsys):
    assert main([*SMALL, "--technique", "magic", "--out", str(tmp_path / "a")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Recipe.techniques must be among" in error
    assert not (tmp_path / "a").exists()


@pytest.mark.slow
def test_torchrun_trains_and_one_process_finds_it_done(tmp_path, capsys):
    out = tmp_path / "two"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    arguments = [*SMALL, "--technique", "lion,ema", "--out", str(out)]
    subprocess.run(
        [*command, "--nproc-per-node", "2", "-m", "robustscope", *arguments],
        check=True, cwd=Path(__file__).parent.parent, timeout=280, capture_output=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    path = out / "supernets" / "resnet.safetensors"
    content = path.read_bytes()
    tensors, header = read_checkpoint(path)
    assert any(name.startswith("averaged.module.") for name in tensors)
    assert any(name.startswith("optimizer.exp_avg.") for name in tensors)
    assert "lion" in header["settings"]
    assert main([*arguments[:-5], "--technique", "lion,ema", "--out", str(out), "--quiet"]) == 0
    assert path.read_bytes() == content
    assert not list((out / "cache").iterdir())
