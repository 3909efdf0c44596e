"""The table of claims: what `robustscope analyze` gives a verdict on, in the order it is told."""

from analysis.claims import adversarial_training, factors, kinds_compared, light_weight
from analysis.claims.claim import Claim

CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (
        *adversarial_training.CLAIMS,
        *kinds_compared.CLAIMS,
        *light_weight.CLAIMS,
        *factors.CLAIMS,
    )
}
"""Name to claim."""
