"""Dropping keeps means, kurtosis is SciPy's, and contrastive parts are where they should be."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from nas_space.presets import SPACES
from supernet.network import SuperNet, spawn
from tests.network_example import digits
from training.forward import Forward
from training.regularisation import Dropout, DropPath, Drops, Kurtosis, kurtosis


def drops(features=0.0, path=0.0, seed=0):
    return Drops(features, path, np.random.default_rng(seed))


def test_dropout_keeps_the_mean_and_drops_its_share():
    y = drops(features=0.3).classifier(torch.ones(200, 500))
    values = sorted(set(y.flatten().tolist()))
    assert values == pytest.approx([0.0, 1 / 0.7])
    assert float(y.mean()) == pytest.approx(1.0, abs=0.01)


def test_drop_path_drops_whole_images_ever_more_with_the_depth():
    shares = []
    for depth in (0.0, 0.5, 1.0):
        y = drops(path=0.4).branch(torch.ones(4000, 2, 3, 3), depth)
        gone = (y == 0).flatten(1)
        assert torch.equal(gone.any(1), gone.all(1))
        assert float(y.mean()) == pytest.approx(1.0, abs=0.05)
        shares.append(float(gone.float().mean()))
    assert shares == pytest.approx([0.0, 0.2, 0.4], abs=0.03)


def test_a_branch_always_dropped_leaves_the_shortcuts():
    space = SPACES["resnet-digits"]
    torch.manual_seed(0)
    net, images = SuperNet(space, 10), digits()[0][:8]
    largest = space.extreme(largest=True)

    class All(Drops):
        def branch(self, y, depth):
            return torch.zeros_like(y) if depth > 0 else y

    with_all = net(images, largest, All(0.0, 0.5, np.random.default_rng(0)))
    for name, conv in net.convs.items():  # what lies on branches has no say
        if "shortcut" not in name and name != "stem":
            nn.init.normal_(conv.weight)
    torch.testing.assert_close(
        net(images, largest, All(0.0, 0.5, np.random.default_rng(0))), with_all
    )
    assert not torch.allclose(net(images, largest), with_all)


def test_spawned_networks_drop_as_slices_do():
    space = SPACES["mobilenet-digits"]
    torch.manual_seed(0)
    net, images = SuperNet(space, 10), digits()[0][:8]
    largest = space.extreme(largest=True)
    alone = spawn(net, largest).train()
    slice_ = net(images, largest, drops(0.2, 0.3))
    torch.testing.assert_close(alone(images, drops(0.2, 0.3)), slice_, atol=1e-4, rtol=1e-4)


def test_network_that_cannot_drop_is_refused():
    with pytest.raises(ValueError, match=r"^Forward\.network must take .*; got Linear\."):
        Forward(nn.Linear(2, 2), drops=drops(0.1))


def test_kurtosis_is_scipys():
    x = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)) ** 3
    wanted = stats.kurtosis(x.numpy(), axis=None, fisher=False)
    assert float(kurtosis(x)) == pytest.approx(wanted, rel=1e-4)
    assert float(kurtosis(torch.linspace(-1, 1, 20001))) == pytest.approx(1.8, abs=1e-3)


def test_kurtosis_penalty_is_the_mean_square_and_brings_weights_to_the_target():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(30, 20), nn.Linear(20, 30))
    nn.init.normal_(net[0].weight)
    values = [stats.kurtosis(net[i].weight.detach(), axis=None, fisher=False) for i in (0, 1)]
    penalty = Kurtosis(weight=2.0)
    wanted = 2.0 * np.mean([(v - 1.8) ** 2 for v in values])
    assert penalty.penalty(net).item() == pytest.approx(wanted, rel=1e-4)
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        penalty.penalty(net).backward()
        optimizer.step()
    assert kurtosis(net[0].weight).item() == pytest.approx(1.8, abs=0.1)


@pytest.mark.parametrize("kind", [Dropout, DropPath])
def test_rates_beyond_reason_are_refused(kind):
    with pytest.raises(ValueError, match=rf"^{kind.__name__}\.rate must be in \[0, 0.95\]; got 1"):
        kind(1.0)
