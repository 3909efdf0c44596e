"""The networks of a space with NNI's shared weights, for `benchmarks.training`.

NNI's one-shot modules need pytorch-lightning, which nothing else here does. NNI has no elastic
resolution: images are resized before the network, as ours does inside.
"""

import time
import warnings
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from nas_space.nni_adapter import model_space
from nas_space.space import Space
from training.loop import Examples, batches, to_float

PASSES = 4
"""Networks per step, as in our sandwich."""


def shared(space: Space) -> Any:
    """NNI's supernet of a space, or None where it cannot be built."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = model_space(space, 10)
        network.resize = nn.Identity()
        try:
            from nni.nas.oneshot.pytorch.strategy import RandomOneShot
        except ImportError:
            return None
        return RandomOneShot().mutate_model(network)


def resampled(supernet: nn.Module) -> dict[str, Any]:
    """A new random network; the choices of all genes."""
    memo: dict[str, Any] = {}
    for module in supernet.modules():
        resample = getattr(module, "resample", None)
        if callable(resample):
            memo.update(resample(memo))
    return memo


def nni_seconds(space: Space, data: Examples, size: int) -> float | None:
    """CPU seconds of an epoch of four random networks per step, None when NNI cannot."""
    supernet = shared(space)
    if supernet is None:
        return None
    optimizer = torch.optim.SGD(supernet.parameters(), 0.01, 0.9, nesterov=True)
    rng = np.random.default_rng(0)
    begin = time.process_time()
    for index in batches(data, size, rng):
        images, labels = to_float(data.pixels[index], "cpu"), torch.from_numpy(data.labels[index])
        optimizer.zero_grad()
        for _ in range(PASSES):
            resampled(supernet)
            side = int(rng.choice(next(g.choices for g in space.genes if g.name == "resolution")))
            x = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
            torch.autograd.backward(F.cross_entropy(supernet(x), labels))
        nn.utils.clip_grad_norm_(supernet.parameters(), 5.0)
        optimizer.step()
    return time.process_time() - begin
