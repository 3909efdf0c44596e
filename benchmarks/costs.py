"""MACs of 1,200 architectures: closed form against NNI's profiler and torch's FlopCounterMode.

`python -m benchmarks.costs` takes minutes, with `--quick` one. What our
side does is more than the peers: it checks every architecture and also counts parameters,
activations and the receptive field. Preparations of the peers that need doing once (NNI's
expressions) or that are not counting (building torch's networks) are not charged to them.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.table import Row, absent, publish
from nas_space.architecture import Architecture
from nas_space.costs import costs
from nas_space.nni_adapter import profiler, to_nni
from nas_space.presets import find_space
from nas_space.space import Space
from supernet.network import SuperNet, spawn

COUNT = 1200
CLASSES = 10
CASES = {
    "costs_mobilenet": "mobilenet-cifar",
    "costs_resnet": "resnet-cifar",
    "costs_vit": "vit-cifar",
} | {
    f"costs_{family}_{scale}": f"{family}-{scale}"
    for scale in ("digits", "imagenet")
    for family in ("mobilenet", "resnet", "vit")
}
ROUNDS = 10

Counter = Callable[[Architecture], tuple[float, float]]
"""Architecture to (MACs, CPU seconds of counting them)."""


def by_nni(space: Space) -> Counter:
    """NNI's profiler; its expressions are made here, once and unpaid."""
    count = profiler(space, CLASSES)

    def counter(architecture: Architecture) -> tuple[float, float]:
        sample = to_nni(space, architecture)
        start = time.process_time()
        macs = float(count.profile(sample))
        return macs, time.process_time() - start

    return counter


def by_torch(space: Space) -> Counter:
    """FlopCounterMode over a forward pass of one image; building the network is not timed.

    It counts fused attention as nothing, so attention runs as matrix products.
    """
    supernet = SuperNet(space, CLASSES)

    def counter(architecture: Architecture) -> tuple[float, float]:
        network = spawn(supernet, architecture).eval()
        size = architecture.values["resolution"]
        images = torch.zeros(1, 3, size, size)
        start = time.process_time()
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as flops:
            network(images)
        return flops.get_total_flops() / 2, time.process_time() - start

    return counter


def ours(space: Space, architectures: Sequence[Architecture]) -> tuple[NDArray[np.float64], float]:
    """MACs of all architectures and the CPU seconds of counting them."""
    start = time.process_time()
    macs = costs(space, architectures, CLASSES)["macs"]
    return macs, time.process_time() - start


def compare(case: str, space: Space, tried: dict[str, int]) -> list[Row]:
    """Rows of one space, rounds of the sides alternating.

    Args:
        case: Name of the rows.
        space: Where the architectures are drawn.
        tried: Peer to how many of the architectures it counts.
    """
    rng = np.random.default_rng(0)
    architectures = [space.sample(rng) for _ in range(COUNT)]
    makers = {"nni": by_nni, "torch": by_torch}
    counters = {peer: makers[peer](space) for peer in tried if find_spec(peer)}
    for counter in counters.values():
        counter(architectures[0])  # first calls compile and cache
    own_s: list[float] = []
    answers: dict[str, list[tuple[float, float, float]]] = {peer: [] for peer in counters}
    for i in range(ROUNDS):
        macs, seconds = ours(space, architectures)
        own_s.append(seconds)
        for peer, counter in counters.items():
            for n in range(i, tried[peer], ROUNDS):
                answers[peer].append((macs[n], *counter(architectures[n])))
    own = float(np.median(own_s))
    return [
        _row(case, own, peer, np.array(answers[peer]))
        if peer in answers
        else absent(case, own, peer)
        for peer in tried
    ]


def _row(case: str, own_s: float, peer: str, answers: NDArray[np.float64]) -> Row:
    """Row from (tried, 3): our MACs, the peer's, the peer's seconds."""
    n = len(answers)
    note = f"CPU s for {COUNT} architectures; ours: median of {ROUNDS} rounds"
    if peer == "nni" and "vit" in case:
        note += "; NNI counts no attention: each layer tells it ours"
    if n < COUNT:
        note += f"; peer: {n} counted, time scaled to {COUNT}"
    agreement = float(np.mean(answers[:, 0] == answers[:, 1]))
    return Row(case, own_s, peer, float(answers[:, 2].sum()) * COUNT / n, agreement, note)


def main() -> None:
    """Run every case and publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few architectures for the peers")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    tried = {"nni": 50, "torch": 10} if quick else {"nni": COUNT, "torch": 100}
    rows = [row for case, name in CASES.items() for row in compare(case, find_space(name), tried)]
    publish("costs", rows)


if __name__ == "__main__":
    main()
