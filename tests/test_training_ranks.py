"""Two processes train as one does: the same weights, gradients and moments to rounding."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from nas_space.presets import SPACES
from supernet.network import SuperNet
from supernet.normalisation import batch_norm
from supernet.sandwich import fit_supernet
from tests.network_example import digits
from training import ranks
from training.loop import Examples, to_float, to_targets
from training.recipe import Recipe

RECIPE = Recipe(
    epochs=2, batch=32, rate=0.02, warmup=0.0, techniques=("shift", "mixup", "kurtosis", "ema")
)


TYPES = (torch.float64, torch.float32)


def examples(count=64):
    images, labels = digits()
    pixels = (images[:count] * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return Examples(np.ascontiguousarray(pixels), labels[:count].numpy(), 10)


def moments():
    """Output and gradients of an elastic BatchNorm whose channels differ in mean and scale."""
    generator = torch.Generator().manual_seed(0)
    scales = torch.tensor([0.1, 1.0, 30.0])[:, None, None]
    x = torch.randn(8, 3, 4, 4, generator=generator) * scales + 10.0
    scale, shift = torch.rand(2, 3, generator=generator)
    weights = ranks.share(torch.randn(8, 3, 4, 4, generator=generator))
    mine = ranks.share(x).clone().requires_grad_()
    y = batch_norm(mine, scale, shift, 1e-5)
    (y * weights).sum().backward()
    return torch.stack((y.detach(), mine.grad))


def weights(folder, dtype):
    """Weights and loss of a small supernet after four steps of every part of the loop."""
    torch.manual_seed(0)
    net = SuperNet(SPACES["resnet-digits"], 10).to(dtype)
    path = Path(folder) / f"{dtype}.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.loop.to_float", lambda *a: to_float(*a).to(dtype))
        patch.setattr("training.loop.to_targets", lambda *a: to_targets(*a).to(dtype))
        loss = fit_supernet(net, examples(), RECIPE, path)
    return {**net.state_dict(), "loss": torch.tensor(loss)}


def work(folder):
    """What one rank does, torchrun's environment telling it which."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.save(moments(), Path(folder) / f"moments{rank}.pt")
    for dtype in TYPES:
        torch.save(weights(folder, dtype), Path(folder) / f"{dtype}{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where two ranks left what they computed."""
    path = tmp_path_factory.mktemp("ranks")
    root = Path(__file__).parent.parent
    code = f"from tests.test_training_ranks import work; work({str(path)!r})"
    (path / "work.py").write_text(code)
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run(
        [*command, "--nproc-per-node", "2", str(path / "work.py")],
        check=True, cwd=root, env=environment, timeout=240, capture_output=True,
    )  # fmt: skip
    return path


def test_batch_norm_of_two_ranks_is_that_of_the_whole_batch(folder):
    found = torch.cat([torch.load(folder / f"moments{r}.pt") for r in (0, 1)], 1)
    torch.testing.assert_close(found, moments(), atol=2e-5, rtol=1e-4)


def apart(found, wanted):
    return max(float((found[name].double() - wanted[name].double()).abs().max()) for name in wanted)


def test_two_ranks_end_with_the_weights_of_one_process(folder, tmp_path):
    one = {dtype: weights(tmp_path, dtype) for dtype in TYPES}
    two = {dtype: torch.load(folder / f"{dtype}0.pt") for dtype in TYPES}
    assert apart(two[torch.float64], one[torch.float64]) < 1e-9
    # in float32 rounding grows from step to step, no more with two processes than with one
    rounding = apart(one[torch.float32], one[torch.float64])
    assert apart(two[torch.float32], one[torch.float64]) < 5 * rounding
    assert rounding < 0.01
    start = SuperNet(SPACES["resnet-digits"], 10).head.weight.detach()
    assert float((one[torch.float32]["head.weight"] - start).abs().max()) > 1e-3


def test_ranks_hold_the_same_bits(folder):
    for dtype in TYPES:
        first, second = (torch.load(folder / f"{dtype}{r}.pt") for r in (0, 1))
        for name, value in first.items():
            assert torch.equal(value, second[name]), name


def test_one_process_is_the_only_rank_and_keeps_its_batch():
    batch, gradient = torch.ones(3, 2), torch.ones(2)
    assert ranks.place() == (0, 1)
    assert ranks.share(batch) is batch
    ranks.average([gradient])
    assert torch.equal(gradient, torch.ones(2))


@pytest.mark.parametrize(("count", "batch"), [(33, 33), (2, 8)])
def test_batches_that_ranks_cannot_share_are_refused(count, batch, monkeypatch, tmp_path):
    monkeypatch.setattr("training.ranks.place", lambda: (0, 2))
    recipe = Recipe(epochs=1, batch=batch, rate=0.1)
    net = SuperNet(SPACES["resnet-digits"], 10)
    with pytest.raises(ValueError, match=r"^Recipe\.batch must be a multiple of 2 processes"):
        fit_supernet(net, examples(count), recipe, tmp_path / "a.safetensors")
