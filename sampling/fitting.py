"""Evaluates a network in smaller batches where the protocol's do not fit the memory.

The batch plan belongs to the protocol, as rounding depends on it. So whatever was computed in
smaller batches says so: an alarm beside every number of that network.
"""

import gc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from sampling.evaluation import Evaluator
from sampling.executors.contract import out_of_memory
from sampling.store import SMALLER_BATCH, Outcome

MOST_PARTS = 16
"""Batches are halved until they are this many times smaller."""


def fitted(evaluator: Evaluator, ask: Callable[[Evaluator], Outcome]) -> Outcome:
    """What `ask` finds, in the protocol's batches or the largest halves of them that fit.

    Raises:
        ValueError: Not even batches `MOST_PARTS` times smaller fit.
    """
    parts, outcome = 1, _tried(evaluator, ask)
    while outcome is None:
        if parts == MOST_PARTS:
            batch = max(1, evaluator.batch // parts)
            raise ValueError(
                f"Evaluator.batch must fit the memory; got too little of it for {batch} images at "
                "once. Use fewer workers, or a machine with more memory."
            )
        parts *= 2
        gc.collect()
        if evaluator.device.startswith("cuda"):
            torch.cuda.empty_cache()
        outcome = _tried(evaluator.smaller(parts), ask)
    if parts == 1:
        return outcome
    shares = np.full(len(outcome.evaluated), 1.0 - 1.0 / parts)
    return replace(outcome, alarms={**outcome.alarms, SMALLER_BATCH: shares})


def _tried(evaluator: Evaluator, ask: Callable[[Evaluator], Outcome]) -> Outcome | None:
    """What is found; None when memory ran out, and then nothing holds what was computed."""
    try:
        return ask(evaluator)
    except Exception as error:
        if not out_of_memory(error):
            raise
        return None
