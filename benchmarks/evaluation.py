"""Evaluating subnets: our folded, batched way against the plain loop a user would write.

`python -m benchmarks.evaluation` takes about three minutes, with `--quick` a minute. Both
sides run the same spawned subnets with the same weights in one thread of one process, turn by turn.
The plain loop keeps BatchNorm, the usual memory layout and batches of 100, runs every attack at
every budget over all images to the last step, and judges any iterate as ours does. The whole loop,
from shared weights to predictions, is `benchmarks.whole_loop`.
"""

import argparse
import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.table import Row, publish
from benchmarks.whole_loop import one_thread, two_processes
from images.datasets import load_dataset
from images.sets import ImageSet
from nas_space.presets import find_space
from nas_space.space import Space
from noises.adversarial.engine import Armed, arm, run_attacks
from noises.adversarial.geometry import NORMS
from noises.adversarial.gradient import GradientAttack, advance
from noises.presets import find_protocol
from supernet.calibration import fold, recalibrate
from supernet.network import Subnet, SuperNet, spawn
from supernet.sandwich import fit_supernet
from training.loop import Examples, to_float
from training.recipe import Recipe

PLAIN_BATCH = 100
IMAGES = 1000
ATTACKED = 200
EPOCHS = 10


@dataclass(frozen=True)
class Subject:
    """One subnet in the plain and in the folded form."""

    plain: Subnet
    folded: Subnet


def trained(space: Space, data: ImageSet, epochs: int) -> SuperNet:
    """A supernet trained for a few epochs, so that attacks meet networks that see something."""
    torch.manual_seed(0)
    supernet = SuperNet(space, 10)
    recipe = Recipe(epochs, 64, 0.1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        fit_supernet(supernet, Examples(data.pixels, data.labels, 10), recipe, path)
    return supernet


def subjects(supernet: SuperNet, batch: Tensor, count: int) -> list[Subject]:
    """Random subnets of a supernet, recalibrated on a batch."""
    space, rng = supernet.space, np.random.default_rng(0)
    found = []
    for _ in range(count):
        plain = recalibrate(spawn(supernet, space.sample(rng)), [batch]).requires_grad_(False)
        found.append(Subject(plain, fold(copy.deepcopy(plain))))
    return found


def predict(network: nn.Module, images: Tensor, batch: int) -> Tensor:
    """Predicted classes, batch by batch."""
    with torch.no_grad():
        return torch.cat([network(part).argmax(1) for part in torch.split(images, batch)])


def plain_attack(network: nn.Module, images: Tensor, labels: Tensor, armed: Armed) -> Tensor:
    """(E, B) fooled, each budget alone, every image to the last step; nested afterwards."""
    attack, rows = armed.attack, []
    assert isinstance(attack, GradientAttack)
    start = attack.starts(armed.keys, tuple(images.shape[1:]))
    for budget in attack.budgets:
        radius = torch.full((len(images), 1, 1, 1), budget)
        norm = np.full(len(images), NORMS.index(attack.norm))
        x = (images + start * budget).clamp(0.0, 1.0)
        fooled = predict(network, images, PLAIN_BATCH) != labels
        for _ in range(attack.steps):
            x = x.detach().requires_grad_()
            logits = network(x)
            fooled |= logits.argmax(1) != labels
            (g,) = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), x)
            x = advance(x.detach(), images, g, attack.step * radius, radius, norm)
        rows.append(fooled | (predict(network, x, PLAIN_BATCH) != labels))
    nested = [torch.stack(rows[: e + 1]).any(0) for e in range(len(rows))]
    return torch.stack(nested)


Timed = tuple[float, Tensor]


def timed(work: Callable[[], Tensor]) -> Timed:
    """CPU seconds and the answer."""
    begin = time.process_time()
    answer = work()
    return time.process_time() - begin, answer


def compare(case: str, sides: list[tuple[Callable[[], Tensor], Callable[[], Tensor]]]) -> Row:
    """Row of (ours, plain) pairs of work, one warm-up each, then turn by turn."""
    ours_s = plain_s = 0.0
    equal = []
    for ours, plain in sides:
        ours()
        plain()
        a, b = timed(ours), timed(plain)
        ours_s, plain_s = ours_s + a[0], plain_s + b[0]
        equal.append((a[1] == b[1]).float().mean())
    n = len(sides)
    note = f"CPU s per subnet, mean over {n} random subnets"
    return Row(case, ours_s / n, "plain loop", plain_s / n, float(torch.stack(equal).mean()), note)


def forward(case: str, supernet: SuperNet, images: Tensor, count: int) -> Row:
    """Clean predictions of all images, ours in the batches of protocol `quick`."""
    batch = find_protocol("quick", supernet.space.size).batch
    return compare(
        case,
        [
            (
                lambda s=s: predict(s.folded, images, batch),  # type: ignore[misc]
                lambda s=s: predict(s.plain, images.contiguous(), PLAIN_BATCH),  # type: ignore[misc]
            )
            for s in subjects(supernet, images[:256], count)
        ],
    )


def attacks(case: str, supernet: SuperNet, images: Tensor, labels: Tensor, count: int) -> Row:
    """The adversarial part of protocol `quick`."""
    size = supernet.space.size
    protocol = find_protocol("quick", size)
    ids = [f"image{i}" for i in range(len(images))]
    listed = [arm(a, ids, protocol.seed) for a in protocol.attacks]

    def ours(s: Subject) -> Tensor:
        outcomes = run_attacks(s.folded, images, labels, listed, protocol.plan)
        return torch.cat([torch.from_numpy(outcomes[a.attack.name].fooled) for a in listed])

    def plain(s: Subject) -> Tensor:
        return torch.cat([plain_attack(s.plain, images, labels, a) for a in listed])

    return compare(
        case,
        [
            (lambda s=s: ours(s), lambda s=s: plain(s))  # type: ignore[misc]
            for s in subjects(supernet, images, count)
        ],
    )


def main() -> None:
    """Run every case and publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two subnets of each space")
    count = 2 if parser.parse_args().quick else 10
    torch.set_num_threads(1)
    digits = load_dataset("digits", 16)
    images = to_float(digits.train.pixels[:IMAGES], "cpu")
    labels = torch.from_numpy(digits.train.labels[:ATTACKED])
    noise = torch.rand(IMAGES, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    rows = []
    for family in ("mobilenet", "resnet"):
        supernet = trained(find_space(f"{family}-digits"), digits.train, EPOCHS)
        rows.append(forward(f"forward_{family}_digits", supernet, images, count))
        rows.append(attacks(f"attacks_{family}_digits", supernet, images[:ATTACKED], labels, count))
        untrained = SuperNet(find_space(f"{family}-cifar"), 10)
        rows.append(forward(f"forward_{family}_cifar", untrained, noise, max(2, count // 2)))
    rows += [one_thread(2 * count), two_processes(4 * count)]
    publish("evaluation", rows)


if __name__ == "__main__":
    main()
