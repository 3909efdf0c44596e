"""The weight-sharing supernet and the subnets spawned from it.

Every subnet uses the leading channels and the centre of the kernels of one shared set of weights
(Cai et al., "Once-for-All", ICLR 2020; Yu et al., "BigNAS", ECCV 2020). Choosing an architecture is
an argument of the forward pass and never changes the supernet. The supernet normalises by the batch
at hand and keeps no running statistics: a subnet gets its own when it is recalibrated.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_space.architecture import Architecture
from nas_space.layout import Block, Conv, Layout, Op, Patches, ops_of
from nas_space.presets import layout
from nas_space.space import Space
from supernet.depthwise import depthwise
from supernet.layers import SharedLayer
from supernet.normalisation import batch_norm
from supernet.transformer import SharedPatches
from training.regularisation import Drops

PIXEL_MEAN, PIXEL_SCALE = 0.5, 0.25
"""Networks take images in [0, 1] and centre them themselves."""

EPSILON = 1e-5
"""Added to the variance in every BatchNorm."""


def activate(x: Tensor, kind: str) -> Tensor:
    """Apply "relu", "hardswish" or "" (nothing)."""
    here = not x.requires_grad  # in place on a view, autograd would copy the gradient once more
    if kind == "relu":
        return F.relu(x, inplace=here)
    return F.hardswish(x, inplace=here) if kind == "hardswish" else x


def walk(
    plan: Layout,
    x: Tensor,
    apply: Callable[[Tensor, Op], Tensor],
    drops: Drops | None = None,
) -> Tensor:
    """Pooled features (B, C) of images (B, 3, s, s) in [0, 1], each operation done by `apply`.

    With `drops`, branches beside a shortcut and features may be dropped.
    """
    x = resize(x, int(plan.resolution))
    offset = x.new_full((), -PIXEL_MEAN / PIXEL_SCALE)
    x = torch.add(offset, x, alpha=1.0 / PIXEL_SCALE)  # in one pass over the pixels
    for depth, block in enumerate(plan.blocks):
        y = x
        for op in block.ops:
            y = apply(y, op)
        beside = x if block.shortcut == "identity" else None
        if isinstance(block.shortcut, Conv):
            beside = apply(x, block.shortcut)
        elif block.shortcut == "matched" and x.shape == y.shape:
            beside = x
        if beside is not None:
            if drops is not None:
                y = drops.branch(y, depth / (len(plan.blocks) - 1))
            y = y + beside
        x = activate(y, block.activation)
    x = x.mean((2, 3)) if x.dim() == 4 else x
    return x if drops is None else drops.classifier(x)


def resize(x: Tensor, size: int) -> Tensor:
    """Antialiased bilinear resize of square images (B, C, s, s), as two matrix products.

    Equal to `F.interpolate(..., mode="bilinear", antialias=True)` to float rounding, several times
    faster on small images, and differentiable.
    """
    if x.shape[-1] == size:
        return x
    weights = resize_weights(x.shape[-1], size, x.dtype, x.device)
    return weights @ x @ weights.T


@lru_cache
def resize_weights(size_in: int, size_out: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(size_out, size_in) weights of the antialiased bilinear resize along one axis."""
    with torch.inference_mode(False):  # kept for later calls, which may need gradients
        eye = torch.eye(size_in, dtype=dtype, device=device)[None, None]
        return F.interpolate(eye, (size_out, size_in), mode="bilinear", antialias=True)[0, 0]


def centre(weight: Tensor, kernel: int) -> Tensor:
    """(..., kernel, kernel) view of the middle of larger kernels."""
    margin = (weight.shape[-1] - kernel) // 2
    window = slice(margin, margin + kernel)
    return weight[..., window, window]


