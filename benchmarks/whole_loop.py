"""One subnet after the other from shared weights to clean predictions: ours and a plain loop.

Spawned, BatchNorm re-estimated on 500 training images, evaluated on 1,000 test images at 32 px;
subnets of about 73 million multiply-adds, of mobilenet-cifar with wider layers. The plain loop
copies the network that was spawned, lets torch average BatchNorm's statistics over batches, and
keeps the usual memory layout, in batches of 100. Other batches have other statistics: a share of
the predictions may differ, too; how many is the agreement.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.table import Row
from images.datasets import load_dataset
from nas_space.architecture import Architecture
from nas_space.costs import costs
from nas_space.presets import find_space
from nas_space.space import Space
from noises.presets import find_protocol
from sampling.campaign import prepare_torch
from sampling.executors import Execution, Handler, run_jobs
from supernet.calibration import fold, recalibrate
from supernet.network import SuperNet, spawn
from training.loop import to_float

MACS, WIDER = 73e6, 4
RECALIBRATION, IMAGES = 500, 1000
PLAIN_BATCH = 100


def wide() -> Space:
    """mobilenet-cifar with four times the channels: the space itself ends at 10 million."""
    space = find_space("mobilenet-cifar")
    stages = [replace(s, widths=tuple(WIDER * w for w in s.widths)) for s in space.stages]
    return replace(space, scale="wide", stages=tuple(stages))


def about(macs: float, count: int) -> list[Architecture]:
    """Of 2,000 random architectures, those whose multiply-adds are nearest."""
    space, rng = wide(), np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(2000)]
    order = np.argsort(np.abs(costs(space, drawn, 10)["macs"] - macs), kind="stable")
    return [drawn[i] for i in order[:count]]


def supplies() -> tuple[SuperNet, Tensor, Tensor]:
    """A supernet with random weights, images for BatchNorm and images to predict."""
    torch.manual_seed(0)
    supernet = SuperNet(wide(), 10)
    pixels = np.concatenate([load_dataset("digits", 32).train.pixels] * 2)
    images = to_float(pixels[: RECALIBRATION + IMAGES], "cpu")
    return supernet, images[:RECALIBRATION], images[RECALIBRATION:]


def our_way(supernet: SuperNet, architecture: Architecture, some: Tensor, images: Tensor) -> Tensor:
    """(I,) predicted classes, as a worker of a campaign finds them."""
    protocol = find_protocol("quick", 32)
    batches = torch.split(some, protocol.plan.batch)
    network = fold(recalibrate(spawn(supernet, architecture), batches))
    with torch.no_grad():
        parts = torch.split(images, protocol.batch)
        return torch.cat([network(part).argmax(1) for part in parts])


def plain_way(
    supernet: SuperNet, architecture: Architecture, some: Tensor, images: Tensor
) -> Tensor:
    """(I,) predicted classes, as a user would write it."""
    network = copy.deepcopy(spawn(supernet, architecture)).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        for part in torch.split(some.contiguous(), PLAIN_BATCH):
            network(part)
        network.eval()
        parts = torch.split(images.contiguous(), PLAIN_BATCH)
        return torch.cat([network(part).argmax(1) for part in parts])


def handler() -> Handler:
    """What a worker process does with an architecture."""
    prepare_torch("cpu")
    supernet, some, images = supplies()

    def predict(architecture: Architecture, _: Callable[[Any], None]) -> Any:
        return our_way(supernet, architecture, some, images).numpy()

    return predict


def matmul_peak(side: int = 1024, times: int = 10) -> float:
    """GFLOP/s of square matrix products in float32, by CPU time: the best a machine can do."""
    a, b = torch.rand(side, side), torch.rand(side, side)
    torch.mm(a, b)
    begin = time.process_time()
    for _ in range(times):
        torch.mm(a, b)
    return 2 * side**3 * times / (time.process_time() - begin) / 1e9


def throughput(macs: float, seconds: float) -> str:
    """What `seconds` for one subnet with so many multiply-adds per image means."""
    rate, peak = 2 * macs * (RECALIBRATION + IMAGES) / seconds / 1e9, matmul_peak()
    share = f"{rate / peak:.0%} of the {peak:.0f} of matrix products"
    return f"{3600 / seconds:,.0f} networks per hour, {rate:.0f} GFLOP/s, {share}"


def one_thread(count: int) -> Row:
    """CPU seconds per subnet of both ways in one process, turn by turn."""
    supernet, some, images = supplies()
    seconds, equal = {our_way: 0.0, plain_way: 0.0}, []
    chosen = about(MACS, count + 1)
    for number, architecture in enumerate(chosen):
        answers = []
        for way in seconds:
            begin = time.process_time()
            answers.append(way(supernet, architecture, some, images))
            seconds[way] += (time.process_time() - begin) * bool(number)  # the first warms up
        equal.append(float((answers[0] == answers[1]).float().mean()))
    ours, plain = (s / count for s in seconds.values())
    macs = float(costs(wide(), chosen[1:], 10)["macs"].mean())
    note = (
        f"CPU s per subnet, mean over {count} subnets of about 73 M MACs; ours: "
        f"{throughput(macs, ours)}"
    )
    return Row("whole_loop_1_thread", ours, "plain loop", plain, float(np.mean(equal)), note)


def two_processes(count: int) -> Row:
    """Wall seconds per subnet: ours in two worker processes, the plain loop in this one."""
    supernet, some, images = supplies()
    chosen = about(MACS, count + 2)
    began, found = 0.0, {}
    for event in run_jobs(handler, (), chosen, Execution(2)):
        found[event.job] = event.value
        if len(found) == 2:
            began = time.perf_counter()  # both workers have started and are warm
    ours = (time.perf_counter() - began) / count
    plain_way(supernet, chosen[0], some, images)
    few = chosen[: max(2, count // 2)]
    begin = time.perf_counter()
    answers = [plain_way(supernet, a, some, images).numpy() for a in few]
    plain = (time.perf_counter() - begin) / len(few)
    equal = float(np.mean([(a == found[i]).mean() for i, a in enumerate(answers)]))
    note = f"wall s per subnet, {count} subnets of about 73 M MACs; plain loop in one process"
    return Row("whole_loop_2_processes", ours, "plain loop", plain, equal, note)
