"""Transfer attacks: images made on one network and shown to another.

Liu et al., "Delving into transferable adversarial examples and black-box attacks", ICLR 2017. The
images belong to the source; every network is shown the same ones.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from noises.adversarial.engine import Armed, check_keys
from noises.adversarial.gradient import GradientAttack, run_gradient
from noises.adversarial.plan import Plan
from noises.adversarial.trial import Entry, Trial
from noises.adversarial.victim import Victim


def last_iterates(
    network: nn.Module, images: Tensor, labels: Tensor, armed: Armed, plan: Plan
) -> Tensor:
    """(E, B, 3, s, s) last iterate of every image at every budget, misclassified images too.

    Args:
        network: The source: (B, 3, s, s) in [0, 1] to logits (B, K), in eval mode, frozen.
        images: (B, 3, s, s) float32 in [0, 1].
        labels: (B,) int64.
        armed: A gradient attack and the keys of these images.
        plan: Gives the batch; every lane runs to its end.

    Raises:
        ValueError: The attack is of another kind or has restarts; see `noises.adversarial.victim`.
    """
    attack = armed.attack
    if not isinstance(attack, GradientAttack) or attack.restarts > 1:
        raise ValueError(
            "Transfer.attack must be a gradient attack without restarts; got "
            f"{attack.name} ({attack.kind}). Name another."
        )
    check_keys(images, [armed])
    whole = replace(plan, nested=False, leave=False, last=True)
    trial = Trial(Victim(network, plan.batch), images, labels, [attack.budgets], whole)
    trial.fooled[:] = False  # clean mistakes of the source are attacked, too
    trial.final = images.new_empty(len(attack.budgets), *images.shape)
    rows = range(len(attack.budgets))
    entry = Entry(rows, attack.budgets, armed.keys, torch.arange(len(images)), armed.memo)
    run_gradient(trial, [(attack, entry)])
    return trial.final