class SharedConv(nn.Module):
    """Weights of the largest convolution and its BatchNorm; smaller ones are slices.

    Args:
        conv: The largest.
        smaller: Kernels that are transformed from the next larger one, descending; without any,
            every kernel is the plain centre of the largest.
    """

    def __init__(self, conv: Conv, smaller: Sequence[int] = ()) -> None:
        super().__init__()
        fan_in = 1 if conv.depthwise else int(conv.c_in)
        weight = torch.empty(int(conv.c_out), fan_in, int(conv.kernel), int(conv.kernel))
        self.weight = nn.Parameter(nn.init.kaiming_normal_(weight, mode="fan_out"))
        self.scale = nn.Parameter(torch.ones(int(conv.c_out)))
        self.shift = nn.Parameter(torch.zeros(int(conv.c_out)))
        self.smaller = tuple(smaller)
        self.transforms = nn.ParameterList(torch.eye(k * k) for k in smaller)

    def sliced(self, conv: Conv) -> Tensor:
        """(c_out, c_in or 1, kernel, kernel): leading channels, centre of the kernel.

        Where kernels are transformed, each step from one size to the next takes the centre and
        multiplies its k * k taps by a matrix that all channels share.
        """
        fan_in = 1 if conv.depthwise else int(conv.c_in)
        weight = self.weight[: int(conv.c_out), :fan_in]
        for kernel, matrix in zip(self.smaller, self.transforms, strict=True):
            if kernel >= int(conv.kernel):
                taps = centre(weight, kernel).flatten(2) @ matrix.T
                weight = taps.unflatten(2, (kernel, kernel))
        return centre(weight, int(conv.kernel))

    def spawn(self, conv: Conv) -> "ConvNorm":
        """The slice as a layer of its own."""
        return ConvNorm(conv, self)

    def forward(self, x: Tensor, conv: Conv) -> Tensor:
        """Convolve, normalise by this batch, activate."""
        weight = self.sliced(conv)
        if conv.depthwise:
            x = depthwise(x, weight, conv.stride)
        else:
            x = F.conv2d(x, weight, None, conv.stride, int(conv.kernel) // 2)
        scale, shift = self.scale[: int(conv.c_out)], self.shift[: int(conv.c_out)]
        return activate(batch_norm(x, scale, shift, EPSILON), conv.activation)


def key(op: Op) -> str:
    """Module name of an operation (torch allows no dots)."""
    return op.name.replace(".", "_")


class SuperNet(nn.Module):
    """One set of weights for every network of a space.

    Args:
        space: What may be built.
        classes: K, number of logits.
        kernel_transform: Smaller kernels are learned linear maps of the centre of the next larger
            one, at first the identity (Cai et al., section 3.3), instead of the plain centre.
    """

    def __init__(self, space: Space, classes: int, kernel_transform: bool = False) -> None:
        super().__init__()
        self.space, self.classes, self.kernel_transform = space, classes, kernel_transform
        largest = layout(space, space.extreme(largest=True), classes)
        shared = {key(op): self._share(b, op) for b in largest.blocks for op in ops_of(b)}
        self.convs = nn.ModuleDict(shared)  # the name that checkpoints have
        self.head = nn.Linear(int(largest.features), classes)
        self.register_load_state_dict_pre_hook(_check_transforms)  # type: ignore[no-untyped-call]

    def features(self, x: Tensor, architecture: Architecture, drops: Drops | None = None) -> Tensor:
        """Pooled features (B, C) of one slice, as of `forward`."""
        plan = layout(self.space, architecture, self.classes)
        return walk(plan, x, lambda y, op: self.convs[key(op)](y, op), drops)

    def forward(self, x: Tensor, architecture: Architecture, drops: Drops | None = None) -> Tensor:
        """Logits (B, K) of one slice, normalised by this batch; the supernet is not changed."""
        features = self.features(x, architecture, drops)
        return F.linear(features, self.head.weight[:, : features.shape[1]], self.head.bias)

    def _share(self, block: Block, op: Op) -> nn.Module:
        """Shared weights of an operation of the largest network."""
        if not isinstance(op, Conv):
            return SharedPatches(op) if isinstance(op, Patches) else SharedLayer(op)
        if not self.kernel_transform or op.kernel == 1:
            return SharedConv(op)
        gene = next(g for g in self.space.genes if g.name == f"{block.name}.kernel")
        return SharedConv(op, gene.choices[-2::-1])


def _check_transforms(supernet: nn.Module, state: Mapping[str, Tensor], *rest: Any) -> None:
    """Say in one line that kernels are transformed in the weights and not here, or the reverse."""
    errors: list[str] = rest[-1]
    there, here = (any(".transforms." in n for n in s) for s in (state, supernet.state_dict()))
    if there != here:
        errors.append(f"SuperNet.kernel_transform is {here}, in the weights {there}.")


class ConvNorm(nn.Module):
    """A convolution, its BatchNorm (None once folded) and its activation."""

    def __init__(self, conv: Conv, shared: SharedConv) -> None:
        super().__init__()
        groups = int(conv.c_in) if conv.depthwise else 1
        kernel = int(conv.kernel)
        self.conv: nn.Module = nn.Conv2d(
            int(conv.c_in), int(conv.c_out), kernel, conv.stride, kernel // 2, 1, groups, bias=False
        )
        self.norm: nn.BatchNorm2d | None = nn.BatchNorm2d(int(conv.c_out), eps=EPSILON)
        self.activation = conv.activation
        state = {"weight": shared.sliced(conv)}
        self.conv.load_state_dict({name: value.detach() for name, value in state.items()})
        n = int(conv.c_out)
        affine = {"weight": shared.scale[:n].detach(), "bias": shared.shift[:n].detach()}
        self.norm.load_state_dict(affine, strict=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise, activate."""
        x = self.conv(x)
        return activate(x if self.norm is None else self.norm(x), self.activation)


class Subnet(nn.Module):
    """A static network with its own weights: (B, 3, s, s) in [0, 1] to logits (B, K)."""

    def __init__(self, plan: Layout, supernet: SuperNet) -> None:
        super().__init__()
        self.plan = plan
        ops = [op for block in plan.blocks for op in ops_of(block)]
        self.units = nn.ModuleDict(
            {key(op): supernet.convs[key(op)].spawn(op) for op in ops}  # type: ignore[operator]
        )
        self.head = nn.Linear(int(plan.features), plan.classes)
        weight = supernet.head.weight[:, : int(plan.features)]
        self.head.load_state_dict({"weight": weight.detach(), "bias": supernet.head.bias.detach()})

    def forward(self, x: Tensor, drops: Drops | None = None) -> Tensor:
        """Logits (B, K)."""
        features = walk(self.plan, x, lambda y, op: self.units[key(op)](y), drops)
        return self.head(features)  # type: ignore[no-any-return]


def spawn(supernet: SuperNet, architecture: Architecture) -> Subnet:
    """A copy of one slice as a network of its own, in train mode, BatchNorm not yet recalibrated.

    Raises:
        ValueError: The architecture lies outside the supernet's space.
    """
    return Subnet(layout(supernet.space, architecture, supernet.classes), supernet)
