"""Slices and subnets of a supernet compute what the design says, and choosing changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nas_space.layout import Conv, scaled
from nas_space.presets import SPACES, layout
from supernet.calibration import weights_hash
from supernet.network import EPSILON, SharedConv, SuperNet, resize, spawn
from tests.network_example import EXAMPLES, digits, make_supernet, some_architectures
from training.checkpoint import load_weights, read_checkpoint, save_checkpoint

EVERY = pytest.mark.parametrize("space", EXAMPLES)


def images_of(space, count=6):
    return digits(EXAMPLES[space].size)[0][:count]


@EVERY
def test_spawned_subnet_equals_the_slice(space):
    supernet, x = make_supernet(space), images_of(space)
    for architecture in some_architectures(space):
        with torch.no_grad():
            wanted = supernet(x, architecture)
            got = spawn(supernet, architecture)(x)
        torch.testing.assert_close(got, wanted, atol=2e-4, rtol=1e-4)
        assert wanted.std() > 0.05


def convolve(supernet, x, name, c_out, kernel, stride=1, depthwise=False):
    """Leading channels and centre of the shared kernel, then BatchNorm by the batch."""
    shared = supernet.convs[name.replace(".", "_")]
    low = shared.weight.shape[-1] // 2 - kernel // 2
    weight = shared.weight[:c_out, :, low : low + kernel, low : low + kernel]
    if not depthwise:
        weight = weight[:, : x.shape[1]]
    x = F.conv2d(x, weight, None, stride, kernel // 2, groups=c_out if depthwise else 1)
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
    x = (x - mean) / (var + EPSILON).sqrt()
    return x * shared.scale[:c_out, None, None] + shared.shift[:c_out, None, None]


def squeeze(supernet, x, name):
    """Weights from the means of all positions, by two layers of leading channels."""
    layer = supernet.convs[name.replace(".", "_")].layer
    c = x.shape[1]
    h = max(8, int(c / 4 + 4) // 8 * 8)
    h += 8 if h < 0.9 * c / 4 else 0
    means = x.mean((2, 3))
    y = F.relu(means @ layer.reduce.weight[:h, :c, 0, 0].T + layer.reduce.bias[:h])
    y = y @ layer.expand.weight[:c, :h, 0, 0].T + layer.expand.bias[:c]
    return x * ((y + 3).clamp(0, 6) / 6)[:, :, None, None]


def mobilenet_block(supernet, x, name, genes, stage, stride):
    space, plan = supernet.space, supernet.space.stages[stage - 1]
    act = F.relu if stage <= space.relu_stages else F.hardswish
    hidden = scaled(x.shape[1], genes[f"{name}.expand"])
    plain = plan.expands == (1000,)
    y = x if plain else act(convolve(supernet, x, f"{name}.expand", hidden, 1))
    y = convolve(supernet, y, f"{name}.depthwise", hidden, genes[f"{name}.kernel"], stride, True)
    y = act(y)
    if plan.squeeze:
        y = squeeze(supernet, y, f"{name}.squeeze")
    y = convolve(supernet, y, f"{name}.project", genes[f"stage{stage}.width"], 1)
    if plain and x.shape == y.shape:
        return x + y
    return y if name.endswith("block1") else x + y


def resnet_block(supernet, x, name, genes, stage, stride):
    width = genes[f"stage{stage}.width"]
    hidden = scaled(width, genes[f"{name}.expand"])
    y = F.relu(convolve(supernet, x, f"{name}.reduce", hidden, 1))
    y = F.relu(convolve(supernet, y, f"{name}.filter", hidden, genes[f"{name}.kernel"], stride))
    y = convolve(supernet, y, f"{name}.widen", width, 1)
    if name.endswith("block1"):
        x = convolve(supernet, x, f"{name}.shortcut", width, 1, stride)
    return F.relu(x + y)


def by_hand(supernet, x, architecture):
    """The network written out, with none of the project's layers."""
    space, genes = supernet.space, architecture.values
    mobile = space.family == "mobilenet"
    block, act = (mobilenet_block, F.hardswish) if mobile else (resnet_block, F.relu)
    size = genes["resolution"]
    x = F.interpolate(x, (size, size), mode="bilinear", antialias=True) * 4 - 2
    kernel = genes["stem.kernel"]
    width = genes.get("stem.width", space.stem_width)
    x = act(convolve(supernet, x, "stem", width, kernel, space.stem_stride))
    if space.stem_pool:
        x = F.max_pool2d(x, 3, 2, 1)
    for s, stage in enumerate(space.stages, 1):
        for b in range(1, genes[f"stage{s}.depth"] + 1):
            stride = stage.stride if b == 1 else 1
            x = block(supernet, x, f"stage{s}.block{b}", genes, s, stride)
    if space.head_widths:
        x = F.hardswish(convolve(supernet, x, "head", genes["head.width"], 1))
    features = x.mean((2, 3))
    if "head.features" in genes:
        linear, n = supernet.convs["head_block1_features"].layer.linear, genes["head.features"]
        features = features @ linear.weight[:n, : features.shape[1]].T + linear.bias[:n]
        features = F.hardswish(features)
    return features @ supernet.head.weight[:, : features.shape[1]].T + supernet.head.bias


