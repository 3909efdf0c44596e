"""Optimizers against the papers' updates and peers; averages against plain means."""

import numpy as np
import pytest
import torch
from torch import nn

from training.averaging import EMA, SWA
from training.optimizers import OPTIMIZERS, AdamW, Lion, parameter_groups


def gradients(steps=6):
    draws = np.random.default_rng(0)
    return [torch.from_numpy(draws.normal(size=(4, 3)).astype(np.float32)) for _ in range(steps)]


def stepped(optimizer, weight, rate=0.01):
    for gradient in gradients():
        for group in optimizer.param_groups:
            group["lr"] = rate
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach()


def layer():
    torch.manual_seed(0)
    return nn.Linear(3, 4, bias=False)


def test_lion_is_the_paper_s_update():
    net = layer()
    x, m = net.weight.detach().numpy().copy(), np.zeros((4, 3), np.float32)
    for g in (g.numpy() for g in gradients()):
        x = x - 0.01 * (np.sign(0.9 * m + 0.1 * g) + 0.2 * x)
        m = 0.99 * m + 0.01 * g
    got = stepped(Lion(decay=0.2).build(net, 0.9, 0.0), net.weight)
    np.testing.assert_allclose(got.numpy(), x, atol=1e-6)


@pytest.mark.peer
def test_lion_is_timms():
    timm = pytest.importorskip("timm.optim", reason="timm is not installed")
    net, other = layer(), layer()
    peer = timm.Lion(other.parameters(), lr=0.01, betas=(0.9, 0.99), weight_decay=0.2)
    got = stepped(Lion(decay=0.2).build(net, 0.9, 0.0), net.weight)
    torch.testing.assert_close(got, stepped(peer, other.weight))


def test_sgd_and_adamw_are_torchs_with_these_settings():
    for choice, peer in (
        (OPTIMIZERS["sgd"], lambda p: torch.optim.SGD(p, 0.0, 0.8, 0.0, 0.1, True)),
        (AdamW(decay=0.3, beta2=0.99), lambda p: torch.optim.AdamW(p, 0.0, (0.9, 0.99), 1e-8, 0.3)),
    ):
        net, other = layer(), layer()
        got = stepped(choice.build(net, 0.8, 0.1), net.weight)
        torch.testing.assert_close(got, stepped(peer(other.parameters()), other.weight))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_vectors_do_not_decay(name):
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    groups = OPTIMIZERS[name].build(net, 0.9, 0.1).param_groups
    assert groups[0]["weight_decay"] > 0.0 == groups[1]["weight_decay"]
    wanted = parameter_groups(net, 0.1)
    for group, plain in zip(groups, wanted, strict=True):
        assert [id(p) for p in group["params"]] == [id(p) for p in plain["params"]]


def moving(averaging, ends):
    """Averages of a weight that goes 1, 2, 3, ... and whether each counted."""
    net, found = layer(), []
    averaged = averaging.build(net)
    for step in range(1, 13):
        nn.init.constant_(net.weight, float(step))
        if averaging.due(step / 12, ends):
            averaged.update_parameters(net)
        found.append(averaged.module.weight[0, 0].item())
    return found


def test_ema_is_the_recursion_with_its_warm_up():
    kept, wanted = 1.0, [1.0]
    for n, weight in enumerate(range(2, 13), 1):
        decay = min(0.6, (1 + n) / (10 + n))
        kept = decay * kept + (1 - decay) * weight
        wanted.append(kept)
    assert moving(EMA(decay=0.6), ends=False) == pytest.approx(wanted, rel=1e-5)
    assert 2 / 11 < 0.6 < 12 / 21 + 0.1  # the warm-up was on and its end near


def test_ema_takes_steps_and_swa_epochs():
    assert not EMA().due(0.9, epoch_ends=True)
    assert not SWA().due(0.9, epoch_ends=False)


def test_swa_is_the_mean_of_the_last_epochs():
    found = moving(SWA(start=0.5), ends=True)
    assert found[-1] == pytest.approx(np.mean([7, 8, 9, 10, 11, 12]), rel=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EMA(decay=1.0), r"^EMA\.decay must be in \[0, 1\]; got 1"),
        (lambda: SWA(start=1.0), r"^SWA\.start must be in \[0, 0.99\]; got 1"),
        (lambda: Lion(rate=0.0), r"^Lion\.rate must be in \[1e-12, 10\]; got 0"),
        (lambda: AdamW(beta1=float("nan")), r"^AdamW\.beta1 must be in .*; got nan"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
