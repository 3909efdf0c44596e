"""What was claimed or expected of robustness before, and what a results file says to it."""

from analysis.claims.claim import Claim, Evidence, Gap, Part
from analysis.claims.table import CLAIMS
from analysis.claims.verdicts import claim_sentences, judge_claims

__all__ = ["CLAIMS", "Claim", "Evidence", "Gap", "Part", "claim_sentences", "judge_claims"]
