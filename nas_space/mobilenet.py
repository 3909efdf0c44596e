"""MobileNetV3-like family: inverted residuals with elastic depth, width, kernel, expansion, input.

Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, with the elastic genes of Cai et al.,
"Once-for-All", ICLR 2020 (depth, kernel, expand) and Yu et al., "BigNAS", ECCV 2020 (width, input
resolution). Ours differs: no squeeze-and-excitation, and no wide last convolution at small scales.
"""

from collections.abc import Mapping

from nas_space.layout import Block, Conv, Int, Layout, Site, chain, scaled
from nas_space.space import Space, Stage


def layout(space: Space, genes: Mapping[str, Int], classes: int) -> Layout:
    """Layers of the network, or of the (N,) networks, with these genes."""
    return chain(space, genes, classes, "hardswish", inverted_residual)


def inverted_residual(site: Site) -> Block:
    """Expand by 1x1, filter per channel, project by 1x1; identity but for a stage's first block."""
    name, hidden = site.name, scaled(site.c_in, site.expand)
    act = "relu" if site.stage == 1 else "hardswish"
    convs = (
        Conv(f"{name}.expand", site.c_in, hidden, 1, 1, site.size_in, False, act),
        Conv(f"{name}.depthwise", hidden, hidden, site.kernel, site.stride, site.size, True, act),
        Conv(f"{name}.project", hidden, site.c_out, 1, 1, site.size),
    )
    return Block(name, convs, "identity" if site.number > 1 else None)


DIGITS = Space(
    family="mobilenet",
    scale="digits",
    size=16,
    resolutions=(12, 16),
    stem_width=8,
    stem_kernels=(3,),
    stem_stride=2,
    stages=(
        Stage((8, 16), (1,), (3, 5, 7), (1000, 2000, 3000), 2),
        Stage((16, 24), (1, 2, 3), (3, 5), (1000, 2000), 1),
        Stage((24, 32), (1, 2), (3, 5), (1000, 2000), 1),
    ),
)

CIFAR = Space(
    family="mobilenet",
    scale="cifar",
    size=32,
    resolutions=(24, 28, 32),
    stem_width=16,
    stem_kernels=(3,),
    stem_stride=1,
    stages=(
        Stage((16, 24), (1, 2), (3, 5, 7), (1000, 2000), 2),
        Stage((24, 32, 40), (1, 2, 3), (3, 5, 7), (2000, 3000, 4000), 2),
        Stage((40, 56), (1, 2, 3), (3, 5, 7), (2000, 3000, 4000), 1),
        Stage((64, 80), (1, 2), (3, 5), (2000, 3000, 4000), 2),
    ),
)
