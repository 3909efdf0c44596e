"""The protocols that come with a name, and how any protocol is found."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from noises.adversarial.autoattack import AutoAttack
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.minimum_norm import DDN, CarliniWagner
from noises.adversarial.plan import Plan
from noises.adversarial.square import Square
from noises.natural.table import BENCHMARK_19, NATURAL_NOISES
from noises.protocol import Protocol
from noises.protocol_file import read_protocol
from noises.system import SYSTEM_NOISES
from noises.system.inference import INFERENCE_NOISES

FGSM = "Goodfellow et al., ICLR 2015"
PGD = "Madry et al., ICLR 2018"
MIM = "Dong et al., CVPR 2018"
SQUARE = "Andriushchenko et al., ECCV 2020"
AUTOATTACK = "Croce and Hein, ICML 2020"
RONY = "Rony et al., CVPR 2019"
CARLINI = "Carlini and Wagner, S&P 2017"


def scaled_l2(budget: float, size: int) -> float:
    """A Euclidean budget for 224 x 224 x 3 images brought to another size by sqrt(d / 150528)."""
    return budget * math.sqrt(3 * size * size / 150528)


def scaled_l1(budget: float, size: int) -> float:
    """A budget in the sum norm for 224 x 224 x 3 images brought to another size by d / 150528."""
    return budget * 3 * size * size / 150528


def gradient_attacks(
    linf: tuple[float, ...], l2: tuple[float, ...], steps: int, reach: float = 2.5
) -> tuple[GradientAttack, ...]:
    """FGSM and PGD in the maximum norm and PGD in the Euclidean norm.

    Args:
        linf: Budgets in units of [0, 1] pixels, too.
        l2: Budgets in units of [0, 1] pixels.
        steps: Of PGD.
        reach: Length of all its steps together, in budgets.
    """
    step = reach / steps
    return (
        GradientAttack("fgsm", "linf", linf, 1, 1.0, False, FGSM),
        GradientAttack("pgd_linf", "linf", linf, steps, step, True, PGD),
        GradientAttack("pgd_l2", "l2", l2, steps, step, True, PGD),
    )


def quick(size: int) -> Protocol:
    """Two budgets, eight corruptions at three severities, fourteen system variants: minutes.

    Budgets are chosen so that networks of the size differ: at 16 px 5 and 11 grey levels, above
    that RobustART's small and medium ones. There five longer steps find as much as seven of the
    usual length, and twenty find up to 2 points more on average (32 networks). The two system
    variants left out differ from others by at most a grey level on grey images.
    """
    small, by = size <= 16, budgets(size)
    linf, l2 = (by.linf[1:], by.l2[1:]) if small else (by.linf[:2], by.l2[:2])
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


@dataclass(frozen=True)
class Budgets:
    """Small, medium and large, per norm, in units of [0, 1] pixels."""

    linf: tuple[float, ...]
    l2: tuple[float, ...]
    l1: tuple[float, ...]


def budgets(size: int) -> Budgets:
    """RobustART's budgets; at 16 px and below some that tell networks for such images apart.

    In the maximum norm 0.5, 2 and 8 grey levels; 0.5, 2, 8 and 100, 400, 1600 in the others are
    for 224 px and are scaled with the number of values, see `scaled_l2` and `scaled_l1`.
    """
    if size <= 16:
        return Budgets((2 / 255, 5 / 255, 11 / 255), (0.15, 0.3, 0.7), (2.0, 4.0, 10.0))
    return Budgets(
        tuple(level / 255 for level in (0.5, 2.0, 8.0)),
        tuple(scaled_l2(budget, size) for budget in (0.5, 2.0, 8.0)),
        tuple(scaled_l1(budget, size) for budget in (100.0, 400.0, 1600.0)),
    )


def standard(size: int) -> Protocol:
    """The benchmark without AutoAttack: three budgets, 19 corruptions, 1,000 images attacked.

    Gradient attacks take 20 steps; MIM takes its publication's, which together are as long as the
    budget; PGD-L1's are 1.5 budgets together.
    """
    by = budgets(size)
    mim = GradientAttack("mim", "linf", by.linf, 20, 1 / 20, False, MIM, decay=1.0)
    l1 = GradientAttack("pgd_l1", "l1", by.l1, 20, 1.5 / 20, True, PGD)
    return replace(
        quick(size),
        name="standard",
        natural=BENCHMARK_19,
        severities=(1, 2, 3, 4, 5),
        system=tuple(SYSTEM_NOISES),
        attacks=(*gradient_attacks(by.linf, by.l2, steps=20), l1, mim),
        attacked=1000,
    )


def full(size: int) -> Protocol:
    """Everything: AutoAttack, black box, minimum norm, transfer, inference, noises beyond.

    Days for 1,200 networks on a CPU: meant for a GPU, or for some networks.
    """
    by, base = budgets(size), standard(size)
    fgsm, mim = base.attacks[0], base.attacks[-1]
    assert isinstance(fgsm, GradientAttack)
    assert isinstance(mim, GradientAttack)
    return replace(
        base,
        name="full",
        natural=tuple(NATURAL_NOISES),
        inference=tuple(INFERENCE_NOISES),
        attacks=(
            *base.attacks,
            Square("square", by.linf, 1000, SQUARE, rescaled=True),
            AutoAttack("autoattack", by.linf, AUTOATTACK),
            DDN("ddn", by.l2, 100, RONY),
            CarliniWagner("cw", by.l2, 200, CARLINI, searches=4, rate=0.05),
        ),
        transfer=(fgsm, mim),
    )


PROTOCOLS: dict[str, Callable[[int], Protocol]] = {p.__name__: p for p in (quick, standard, full)}
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