@pytest.mark.parametrize("space", [name for name in EXAMPLES if not name.startswith("vit")])
@torch.no_grad()
def test_supernet_equals_the_network_written_out(space):
    supernet, x = make_supernet(space), images_of(space)
    for architecture in some_architectures(space, random=3):
        wanted = by_hand(supernet, x, architecture)
        torch.testing.assert_close(supernet(x, architecture), wanted, atol=2e-4, rtol=1e-4)


@EVERY
def test_choosing_an_architecture_never_changes_the_supernet(space):
    supernet, x = make_supernet(space), images_of(space, 2)
    before = weights_hash(supernet), supernet.training
    for architecture in some_architectures(space):
        supernet(x, architecture)
        subnet = spawn(supernet, architecture)
        with torch.no_grad():
            for parameter in subnet.parameters():
                parameter.add_(1.0)
            subnet(x)
    assert (weights_hash(supernet), supernet.training) == before


def window(weight, like):
    """The part of a shared weight that a subnet's weight of this shape is cut from."""
    low = (weight.shape[-1] - like.shape[-1]) // 2
    centre = slice(low, low + like.shape[-1])
    return (slice(like.shape[0]), slice(like.shape[1]), centre, centre)


@pytest.mark.parametrize("which", [1, 2, 3])
def test_gradients_of_layers_between_convolutions_fall_on_the_slice_alone(which):
    supernet, x = make_supernet("mobilenet-thin"), images_of("mobilenet-thin", 8)
    architecture = some_architectures("mobilenet-thin")[which]
    supernet.zero_grad()
    supernet(x, architecture).square().sum().backward()
    subnet = spawn(supernet, architecture)
    subnet(x).square().sum().backward()
    for name, unit in subnet.units.items():
        if name.endswith(("squeeze", "features")):
            shared = supernet.convs[name].layer
            for own, whole in zip(unit.parameters(), shared.parameters(), strict=True):
                wanted = torch.zeros_like(whole)
                wanted[tuple(slice(n) for n in own.shape)] = own.grad
                scale = float(own.grad.abs().max())
                assert scale > 0
                torch.testing.assert_close(whole.grad, wanted, atol=1e-3 * scale, rtol=1e-3)
    supernet.zero_grad()


@pytest.mark.parametrize("space", ["mobilenet-digits", "resnet-digits"])
@pytest.mark.parametrize("which", [1, 2, 3])
def test_gradients_fall_on_the_slice_alone(space, which):
    supernet, x = make_supernet(space), images_of(space, 16)
    architecture = some_architectures(space)[which]
    labels = torch.arange(16) % 10
    supernet.zero_grad()
    F.cross_entropy(supernet(x, architecture), labels).backward()
    subnet = spawn(supernet, architecture)
    F.cross_entropy(subnet(x), labels).backward()
    for name, shared in supernet.convs.items():
        if name not in subnet.units:
            assert shared.weight.grad is None
            continue
        own, n = subnet.units[name], len(subnet.units[name].norm.weight)
        wanted = torch.zeros_like(shared.weight)
        wanted[window(shared.weight, own.conv.weight)] = own.conv.weight.grad
        torch.testing.assert_close(shared.weight.grad, wanted, atol=2e-5, rtol=1e-3)
        outside = torch.ones_like(wanted)
        outside[window(shared.weight, own.conv.weight)] = 0
        assert not (shared.weight.grad * outside).any()
        assert wanted.any()
        assert not shared.scale.grad[n:].any()
        assert shared.scale.grad[:n].any()
    supernet.zero_grad()


