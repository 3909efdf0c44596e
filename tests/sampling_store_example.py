"""A small campaign with every kind of row, for the tests of the store."""

import json
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sampling.store import (
    NO_PREDICTION,
    Campaign,
    Condition,
    Network,
    Outcome,
    Row,
    SequenceOutcome,
    SequenceRecord,
    SetOutcome,
    SetRecord,
)

CONDITIONS = (
    Condition("clean", "clean", 0, "{}", "clean"),
    Condition("pgd_linf_e1", "adversarial", 1, '{"eps": 0.00784}', "clean"),
    Condition("system_reference", "system", 0, '{"decoder": "pillow"}', "system_reference"),
    Condition("opencv_größe", "system", 0, '{"resizer": "<b>&\\"area\\""}', "system_reference"),
)
CAMPAIGN = Campaign(
    protocol='{"name": "quick"}',
    protocol_hash="ab" * 32,
    dataset="digits",
    dataset_sha256="cd" * 32,
    device="cpu",
    conditions=CONDITIONS,
    image_set="test",
    image_ids=tuple(f"test/{index}" for index in range(21)),
    labels=np.arange(21) % 3,
    classes=("nul", "één", "<zwei>"),
    spaces={"mobilenet": '{"genes": {}}'},
    supernets={"mobilenet": '{"epochs": 3}'},
    factor_units={"depth": "blocks", "stem_kernel": "px", "macs": "multiply-adds"},
    notes=("Raw pixels were encoded as JPEG at quality 95.",),
)


def make_network(index: int) -> Network:
    """A network with markup, line breaks and non-ASCII text in its architecture."""
    factors = {"depth": 7.0 + index / 3, "macs": 1e6 + index, "stem_kernel": float("nan")}
    genes = json.dumps({"index": index, "text": '<b>"é"\n'}, ensure_ascii=False)
    return Network(
        *(f"{index:012x}", genes, "mobilenet", "supernet", "mobilenet", "standard", index),
        *("pair:kernel", f"u{index // 2}", factors),
    )


def make_outcome(index: int, conditions: int = 4, images: int = 21) -> Outcome:
    """About 80 % of the images tried, 70 % of these right; a NaN among the alarms."""
    rng = np.random.default_rng(index)
    evaluated = rng.random((conditions, images)) < 0.8
    correct = evaluated & (rng.random((conditions, images)) < 0.7)
    alarms = {"zero_gradient": np.array([np.nan, *rng.normal(size=conditions - 1)])}
    return Outcome(f"{index:064x}", evaluated, correct, alarms, 0.1 * index)


def make_rows() -> list[Row]:
    """Four networks done, one failed, one pending."""
    rows = [Row(make_network(index), make_outcome(index), "done", "") for index in range(4)]
    rows.append(Row(make_network(4), None, "failed", "diverged: «NaN»\nin layer 3"))
    rows.append(Row(make_network(5), None, "pending", ""))
    return rows


ODD = SetRecord("odd", tuple(f"odd/{i}" for i in range(9)), np.array([0, 2] * 4 + [-1]), (0, 2))
MOVES = SequenceRecord(
    name="test_p",
    sequences=("gaussian_noise", "tilt"),
    references=("first", "previous"),
    frames=(5, 3),
    image_ids=("test/3", "test/4", "test/5"),
    labels=np.arange(3),
)
FULL = replace(CAMPAIGN, sets=(ODD,), sequence_sets=(MOVES,))


def make_full_outcome(index: int) -> Outcome:
    """The same bits as `make_outcome`, and everything else that an outcome can hold."""
    rng = np.random.default_rng(100 + index)
    bits = make_outcome(index)
    odd = rng.random((4, 9)) < 0.6
    odd[1:3] = False  # not asked of this set
    guess = rng.choice([0, 2], (4, 9)).astype(np.uint16)
    other = SetOutcome(odd, odd & (guess == ODD.labels), np.where(odd, guess, NO_PREDICTION))
    said = rng.integers(0, 3, (2, 5, 3)).astype(np.uint16)
    said[1, 3:] = NO_PREDICTION
    said[0, :, 1] = NO_PREDICTION  # an image that was not evaluated
    distance = np.where(bits.evaluated, rng.random((4, 21), np.float32), np.nan)
    distance[[0, 2, 3]] = np.nan
    distance[1, np.flatnonzero(bits.evaluated[1])[0]] = np.inf
    tried = np.where(bits.evaluated, rng.random((4, 21)), np.nan)
    rank = np.where(said[:, 0] == NO_PREDICTION, np.nan, rng.random((2, 3)))
    tried[1] = np.nan
    return replace(
        bits,
        prediction=_predictions(bits),
        confidence=tried.astype(np.float16),
        distance=distance.astype(np.float32),
        others={"odd": other},
        sequences={"test_p": SequenceOutcome(said, rank.astype(np.float32))},
    )


def _predictions(bits: Outcome) -> NDArray[np.uint16]:
    """The label where right, the class after it where wrong; none under the attack."""
    labels = CAMPAIGN.labels
    made = np.where(bits.correct, labels, (labels + 1) % 3)
    made[~bits.evaluated] = NO_PREDICTION
    made[1] = NO_PREDICTION
    return made.astype(np.uint16)


def make_full_rows() -> list[Row]:
    """As `make_rows`, three of the four outcomes with everything."""
    rows = make_rows()
    return [
        row._replace(outcome=make_full_outcome(index)) if index < 3 else row
        for index, row in enumerate(rows)
    ]
