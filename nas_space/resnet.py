"""ResNet family: bottleneck residuals with elastic depth, width, kernel, bottleneck ratio, input.

Source: He et al., "Deep residual learning for image recognition", CVPR 2016, with the elastic genes
of Cai et al., "Once-for-All", ICLR 2020 (depth, width, bottleneck ratio, input resolution) and the
elastic kernels of the block and the stem.
"""

from collections.abc import Mapping

from nas_space.layout import Block, Conv, Int, Layout, Site, chain, scaled
from nas_space.space import Space, Stage


def layout(space: Space, genes: Mapping[str, Int], classes: int) -> Layout:
    """Layers of the network, or of the (N,) networks, with these genes."""
    return chain(space, genes, classes, "relu", bottleneck)


def bottleneck(site: Site) -> Block:
    """Reduce by 1x1, filter, widen by 1x1; a stage's first block has a convolution as shortcut."""
    name, hidden = site.name, scaled(site.c_out, site.expand)
    ops = (
        Conv(f"{name}.reduce", site.c_in, hidden, 1, 1, site.size_in, activation="relu"),
        Conv(
            f"{name}.filter", hidden, hidden, site.kernel, site.stride, site.size, activation="relu"
        ),
        Conv(f"{name}.widen", hidden, site.c_out, 1, 1, site.size),
    )
    projection = Conv(f"{name}.shortcut", site.c_in, site.c_out, 1, site.stride, site.size)
    return Block(name, ops, "identity" if site.number > 1 else projection, "relu")


DIGITS = Space(
    family="resnet",
    scale="digits",
    size=16,
    resolutions=(12, 16),
    stem_width=8,
    stem_kernels=(3, 5, 7),
    stem_stride=2,
    stages=(
        Stage((16, 24), (1, 2), (3, 5), (333, 750), 2),
        Stage((16, 24), (1, 2, 3), (3, 5), (333, 750), 1),
        Stage((24, 32), (1, 2), (3, 5), (250, 500), 1),
    ),
)

CIFAR = Space(
    family="resnet",
    scale="cifar",
    size=32,
    resolutions=(24, 28, 32),
    stem_width=16,
    stem_kernels=(3, 5, 7),
    stem_stride=1,
    stages=(
        Stage((32, 48), (1, 2), (3, 5), (250, 500), 2),
        Stage((48, 64, 80), (1, 2, 3), (3, 5), (250, 500), 2),
        Stage((96, 128, 160), (1, 2, 3), (3, 5), (200, 350), 2),
    ),
)

IMAGENET = Space(
    family="resnet",
    scale="imagenet",
    size=224,
    resolutions=tuple(range(128, 225, 4)),
    stem_width=(40, 48, 64),
    stem_kernels=(3, 5, 7),
    stem_stride=2,
    stages=(
        Stage((168, 208, 256), (2, 3, 4), (3, 5), (200, 250, 350), 1),
        Stage((336, 408, 512), (2, 3, 4), (3, 5), (200, 250, 350), 2),
        Stage((664, 816, 1024), (4, 5, 6), (3, 5), (200, 250, 350), 2),
        Stage((1328, 1640, 2048), (2, 3, 4), (3, 5), (200, 250, 350), 2),
    ),
    stem_pool=True,
)
"""Contains ResNet-50 itself (depths 3, 4, 6, 3; all ratios 250; stem kernel 7) and the ranges of
Once-for-All's ResNet-50: depths 2, 2, 4, 2 plus 0 to 2, bottleneck ratios 0.2, 0.25 and 0.35, width
multipliers 0.65, 0.8 and 1.0 rounded to multiples of 8, inputs of 128 to 224 in steps of 4.

Differs: Once-for-All's stem is a chain of two or three 3x3 convolutions, ours one of elastic
kernel; its shortcuts average before a 1x1 convolution, ours stride in it as in ResNet-50. Kernels
of 7 in the blocks are left out: they would make up most of the supernet's weights.
"""
