"""Runs several attacks at several budgets on one network, and says how far to trust the result."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from noises.adversarial.checks import Attack
from noises.adversarial.draws import image_keys
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.plan import Plan
from noises.adversarial.table import ATTACKS
from noises.adversarial.trial import Entry, Trial
from noises.adversarial.victim import Victim

HUGE = GradientAttack("huge", "linf", (0.5,), 20, 0.1, False, "Athalye et al., ICML 2018")
"""At half the range every image can be made grey: who is robust to that hides the gradient."""

HUGE_IMAGES = 32
"""Images that `HUGE` is tried on."""


@dataclass(frozen=True, eq=False)
class Armed:
    """An attack and the keys of the images it is to attack.

    Attributes:
        attack: What is done.
        keys: (B,) int64, one per image, on the images' device.
        memo: Random starts, kept from network to network.
    """

    attack: Attack
    keys: Tensor
    memo: dict[int, Tensor] = field(default_factory=dict)


def arm(attack: Attack, ids: Sequence[str], seed: int, device: str = "cpu") -> Armed:
    """The attack on the images of these ids (B,)."""
    return Armed(attack, image_keys(seed, attack.name, ids).to(device))


@dataclass(frozen=True)
class AttackOutcome:
    """What one attack did to B images at E budgets.

    Attributes:
        fooled: (E, B) bool; True also where the clean image is misclassified.
        alarms: Name to (E,), shares of the attacked images, NaN when none was attacked:
            "zero_gradient": no input gradient at the start, the attack was blind;
            "flat_loss": not fooled, and the loss did not rise in all steps (of ascents);
            "not_finite": the network answered an iterate with NaN or infinity (counts as fooled);
            "robust_to_huge": of 32 images, those robust to a PGD of half the range;
            "random": the network answered the same image differently twice;
            "black_box_wins": fooled by a black box, not by the white boxes of norm and budget.
        distance: (B,) float32 least norm found by a minimum-norm attack, 0 where the clean image is
            misclassified, infinity where nothing was found; None for other attacks.
    """

    fooled: NDArray[np.bool_]
    alarms: dict[str, NDArray[np.float64]]
    distance: NDArray[np.float32] | None = None


def run_attacks(
    network: nn.Module, images: Tensor, labels: Tensor, attacks: Sequence[Armed], plan: Plan
) -> dict[str, AttackOutcome]:
    """Attack every image with every attack at every budget.

    Args:
        network: (B, 3, s, s) in [0, 1] to logits (B, K), in eval mode, parameters frozen.
        images: (B, 3, s, s) float32 in [0, 1].
        labels: (B,) int64.
        attacks: With the keys of these images.
        plan: Batches and switches.

    Returns:
        Attack name to outcome. Images that are misclassified clean are fooled and not attacked.

    Raises:
        ValueError: See `noises.adversarial.victim`; or the keys are not those of the images.
    """
    check_keys(images, attacks)
    budgets = [a.attack.budgets for a in attacks]
    trial = Trial(Victim(network, plan.batch), images, labels, [*budgets, HUGE.budgets], plan)
    attacked = torch.from_numpy(np.flatnonzero(trial.right))
    entries, row = [], 0
    for armed in attacks:
        rows = range(row, row := row + len(armed.attack.budgets))
        entries.append(Entry(rows, armed.attack.budgets, armed.keys, attacked, armed.memo))
    few = attacked[: HUGE_IMAGES if plan.probes else 0]
    hidden = Entry(range(row, row + 1), HUGE.budgets, attacks[0].keys, few)
    pairs = [*((a.attack, e) for a, e in zip(attacks, entries, strict=True)), (HUGE, hidden)]
    for kind, (_, run) in ATTACKS.items():
        chosen = [(attack, entry) for attack, entry in pairs if attack.kind == kind]
        if chosen:
            run(trial, chosen)
    return _collect(trial, attacks, entries, few.numpy())


def check_keys(images: Tensor, attacks: Sequence[Armed]) -> None:
    """Refuse keys that do not belong to the images: draws would be paired wrongly.

    Raises:
        ValueError: No attack, two of one name, or keys of another number of images.
    """
    if not attacks:
        raise ValueError("Attack.attacks must be at least one; got none. Name one.")
    names = [armed.attack.name for armed in attacks]
    for armed in attacks:
        if names.count(armed.attack.name) > 1:
            raise ValueError(
                f"Attack.attacks must have distinct names; got {armed.attack.name!r} twice. "
                "Rename one."
            )
        if armed.keys.shape != images.shape[:1]:
            raise ValueError(
                f"Attack.keys must be one per image ({len(images)}); got "
                f"{tuple(armed.keys.shape)} for {armed.attack.name}. Make them with arm."
            )


def _collect(
    trial: Trial, attacks: Sequence[Armed], entries: Sequence[Entry], few: NDArray[np.int64]
) -> dict[str, AttackOutcome]:
    """Outcomes off the board."""
    black_box_wins = _black_box_wins(trial, attacks, entries)
    trial.flat &= ~trial.fooled
    robust_to_huge = 1.0 - trial.fooled[-1, few].mean() if len(few) else np.nan
    random = _random(trial)
    result = {}
    for armed, entry in zip(attacks, entries, strict=True):
        rows = slice(entry.rows.start, entry.rows.stop)
        kind, black_box = armed.attack.kind, armed.attack.black_box
        nothing = np.full(len(entry.rows), np.nan)
        alarms = {
            "zero_gradient": nothing if black_box else _share(trial, trial.blind[rows]),
            "flat_loss": nothing if kind not in ASCENTS else _share(trial, trial.flat[rows]),
            "not_finite": _share(trial, trial.broken[rows]),
            "black_box_wins": black_box_wins[armed.attack.name],
            "robust_to_huge": np.full(len(entry.rows), robust_to_huge),
            "random": np.full(len(entry.rows), random),
        }
        least = kind in MINIMUM_NORM
        distance = trial.distance[entry.rows.start] if least else None
        result[armed.attack.name] = AttackOutcome(trial.fooled[rows], alarms, distance)
    return result


ASCENTS = ("gradient", "apgd", "autoattack")
"""Kinds that raise one loss from start to end."""

MINIMUM_NORM = ("fab", "ddn", "cw")
"""Kinds whose distance says more than the budgets do."""


def _share(trial: Trial, flags: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(E,) share of the attacked images; NaN when there are none."""
    count = int(trial.right.sum())
    return flags[:, trial.right].sum(1) / count if count else np.full(len(flags), np.nan)


