"""Training a supernet: our loop against the loop a user would write, and NNI's shared weights.

`python -m benchmarks.training` takes about two minutes, with `--quick` half a minute. All sides
train the largest, the smallest and two random networks of the digits spaces per step, by SGD, in
one thread of one process, turn by turn. The plain loop has no augmentation, no checks and no
checkpoint, so the ratio says what those cost; the share of forward and backward passes says it of
our loop alone. NNI shares weights through its one-shot modules, without the sandwich rule.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.nni_oneshot import nni_seconds
from benchmarks.table import Row, absent, publish, render
from images.datasets import load_dataset
from nas_space.presets import find_space
from nas_space.space import Space
from supernet.network import SuperNet
from supernet.sandwich import sandwich, sandwich_step
from training.loop import Examples, batches, fit, to_float
from training.optimizers import parameter_groups
from training.recipe import Recipe

RECIPE = Recipe(epochs=1, batch=64, rate=0.05, warmup=0.0, smoothing=0.0)


def build(space: Space) -> SuperNet:
    """The supernet with the same weights every time."""
    torch.manual_seed(0)
    return SuperNet(space, 10)


def ours(supernet: SuperNet, data: Examples, recipe: Recipe) -> tuple[float, float]:
    """CPU seconds of one epoch, checkpoint included, and of its forward and backward passes."""
    inner = sandwich_step(supernet, recipe)
    spent = 0.0

    def step(images: Tensor, targets: Tensor, rng: np.random.Generator) -> Mapping[str, Tensor]:
        nonlocal spent
        begin = time.process_time()
        losses = inner(images, targets, rng)
        spent += time.process_time() - begin
        return losses

    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        fit(supernet, step, data, recipe, Path(folder) / "net.safetensors")
        return time.process_time() - begin, spent


def plain(supernet: SuperNet, data: Examples, recipe: Recipe) -> float:
    """CPU seconds of the same epoch in the fewest lines of plain PyTorch."""
    begin = time.process_time()
    groups = parameter_groups(supernet, recipe.decay)
    optimizer = torch.optim.SGD(groups, 0.0, recipe.momentum, nesterov=True)
    rng = np.random.default_rng([recipe.seed, 0])
    steps = len(data.labels) // recipe.batch
    for i, index in enumerate(batches(data, recipe.batch, rng)):
        images = to_float(data.pixels[index], "cpu")
        labels = torch.from_numpy(data.labels[index])
        optimizer.zero_grad()
        teacher: Tensor | None = None
        for architecture in sandwich(supernet.space, rng, 2):
            logits = supernet(images, architecture)
            loss = F.cross_entropy(logits, labels if teacher is None else teacher)
            torch.autograd.backward(loss)
            if teacher is None:
                teacher = logits.detach().softmax(1)
        torch.nn.utils.clip_grad_norm_(supernet.parameters(), recipe.clip)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_at((i + 1) / steps)
        optimizer.step()
    return time.process_time() - begin


def compare(space: Space, data: Examples, turns: int) -> list[Row]:
    """Rows of one space: against the plain loop, with augmentation, and against NNI."""
    count = len(data.labels) // RECIPE.batch * RECIPE.batch
    mine, step, theirs, augmented = [], [], [], []
    case = f"training_{space.name.replace('-', '_')}"
    for turn in range(turns + 1):  # the first warms up
        first, second = build(space), build(space)
        whole, inside = ours(first, data, RECIPE)
        other = plain(second, data, RECIPE)
        changed = ours(build(space), data, replace(RECIPE, techniques=("shift", "zoom")))
        if turn:
            mine.append(whole)
            step.append(inside / whole)
            theirs.append(other)
            augmented.append((changed[0], changed[1] / changed[0]))
    near = [
        torch.allclose(a, b, atol=1e-3)
        for a, b in zip(first.parameters(), second.parameters(), strict=True)
    ]
    seconds, share = float(np.median(mine)), float(np.median(step))
    note = f"{count / seconds:.0f} images/s, {share:.1%} forward and backward; CPU s per epoch"
    rows = [Row(case, seconds, "plain loop", float(np.median(theirs)), float(np.mean(near)), note)]
    seconds, share = (float(np.median(column)) for column in zip(*augmented, strict=True))
    note = (
        f"{count / seconds:.0f} images/s, {share:.1%} forward and backward; ours with shift, zoom"
    )
    rows.append(
        Row(f"{case}_augmented", seconds, "plain loop", float(np.median(theirs)), None, note)
    )
    nni = nni_seconds(space, data, RECIPE.batch)
    if nni is None:
        return [*rows, absent(f"{case}_one_shot", rows[0].ours_s, "NNI one-shot")]
    note = (
        "4 passes a step each; NNI's architectures are all drawn at random; no agreement to check"
    )
    return [*rows, Row(f"{case}_one_shot", rows[0].ours_s, "NNI one-shot", nni, None, note)]


def main() -> None:
    """Run every case and publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer images, one turn")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    train = load_dataset("digits", 16).train
    images = 320 if quick else len(train)
    data = Examples(train.pixels[:images], train.labels[:images], 10)
    rows: list[Row] = []
    for family in ("mobilenet", "resnet"):
        rows += compare(find_space(f"{family}-digits"), data, 1 if quick else 3)
    if quick:
        print(render(rows))  # a part is no result to keep
    else:
        publish("training", rows)


if __name__ == "__main__":
    main()
