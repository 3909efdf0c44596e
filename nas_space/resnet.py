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
    convs = (
        Conv(f"{name}.reduce", site.c_in, hidden, 1, 1, site.size_in, activation="relu"),
        Conv(
            f"{name}.filter", hidden, hidden, site.kernel, site.stride, site.size, activation="relu"
        ),
        Conv(f"{name}.widen", hidden, site.c_out, 1, 1, site.size),
    )
    projection = Conv(f"{name}.shortcut", site.c_in, site.c_out, 1, site.stride, site.size)
    return Block(name, convs, "identity" if site.number > 1 else projection, "relu")


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
