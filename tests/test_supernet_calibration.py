"""The network that is evaluated computes what the slice computes: recalibrated, folded, hashed."""

import copy

import numpy as np
import pytest
import torch

from nas_space.presets import SPACES
from noises.adversarial.engine import arm, run_attacks
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.plan import Plan
from supernet.calibration import fold, recalibrate, weights_hash
from supernet.network import spawn
from tests.network_example import EXAMPLES, digits, make_supernet, some_architectures

SMALL = [name for name in SPACES if name.endswith("digits")]
EVERY = pytest.mark.parametrize("space", [n for n in SPACES if n in EXAMPLES])
THIN = pytest.mark.parametrize("space", [n for n in EXAMPLES if n.endswith("thin")])


def ready(space, which=2, count=64):
    """A recalibrated subnet of random weights; its logits have mean 0 per class, deviation 1."""
    subnet = spawn(make_supernet(space), some_architectures(space)[which])
    images = digits(EXAMPLES[space].size)[0][-count:]
    recalibrate(subnet, [images])
    with torch.no_grad():
        subnet.head.bias -= subnet(images).mean(0)
        deviation = subnet(images).std()
        for parameter in subnet.head.parameters():
            parameter /= deviation
    return subnet


@pytest.mark.parametrize("space", SMALL)
def test_recalibration_on_one_batch_gives_the_slice(space):
    images = digits()[0][:100]
    for architecture in some_architectures(space):
        supernet = make_supernet(space)
        subnet = recalibrate(spawn(supernet, architecture), [images])
        assert not subnet.training
        with torch.no_grad():
            wanted = supernet(images, architecture)
            torch.testing.assert_close(subnet(images), wanted, atol=5e-4, rtol=1e-3)


