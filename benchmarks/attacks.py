"""Attacks against the libraries a user would pick instead, on one trained network.

`python -m benchmarks.attacks` takes about half an hour, with `--quick` six minutes. A ResNet of
eight layers is trained on digits at 32 px; all sides attack the same images at the same budgets
with the same steps in one thread of one process, turn by turn. "fair": all get the same plain
network. "system": ours merges BatchNorm and lays weights out channels last, as robustscope
evaluates networks. Of several libraries the fastest counts. Robust accuracies are in the note.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from benchmarks.table import Row, absent, publish
from images.datasets import load_dataset
from noises.adversarial.apgd import APGD
from noises.adversarial.checks import Attack
from noises.adversarial.engine import arm, run_attacks
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.minimum_norm import DDN, CarliniWagner
from noises.adversarial.plan import Plan
from noises.adversarial.square import Square
from training.loop import to_float

TRAINED_AT = 16 / 255
EPS = 28 / 255
L2 = 3.4
CURVE = (2.0, 3.0, 4.0)
"""Budgets at which 40 % of the images are robust, as with the networks people publish."""
STEP = 0.25
"""Of PGD, in budgets: what the libraries default to."""

BATCH = 128
IMAGES = 256
PLAN = Plan(batch=BATCH, nested=False, probes=False)
"""The libraries get batches of the same size; single budgets."""

Fooled = NDArray[np.bool_]
Peer = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Network, images, labels to adversarial images."""


class Block(nn.Module):
    """Two 3 x 3 convolutions and a way around them."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        self.around: nn.Module = nn.Identity()
        if stride > 1 or before != width:
            around = nn.Conv2d(before, width, 1, stride, bias=False)
            self.around = nn.Sequential(around, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) to (B, width, H / stride, W / stride)."""
        inner = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(inner)) + self.around(x))


def trained(epochs: int) -> tuple[nn.Module, Tensor, Tensor]:
    """ResNet-8 after some epochs, in eval mode and frozen; test images at 32 px and labels.

    Half of every batch is attacked by one step from a random start (Wong et al., "Fast is better
    than free", ICLR 2020): on a network without any robustness every attack is over at once.
    """
    data, widths = load_dataset("digits", 32), (16, 16, 32, 64)
    torch.manual_seed(0)
    stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    blocks = [Block(a, b, 1 + (i > 0)) for i, (a, b) in enumerate(pairwise(widths))]
    network = nn.Sequential(
        *stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    )
    images, labels = to_float(data.train.pixels, "cpu"), torch.from_numpy(data.train.labels)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(epochs):
        for part in torch.split(torch.randperm(len(images)), 64):
            x, y = images[part], labels[part]
            half = len(x) // 2
            start = (x[:half] + TRAINED_AT * (2 * torch.rand_like(x[:half]) - 1)).requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(network(start), y[:half]), start)
            moved = start.detach() + 1.25 * TRAINED_AT * gradient.sign()
            attacked = torch.clamp(moved, x[:half] - TRAINED_AT, x[:half] + TRAINED_AT).clamp(0, 1)
            optimizer.zero_grad()
            loss = F.cross_entropy(network(torch.cat((attacked, x[half:]))), y)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    test = to_float(data.test.pixels[:IMAGES], "cpu").contiguous()
    return network.eval().requires_grad_(False), test, torch.from_numpy(data.test.labels[:IMAGES])


@dataclass(frozen=True)
class Case:
    """One attack, ours and the libraries'.

    Attributes:
        name: Of the case.
        attack: Ours.
        peers: Library to its attack.
        order: Norm that the libraries' images are judged by at our budgets.
        fair: Name of the case with the plain network, "" to leave it out.
    """

    name: str
    attack: Attack
    peers: dict[str, Peer]
    order: float
    fair: str = ""


def cases() -> list[Case]:
    """Every case with the libraries that are installed."""
    found = [
        Case(
            f"pgd{steps}_linf_system",
            GradientAttack("pgd", "linf", (EPS,), steps, STEP, True, ""),
            _torchattacks("PGD", eps=EPS, alpha=STEP * EPS, steps=steps)
            | _foolbox("LinfPGD", EPS, rel_stepsize=STEP, steps=steps)
            | _art(
                "ProjectedGradientDescentPyTorch",
                eps=EPS,
                eps_step=STEP * EPS,
                max_iter=steps,
            ),
            float("inf"),
            f"pgd{steps}_linf_fair",
        )
        for steps in (10, 20, 40)
    ]
    found += [
        Case(
            "pgd20_l2",
            GradientAttack("pgd", "l2", (L2,), 20, STEP, True, ""),
            _torchattacks("PGDL2", eps=L2, alpha=STEP * L2, steps=20)
            | _foolbox("L2PGD", L2, rel_stepsize=STEP, steps=20),
            2.0,
            "pgd20_l2_fair",
        ),
        Case(
            "mim20",
            GradientAttack("mim", "linf", (EPS,), 20, 0.1, False, "", decay=1.0),
            _torchattacks("MIFGSM", eps=EPS, alpha=EPS / 10, steps=20, decay=1.0),
            float("inf"),
            "mim20_fair",
        ),
        Case(
            "apgd20",
            APGD("apgd", "linf", (EPS,), 20, ""),
            _torchattacks("APGD", eps=EPS, steps=20),
            float("inf"),
            "apgd20_fair",
        ),
        Case(
            "ddn", DDN("ddn", CURVE, 50, ""), _foolbox("DDNAttack", None, steps=50), 2.0, "ddn_fair"
        ),
        Case(
            "square",
            Square("square", (EPS,), 200, "", rescaled=True),
            _torchattacks("Square", eps=EPS, n_queries=200)
            | _art("SquareAttack", norm=np.inf, eps=EPS, max_iter=199, p_init=0.8),
            float("inf"),
            "square_fair",
        ),
        Case(
            "cw",
            CarliniWagner("cw", CURVE, 50, "", weight=5.0),
            _torchattacks("CW", c=5, steps=50, lr=0.01),
            2.0,
            "cw_fair",
        ),
    ]
    return found


