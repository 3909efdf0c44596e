"""The largest network of a supernet against the same network trained alone, at equal epochs.

    python -m benchmarks.largest folder:PATH --preset cifar10 --family resnet --epochs 5 --out DIR

Both learn by the preset's recipe from the same training images: the supernet by the sandwich rule,
in every step of which the largest network takes part, the network alone from the labels. Both are
recalibrated and judged on every test image. `robustscope study` does this for networks of every
size and several seeds; here it is one network of data too large for that. Hours on one CPU core;
the same command goes on where a stopped one ended.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import nn
from tqdm import tqdm

from benchmarks.table import Cell, publish
from images.datasets import Dataset, load_dataset, stratified
from robustscope.networks import family_recipe
from robustscope.presets import find_preset
from robustscope.settings import Settings
from sampling.campaign import SupernetPlan, enlist, prepare_torch
from sampling.design import Draw
from sampling.standalone import Twin, alone
from supernet.calibration import fold, recalibrate
from supernet.network import Subnet, spawn
from supernet.sandwich import fit_supernet
from training.loop import Examples, to_float

RECALIBRATION, BATCH = 4096, 256
"""Training images that BatchNorm is re-estimated on; images shown at once."""

Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Comparison:
    """What came out; accuracies are in percent, the difference and its interval in points."""

    case: str
    epochs: int
    images: int
    supernet: float
    alone: float
    points: float
    low: float
    high: float
    note: str

    def as_json(self) -> dict[str, Cell]:
        """Plain data in this order."""
        return dict(vars(self))


def compared(case: str, epochs: int, shared: Bits, alone: Bits, note: str) -> Comparison:
    """Accuracies of (I,) right answers, and their paired difference with a 95 % normal interval."""
    differences = shared.astype(float) - alone.astype(float)
    mean = 100 * float(differences.mean())
    reach = 100 * stats.norm.ppf(0.975) * differences.std(ddof=1) / math.sqrt(len(differences))
    accuracies = 100 * float(shared.mean()), 100 * float(alone.mean())
    return Comparison(
        case, epochs, len(shared), *accuracies, mean, mean - reach, mean + reach, note
    )


def answers(network: Subnet, dataset: Dataset, device: str) -> Bits:
    """(I,) test images that the network has right once recalibrated and folded."""
    train, test = dataset.train, dataset.test
    count = min(RECALIBRATION, len(train))
    images = train.pixels[np.sort(stratified(train.labels, count, 0))]
    parts = [images[j :: math.ceil(count / BATCH)] for j in range(math.ceil(count / BATCH))]
    recalibrate(network, [to_float(part, device) for part in parts])
    folded: nn.Module = fold(network)
    found = []
    with torch.no_grad():
        for begin in range(0, len(test), BATCH):
            logits = folded(to_float(test.pixels[begin : begin + BATCH], device))
            found.append(logits.argmax(1).cpu().numpy())
    right: Bits = np.concatenate(found) == test.labels
    return right


def shown(name: str, epochs: int) -> Callable[[float], None]:
    """A bar over epochs, told how many are finished."""
    bar = tqdm(total=epochs, desc=name, unit="epoch")

    def report(finished: float) -> None:
        bar.update(finished - bar.n)

    return report


def main() -> None:
    """Train both, compare, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", help="as for robustscope run")
    parser.add_argument("--preset", default="cifar10", help="(%(default)s)")
    parser.add_argument("--family", default="resnet", help="(%(default)s)")
    parser.add_argument("--epochs", type=int, default=5, help="of both (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints")
    options = parser.parse_args()
    prepare_torch(options.device)
    preset, family, epochs = find_preset(options.preset), options.family, options.epochs
    dataset = load_dataset(options.data, preset.size)
    settings = Settings(
        preset=preset.name, data=options.data, spaces=(family,), subnets=1, images=1, epochs=epochs,
        protocol=preset.protocol, device=options.device, seed=options.seed, architectures="",
    )  # fmt: skip
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / f"{family}.safetensors"
    space, classes = f"{family}-{preset.scale}", len(dataset.classes)
    recipe = family_recipe(settings, family)
    plan = SupernetPlan(family, space, classes, recipe, "standard", checkpoint)
    model = plan.build()
    largest = model.space.extreme(largest=True)
    (row,) = enlist(plan, [Draw(largest, "largest", "")])
    twin = Twin(plan, alone(row, recipe.seed), options.out)
    pixels = dataset.train.pixels, dataset.train.labels
    network = twin.train(pixels, options.device, shown("alone", epochs))
    model.to(options.device)
    data = Examples(*pixels, classes)
    fit_supernet(model, data, recipe, checkpoint, shown("supernet", epochs))
    right = [answers(n, dataset, options.device) for n in (spawn(model, largest), network)]
    note = f"{len(pixels[1])} training images, seed {recipe.seed}, {options.device}"
    publish("largest", [compared(f"{space}_largest", epochs, right[0], right[1], note)])


if __name__ == "__main__":
    main()