@pytest.mark.parametrize(("before", "after"), [(16, 12), (32, 24), (32, 28), (12, 16), (7, 5)])
def test_resize_equals_antialiased_interpolation(before, after):
    x = torch.rand(3, 3, before, before, requires_grad=True)
    own = resize(x, after)
    usual = F.interpolate(x, (after, after), mode="bilinear", antialias=True)
    torch.testing.assert_close(own, usual, atol=1e-6, rtol=0)
    g = torch.rand_like(own)
    gradients = [torch.autograd.grad(y, x, g)[0] for y in (own, usual)]
    torch.testing.assert_close(*gradients, atol=2e-6, rtol=0)


def test_resize_to_the_same_size_is_the_same_tensor():
    x = torch.rand(1, 3, 16, 16)
    assert resize(x, 16) is x


def test_images_of_another_size_than_the_network_are_resized_first():
    space = SPACES["resnet-digits"]
    architecture = space.extreme(largest=False)
    subnet = spawn(make_supernet(space.name), architecture)
    x = torch.rand(4, 3, 16, 16)
    small = F.interpolate(x, (12, 12), mode="bilinear", antialias=True)
    assert architecture.values["resolution"] == 12
    torch.testing.assert_close(subnet(x), subnet(small), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("use", [spawn, lambda net, a: net(torch.rand(2, 3, 16, 16), a)])
def test_architecture_of_another_space_is_refused(use):
    stranger = SPACES["resnet-digits"].extreme(largest=True)
    message = rf"must be of space mobilenet-digits; got resnet-digits \({stranger.id}\)"
    with pytest.raises(ValueError, match=message):
        use(make_supernet("mobilenet-digits"), stranger)


@EVERY
def test_every_shared_weight_belongs_to_the_largest_network(space):
    supernet = make_supernet(space)
    plan = layout(EXAMPLES[space], EXAMPLES[space].extreme(largest=True), 10)
    subnet = spawn(supernet, EXAMPLES[space].extreme(largest=True))
    assert set(subnet.units) == set(supernet.convs)
    for name, unit in subnet.units.items():
        own, shared = list(unit.parameters()), list(supernet.convs[name].parameters())
        assert all(torch.equal(a, b) for a, b in zip(own, shared, strict=True))
    assert supernet.head.weight.shape == (10, plan.features)


def test_random_slices_use_many_depths_widths_and_kernels():
    space, rng = SPACES["mobilenet-digits"], np.random.default_rng(0)
    supernet, x = make_supernet(space.name), images_of(space.name)
    logits = torch.stack([supernet(x, space.sample(rng)).detach() for _ in range(12)])
    assert torch.pdist(logits.flatten(1)).min() > 1e-2


def transforming(space, seed=0):
    torch.manual_seed(seed)
    return SuperNet(EXAMPLES[space], 10, kernel_transform=True)


def randomised(supernet):
    """The supernet with matrices that are not the identity."""
    for name, parameter in supernet.named_parameters():
        if ".transforms." in name:
            torch.nn.init.normal_(parameter, 0.0, 0.3)
    return supernet


@pytest.mark.parametrize("space", ["mobilenet-digits", "resnet-digits"])
@torch.no_grad()
def test_kernel_transform_begins_as_the_plain_centre(space):
    plain, supernet, x = make_supernet(space), transforming(space), images_of(space)
    own = {n: v for n, v in supernet.state_dict().items() if n not in plain.state_dict()}
    assert own
    assert all(".transforms." in name for name in own)
    supernet.load_state_dict(own | plain.state_dict())
    for architecture in some_architectures(space):
        assert torch.equal(supernet(x, architecture), plain(x, architecture))


@pytest.mark.parametrize("space", ["mobilenet-digits", "mobilenet-thin", "resnet-thin"])
@torch.no_grad()
def test_spawned_subnet_has_transformed_kernels(space):
    supernet, x = randomised(transforming(space)), images_of(space)
    plain = SuperNet(EXAMPLES[space], 10)
    state = supernet.state_dict()
    plain.load_state_dict({n: v for n, v in state.items() if ".transforms." not in n})
    architecture = EXAMPLES[space].extreme(largest=False)
    wanted = supernet(x, architecture)
    torch.testing.assert_close(spawn(supernet, architecture)(x), wanted, atol=2e-4, rtol=1e-4)
    assert (plain(x, architecture) - wanted).abs().max() > 0.01


def test_kernel_transform_by_hand():
    conv = Conv("c", 1, 1, 5, 1, 8)
    shared = SharedConv(conv, smaller=(3,))
    shared.weight.data = torch.arange(25.0).view(1, 1, 5, 5)
    shared.transforms[0].data = torch.eye(9).roll(1, 1)  # every tap takes the one after it
    shared.transforms[0].data[4] = 0.5  # the middle: half the sum of all nine
    # the centre of the 5 x 5 kernel is 6 7 8, 11 12 13, 16 17 18
    wanted = torch.tensor([[7.0, 8, 11], [12, 54, 16], [17, 18, 6]])
    assert torch.equal(shared.sliced(replace(conv, kernel=3))[0, 0], wanted)
    assert torch.equal(shared.sliced(conv), shared.weight)


def test_kernel_transform_goes_from_size_to_size_with_one_matrix_for_all_channels():
    conv = Conv("c", 3, 4, 7, 1, 8)
    shared = SharedConv(conv, smaller=(5, 3))
    for matrix in shared.transforms:
        torch.nn.init.normal_(matrix)
    found = shared.sliced(replace(conv, kernel=3, c_in=2, c_out=3))
    for o in range(3):
        for i in range(2):
            five = (shared.transforms[0] @ shared.weight[o, i, 1:6, 1:6].flatten()).view(5, 5)
            three = (shared.transforms[1] @ five[1:4, 1:4].flatten()).view(3, 3)
            torch.testing.assert_close(found[o, i], three)


def test_gradients_reach_the_matrices_of_the_kernels_in_use():
    space = EXAMPLES["mobilenet-digits"]
    supernet, x = transforming(space.name), images_of(space.name, 8)
    smallest = space.extreme(largest=False)
    largest = space.extreme(largest=True)
    supernet(x, largest).square().sum().backward()
    conv = supernet.convs["stage1_block1_depthwise"]
    assert conv.smaller == (5, 3)
    assert all(matrix.grad is None for matrix in conv.transforms)
    middle = space.with_gene(smallest, "stage1.block1.kernel", 5)
    supernet(x, middle).square().sum().backward()
    assert conv.transforms[0].grad.abs().max() > 0
    assert conv.transforms[1].grad is None
    supernet(x, smallest).square().sum().backward()
    assert conv.transforms[1].grad.abs().max() > 0


def test_checkpoint_keeps_the_matrices_and_refuses_a_supernet_without_them(tmp_path):
    path, supernet = tmp_path / "a.safetensors", randomised(transforming("mobilenet-digits"))
    plain = make_supernet("mobilenet-digits")
    save_checkpoint(path, "{}", (supernet, torch.optim.SGD(supernet.parameters()), None), (1, 0.0))
    tensors, _ = read_checkpoint(path)
    again = transforming("mobilenet-digits", seed=1)
    load_weights(path, again, tensors)
    assert weights_hash(again) == weights_hash(supernet)
    with pytest.raises(ValueError, match=r"kernel_transform is False, in the weights True\. ") as e:
        load_weights(path, plain, tensors)
    assert str(path) in str(e.value)
    assert len(str(e.value)) < 400
    with pytest.raises(ValueError, match=r"kernel_transform is True, in the weights False\. "):
        load_weights(path, again, plain.state_dict())


def test_only_kernels_that_the_space_offers_have_matrices():
    supernet = transforming("resnet-digits")
    assert supernet.convs["stem"].smaller == (5, 3)
    assert supernet.convs["stage1_block1_filter"].smaller == (3,)
    assert supernet.convs["stage1_block1_reduce"].smaller == ()
    assert transforming("mobilenet-digits").convs["stem"].smaller == ()