def _torchattacks(name: str, **settings: object) -> dict[str, Peer]:
    try:
        import torchattacks
    except ImportError:
        return {}
    # it divides by zero where an image is exactly black or white in the variables of C&W
    margin = 1e-6 if name == "CW" else 0.0

    def attack(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        inside = x * (1 - 2 * margin) + margin
        made: Tensor = getattr(torchattacks, name)(network, **settings)(inside, y)
        return made

    return {"torchattacks": attack}


def _foolbox(name: str, budget: float | None, **settings: object) -> dict[str, Peer]:
    try:
        import foolbox
    except ImportError:
        return {}

    def attack(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
        made: Tensor = getattr(foolbox.attacks, name)(**settings)(model, x, y, epsilons=budget)[1]
        return made

    return {"foolbox": attack}


def _art(name: str, **settings: object) -> dict[str, Peer]:
    try:
        from art.attacks import evasion
        from art.estimators.classification import PyTorchClassifier
    except ImportError:
        return {}

    def attack(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        loss, shape = nn.CrossEntropyLoss(), tuple(x.shape[1:])
        classifier = PyTorchClassifier(
            network, loss, shape, 10, clip_values=(0, 1), device_type="cpu"
        )
        made = getattr(evasion, name)(classifier, batch_size=BATCH, verbose=False, **settings)
        return torch.from_numpy(made.generate(x.numpy(), y=np.eye(10)[y.numpy()]))

    return {"ART": attack}


def timed(work: Callable[[], Fooled]) -> tuple[float, Fooled]:
    """CPU seconds and the answer."""
    begin = time.process_time()
    answer = work()
    return time.process_time() - begin, answer


def ours(network: nn.Module, images: Tensor, labels: Tensor, attack: Attack) -> Fooled:
    """(E, B) who is fooled."""
    armed = arm(attack, [f"test/{i}" for i in range(len(images))], 0)
    return run_attacks(network, images, labels, [armed], PLAN)[attack.name].fooled


def theirs(network: nn.Module, images: Tensor, labels: Tensor, case: Case, peer: str) -> Fooled:
    """(E, B) whose adversarial image is misclassified and in the ball."""
    parts = zip(images.split(BATCH), labels.split(BATCH), strict=True)  # type: ignore[no-untyped-call]
    adversarial = torch.cat([case.peers[peer](network, x, y) for x, y in parts])
    with torch.no_grad():
        wrong = (network(adversarial).argmax(1) != labels).numpy()
    apart = (adversarial - images).flatten(1).norm(case.order, dim=1).detach().numpy()
    within = apart[None] <= np.array(case.attack.budgets)[:, None] * (1 + 1e-4)
    fooled: Fooled = wrong[None] & within
    return fooled


def compare(
    case: Case, networks: dict[str, nn.Module], data: tuple[Tensor, Tensor], repeats: int
) -> list[Row]:
    """Rows of one case: ours on each of the networks against the fastest library."""
    sides: dict[str, Callable[[], Fooled]] = {
        name: lambda n=network: ours(n, *data, case.attack)  # type: ignore[misc]
        for name, network in networks.items()
    }
    for peer in case.peers:
        sides[peer] = lambda p=peer: theirs(networks["fair"], *data, case, p)  # type: ignore[misc]
    for work in sides.values():
        work()
    runs: dict[str, list[tuple[float, Fooled]]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, work in sides.items():
            runs[name].append(timed(work))
    seconds = {name: float(np.median([s for s, _ in found])) for name, found in runs.items()}
    robust = {name: (~found[-1][1]).mean(1) for name, found in runs.items()}
    rows = []
    for name, kind in ((case.name, "system"), (case.fair, "fair")):
        if not case.peers:
            rows.append(absent(name, seconds[kind], "torchattacks, foolbox, ART"))
            continue
        best = min(case.peers, key=lambda p: seconds[p])
        equal = float((runs[kind][-1][1] == runs[best][-1][1]).mean())
        note = (
            f"CPU s, median of {repeats}; robust accuracy {_shares(robust[kind])}, theirs "
            + ", ".join(f"{p} {_shares(robust[p])} in {seconds[p]:.2f} s" for p in case.peers)
        )
        rows.append(Row(name, seconds[kind], best, seconds[best], equal, note))
    return rows


def _shares(values: NDArray[np.float64]) -> str:
    return "/".join(f"{v:.3f}" for v in values)


def main() -> None:
    """Run every case and publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one timed run of each side, without ART, the slowest"
    )
    parser.add_argument("--only", default="", help="cases whose names begin with this")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # the libraries'
    torch.set_num_threads(1)
    plain, *data = trained(epochs=12)
    folded = fuse(plain).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    networks = {"system": folded, "fair": plain}
    with torch.no_grad():
        right = float((plain(data[0]).argmax(1) == data[1]).double().mean())
    print(f"clean accuracy {right:.3f} on {IMAGES} images")
    rows: list[Row] = []
    for case in cases():
        if given.quick:
            case.peers.pop("ART", None)
        if case.name.startswith(given.only):
            rows += compare(case, networks, (data[0], data[1]), 1 if given.quick else 3)
            print(f"{case.name} done", flush=True)
    publish(f"attacks_{given.only}" if given.only else "attacks", rows)


if __name__ == "__main__":
    main()
