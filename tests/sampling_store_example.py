"""A small campaign with every kind of row, for the tests of the store."""

import json

import numpy as np

from sampling.store import Campaign, Condition, Network, Outcome, Row

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
