"""The protocols that come with a name, and how any protocol is found."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from noises.adversarial.gradient import GradientAttack
from noises.adversarial.plan import Plan
from noises.natural.table import NATURAL_NOISES
from noises.protocol import Protocol
from noises.protocol_file import read_protocol
from noises.system import SYSTEM_NOISES

FGSM = "Goodfellow et al., ICLR 2015"
PGD = "Madry et al., ICLR 2018"
MIM = "Dong et al., CVPR 2018"


def scaled_l2(budget: float, size: int) -> float:
    """A Euclidean budget for 224 x 224 x 3 images brought to another size by sqrt(d / 150528)."""
    return budget * math.sqrt(3 * size * size / 150528)


def gradient_attacks(
    linf: tuple[float, ...], l2: tuple[float, ...], steps: int, reach: float = 2.5
) -> tuple[GradientAttack, ...]:
    """FGSM and PGD in the maximum norm (grey levels of 255) and PGD in the Euclidean norm.

    Args:
        linf: Budgets in grey levels.
        l2: Budgets in units of [0, 1] pixels.
        steps: Of PGD.
        reach: Length of all its steps together, in budgets.
    """
    levels = tuple(level / 255 for level in linf)
    step = reach / steps
    return (
        GradientAttack("fgsm", "linf", levels, 1, 1.0, False, FGSM),
        GradientAttack("pgd_linf", "linf", levels, steps, step, True, PGD),
        GradientAttack("pgd_l2", "l2", l2, steps, step, True, PGD),
    )


def quick(size: int) -> Protocol:
    """Two budgets, eight corruptions at three severities, fourteen system variants: minutes.

    Budgets are chosen so that networks of the size differ: at 16 px 5 and 11 grey levels, above
    that RobustART's small and medium ones. There five longer steps find as much as seven of the
    usual length, and twenty find up to 2 points more on average (32 networks). The two system
    variants left out differ from others by at most a grey level on grey images.
    """
    small = size <= 16
    linf = (5.0, 11.0) if small else (0.5, 2.0)
    l2 = (0.3, 0.7) if small else (scaled_l2(0.5, size), scaled_l2(2.0, size))
    return Protocol(
        name="quick",
        size=size,
        natural=(
            "gaussian_noise",
            "impulse_noise",
            "defocus_blur",
            "motion_blur",
            "snow",
            "fog",
            "contrast",
            "jpeg_compression",
        ),
        severities=(1, 3, 5),
        system=tuple(n for n in SYSTEM_NOISES if n not in ("torch_bilinear", "nv12")),
        attacks=gradient_attacks(linf, l2, steps=5, reach=3.0),
        batch=400 if small else 64,  # what fits a CPU's cache
        plan=Plan(batch=640 if small else 128),
    )


def standard(size: int) -> Protocol:
    """Three budgets, MIM too, every corruption at every severity, 20 steps, 1,000 images attacked.

    MIM takes its publication's steps, which together are as long as the budget.
    """
    small = size <= 16
    linf = (2.0, 5.0, 11.0) if small else (0.5, 2.0, 8.0)
    levels = tuple(level / 255 for level in linf)
    mim = GradientAttack("mim", "linf", levels, 20, 1 / 20, False, MIM, decay=1.0)
    l2 = (0.15, 0.3, 0.7) if small else tuple(scaled_l2(b, size) for b in (0.5, 2.0, 8.0))
    return replace(
        quick(size),
        name="standard",
        natural=tuple(NATURAL_NOISES),
        severities=(1, 2, 3, 4, 5),
        system=tuple(SYSTEM_NOISES),
        attacks=(*gradient_attacks(linf, l2, steps=20), mim),
        attacked=1000,
    )


PROTOCOLS: dict[str, Callable[[int], Protocol]] = {p.__name__: p for p in (quick, standard)}
"""Name to a function from the image size to the protocol."""


def find_protocol(name: str, size: int) -> Protocol:
    """The protocol of this name, or the one written in this JSON file.

    Raises:
        ValueError: No such protocol or file, or the file does not describe one.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name](size)
    if not name.endswith(".json"):
        raise ValueError(
            f"Protocol.name must be one of {', '.join(PROTOCOLS)} or a .json file; got {name!r}."
        )
    return read_protocol(Path(name), quick(size))
