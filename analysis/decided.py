"""What a sequential evaluation decided: intervals that hold whenever and why ever it stopped.

All other statistics compare networks on the images that every one of them saw, a number fixed in
advance, so stopping does not bend them.
"""

import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.study import Study
from metrics import Bits, accuracy_sequence, best_networks
from metrics.until import Until, attack_order, read_note


def decided_table(study: Study) -> pd.DataFrame:
    """One row per network: images attacked, robust accuracy with its interval, what is known.

    `value`, `low` and `high` are shares of all images that could have been attacked; the intervals
    hold at the level of the goal at the end of any round (`metrics.accuracy_sequence`). `best` says
    "in", "out" or "open"; "" where no best networks were asked for. Empty where all images were
    attacked anyway.
    """
    found = read_note(str(study.attributes.get("notes", "")))
    if found is None or study.counted:
        return pd.DataFrame(columns=["id", "images", "value", "low", "high", "best"])
    until, images = found
    rounds, level = until.rounds(images), until.goal.level
    right, tried = _in_order(study, until)
    accuracy = accuracy_sequence(tried, right.sum(1), rounds, level)
    best = np.full(len(tried), "", dtype=object)
    if until.goal.best is not None:
        inside, outside = best_networks(tried, right, rounds, until.goal.best, level)
        best[:] = np.select([inside, outside], ["in", "out"], "open")
    return pd.DataFrame(
        {
            "id": study.networks["id"],
            "images": tried,
            "value": accuracy.value,
            "low": accuracy.low,
            "high": accuracy.high,
            "best": best,
        }
    )


def decided_sentences(study: Study) -> list[str]:
    """What was decided and what it saved, in words."""
    table, found = decided_table(study), read_note(str(study.attributes.get("notes", "")))
    if table.empty or found is None:
        return []
    until, images = found
    saved = 1 - table["images"].sum() / (images * len(table))
    said = (
        f"Attacks stopped when enough was known: {table['images'].min():,} to "
        f"{table['images'].max():,} of {images:,} images for each network, {saved:.0%} fewer "
        f"attacks than on all; intervals at {until.goal.level:.0%} that hold at any stop are in "
        "decided.csv. Other statistics use the images that all networks saw."
    )
    if until.goal.best is None:
        return [said]
    counts = table["best"].value_counts()
    known = ", ".join(f"{counts.get(word, 0):,} {word}" for word in ("in", "out", "open"))
    return [said, f"Among the best {until.goal.best:,} under attack: {known}."]


def _in_order(study: Study, until: Until) -> tuple[Bits, NDArray[np.int64]]:
    """(N, J) right answers in the order of attack and (N,) images tried, of those ever attacked."""
    conditions = study.conditions
    attacks = (conditions["family"] == "adversarial").to_numpy()
    chosen = attacks & ((conditions["name"] == until.on).to_numpy() | (not until.on))
    columns = np.flatnonzero(chosen)
    seen: Bits = np.all(study.evaluated[:, columns], 1)
    ever = np.flatnonzero(seen.any(0))
    seed = json.loads(str(study.attributes["protocol"]))["seed"]
    order = ever[attack_order([study.image_ids[i] for i in ever], seed)]
    right: Bits = np.all(study.correct[:, columns], 1)
    return right[:, order] & seen[:, order], seen[:, order].sum(1)