@pytest.mark.parametrize("space", [name for name in SMALL if not name.startswith("vit")])
def test_recalibration_pools_the_moments_of_batches_of_different_size(space):
    images = digits()[0]
    batches = [images[:48], images[48:64] * 0.3]  # dark ones: the variance between batches matters
    subnet = spawn(make_supernet(space), some_architectures(space)[2])
    seen = {name: [] for name in subnet.units}
    watched = copy.deepcopy(subnet).train()
    for name, unit in watched.units.items():
        unit.conv.register_forward_hook(lambda _, __, y, name=name: seen[name].append(y.detach()))
    for batch in batches:
        watched(batch)
    recalibrate(subnet, batches)
    for name, unit in subnet.units.items():
        values = torch.cat([y.transpose(0, 1).flatten(1) for y in seen[name]], 1).double()
        mean, var = values.mean(1), values.var(1, correction=0)
        torch.testing.assert_close(unit.norm.running_mean.double(), mean, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(unit.norm.running_var.double(), var, atol=1e-6, rtol=1e-4)
    stem = [y.transpose(0, 1).flatten(1).var(1, correction=0) for y in seen["stem"]]
    within = (48 * stem[0] + 16 * stem[1]) / 64
    assert (subnet.units["stem"].norm.running_var > 1.05 * within).any()


def test_recalibration_does_not_depend_on_the_order_of_batches():
    images, architecture = digits()[0], some_architectures(SMALL[0])[2]
    parts = [images[:40], images[40:100]]
    found = [spawn(make_supernet(SMALL[0]), architecture) for _ in range(2)]
    for subnet, batches in zip(found, (parts, parts[::-1]), strict=True):
        recalibrate(subnet, batches)
    for a, b in zip(*(net.buffers() for net in found), strict=True):
        torch.testing.assert_close(a, b, atol=1e-7, rtol=1e-6)


def test_recalibration_changes_statistics_alone_and_leaves_no_hook():
    subnet = spawn(make_supernet(SMALL[0]), some_architectures(SMALL[0])[0])
    before = [p.clone() for p in subnet.parameters()]
    recalibrate(subnet, [digits()[0][:32]])
    assert all(torch.equal(a, b) for a, b in zip(before, subnet.parameters(), strict=True))
    assert not any(m._forward_hooks for m in subnet.modules())


def test_recalibration_without_images_is_refused():
    subnet = spawn(make_supernet(SMALL[0]), some_architectures(SMALL[0])[1])
    with pytest.raises(ValueError, match=r"^recalibrate\.batches must be at least one; got none"):
        recalibrate(subnet, [])


@THIN
@pytest.mark.parametrize("which", [1, 2])
def test_folded_network_equals_the_plain_one_in_double_precision(space, which):
    # twenty random layers magnify the rounding of single precision
    plain = ready(space, which, count=8).double()
    folded = fold(copy.deepcopy(plain))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    size = EXAMPLES[space].size
    # no flat regions: among equal values, rounding decides which one max pooling passes on
    x = torch.rand(3, 3, size, size, dtype=torch.float64).requires_grad_()
    wanted, got = plain(x), folded(x)
    torch.testing.assert_close(got, wanted, atol=1e-8, rtol=1e-8)
    first, second = (torch.autograd.grad(y.square().sum(), x)[0] for y in (got, wanted))
    assert (first - second).norm() < 1e-5 * second.norm()
    assert wanted.std() > 0.01


@EVERY
@torch.no_grad()
def test_folded_network_predicts_as_the_plain_one(space):
    images = digits(EXAMPLES[space].size)[0][: 1797 if space in SMALL else 200]
    agreed, total = 0, 0
    for which in range(3 if space in SMALL else 2):
        plain = ready(space, which + 1)
        folded = fold(copy.deepcopy(plain))
        wanted = plain(images)
        got = folded(images.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(got, wanted, atol=2e-4, rtol=1e-4)
        assert wanted.argmax(1).unique().numel() >= 5
        agreed += int((got.argmax(1) == wanted.argmax(1)).sum())
        total += len(images)
    assert agreed >= 0.999 * total


@EVERY
def test_folded_network_has_the_input_gradient_of_the_plain_one(space):
    plain = ready(space)
    folded = fold(copy.deepcopy(plain))
    x = digits(EXAMPLES[space].size)[0][:16]
    gradients = []
    for network, form in ((plain, torch.contiguous_format), (folded, torch.channels_last)):
        x = x.detach().contiguous(memory_format=form).requires_grad_()
        gradients.append(torch.autograd.grad(network(x).logsumexp(1).sum(), x)[0])
    wanted, got = gradients
    assert wanted.norm() > 0.05
    # not element by element: rounding moves a few values over a kink of the activations
    assert (got - wanted).norm() < 0.02 * wanted.norm()


@pytest.mark.parametrize("space", SMALL)
def test_folded_network_is_attacked_as_the_plain_one(space):
    plain = ready(space).requires_grad_(False)
    folded, images = fold(copy.deepcopy(plain)), digits()[0][:128]
    labels = plain(images).argmax(1)  # so that every image is attacked
    attacks = [
        GradientAttack("pgd_linf", "linf", (0.001, 0.005), 8, 0.3, True, ""),
        GradientAttack("pgd_l2", "l2", (0.02, 0.08), 8, 0.3, True, ""),
    ]
    ids = [str(i) for i in range(128)]
    started = [arm(a, ids, 0) for a in attacks]
    outcomes = [run_attacks(net, images, labels, started, Plan()) for net in (plain, folded)]
    for attack in attacks:
        a, b = (outcome[attack.name].fooled for outcome in outcomes)
        assert 0.05 < a.mean() < 0.95
        assert (a != b).mean() <= 0.005
        assert np.abs(a.mean(1) - b.mean(1)).max() <= 0.005


def test_folding_leaves_no_norm_and_nothing_to_train():
    folded = fold(ready(SMALL[0]))
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    assert not any(p.requires_grad for p in folded.parameters())


def test_folding_in_train_mode_is_refused():
    subnet = spawn(make_supernet(SMALL[0]), some_architectures(SMALL[0])[1])
    with pytest.raises(ValueError, match=r"^fold\.network must be in eval mode"):
        fold(subnet)


def test_weights_hash_changes_with_any_weight():
    subnet = ready(SMALL[1])
    hashes = {weights_hash(subnet)}
    for value in subnet.state_dict().values():
        flat = value.view(-1)
        kept = flat[-1].clone()
        flat[-1] = torch.nextafter(kept, kept + 1) if value.is_floating_point() else kept + 1
        hashes.add(weights_hash(subnet))
        flat[-1] = kept
    assert len(hashes) == 1 + len(subnet.state_dict())
    assert weights_hash(subnet) in hashes


def test_weights_hash_is_of_values_not_of_memory():
    subnet = ready(SMALL[0])
    other = copy.deepcopy(subnet).to(memory_format=torch.channels_last)
    assert weights_hash(subnet) == weights_hash(other)


def test_weights_hash_tells_names_and_shapes_apart():
    nets = [torch.nn.Linear(a, b, bias=False) for a, b in ((2, 3), (3, 2))]
    for net in nets:
        torch.nn.init.ones_(net.weight)
    nets.append(torch.nn.Sequential(nets[0]))
    assert len({weights_hash(net) for net in nets}) == 3