def _random(trial: Trial) -> float:
    """Share of the first batch whose logits differ between two passes."""
    if not trial.plan.probes:
        return np.nan
    again = trial.victim.logits(trial.images[: trial.plan.batch])
    return float((again != trial.clean[: len(again)]).any(1).double().mean())


def _black_box_wins(
    trial: Trial, attacks: Sequence[Armed], entries: Sequence[Entry]
) -> dict[str, NDArray[np.float64]]:
    """Attack to (E,) share of images that a black box fools and no white box does.

    White boxes are those of the same norm and budget; NaN where there is none. In an ensemble, its
    own members count.
    """
    white: dict[tuple[str, float], NDArray[np.bool_]] = {}
    for armed, entry in zip(attacks, entries, strict=True):
        for row, budget in zip(entry.rows, entry.budgets, strict=True):
            place = (armed.attack.norm, budget)
            if not armed.attack.black_box:
                seen = trial.fooled[row] & ~trial.overtaken[row]
                white[place] = white.get(place, np.zeros_like(seen)) | seen
    result = {}
    for armed, entry in zip(attacks, entries, strict=True):
        shares = np.full(len(entry.rows), np.nan)
        for e, (row, budget) in enumerate(zip(entry.rows, entry.budgets, strict=True)):
            seen = white.get((armed.attack.norm, budget))
            ensemble = armed.attack.kind == "autoattack"
            if seen is not None and (armed.attack.black_box or ensemble):
                shares[e] = _share(trial, (trial.fooled[row] & ~seen)[None])[0]
        result[armed.attack.name] = shares
    return result
