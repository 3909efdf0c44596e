"""Reasons to distrust a robust accuracy, and how steady answers are along sequences.

Alarms are shares of the images attacked; docs/results.md says what each means. They stand beside
the numbers and correct none of them.
"""

import numpy as np
import pandas as pd

from analysis.study import Study

RAISED = 0.05
"""Share of the attacked images above which an alarm counts as raised (ours)."""

ALARMS = {
    "zero_gradient": "no input gradient to start from: the attack was blind",
    "flat_loss": "the loss did not rise in all steps, and the image held",
    "not_finite": "the network answered with NaN or infinity",
    "robust_to_huge": "images hold out against a budget of half the range",
    "random": "the same image was answered differently twice",
    "black_box_wins": "a black box fools images that the white boxes do not",
    "transfer_wins": "images made on another network fool where the white boxes do not",
}


def alarms_table(study: Study) -> pd.DataFrame:
    """One row per alarm and condition that it applies to.

    Columns: alarm, meaning, condition, networks (to which it applies), raised (how many of them are
    above `RAISED`), median and max over them of the share of attacked images.
    """
    rows = []
    for alarm, values in sorted(study.alarms.items()):
        for m, condition in enumerate(study.conditions["name"]):
            known = values[np.isfinite(values[:, m]), m]
            if len(known):
                raised, median = int((known > RAISED).sum()), float(np.median(known))
                meaning = ALARMS.get(alarm, "")
                row = (alarm, meaning, condition, len(known), raised, median, float(known.max()))
                rows.append(row)
    names = ["alarm", "meaning", "condition", "networks", "raised", "median", "max"]
    return pd.DataFrame(rows, columns=names)


def alarm_sentence(study: Study) -> str:
    """What the alarms say in one sentence, "" when none was recorded."""
    table = alarms_table(study)
    if table.empty:
        return ""
    raised = table[table["raised"] > 0]
    if raised.empty:
        return (
            f"No alarm about an attack is raised: none holds for more than {RAISED:.0%} of a "
            "network's attacked images."
        )
    worst = raised.sort_values("raised", ascending=False, kind="stable").drop_duplicates("alarm")
    said = [
        f"{row['alarm']} ({row['meaning']}) in {row['raised']:,} of {row['networks']:,} networks "
        f"under {row['condition']}"
        for row in worst.to_dict("records")
    ]
    return (
        f"Alarms about attacks (more than {RAISED:.0%} of a network's attacked images; the "
        f"condition that raises each most often): {'; '.join(said)}."
    )


def sequences_table(study: Study) -> pd.DataFrame:
    """One row per perturbation sequence, and one for their mean (mFR without a reference network).

    Columns: set, sequence, against (which frame a frame is compared with), frames, networks, and
    median, min and max over networks of the flip probability, in [0, 1].
    """
    rows = []
    for flips in study.flips:
        record, values = flips.record, flips.probability.value
        against = [*record.references, ""]
        frames = [*record.frames, sum(record.frames)]
        for q, name in enumerate([*record.sequences, "mean"]):
            column = values[:, q] if q < values.shape[1] else flips.mean.value
            known = column[np.isfinite(column)]
            if len(known):
                spread = (float(np.median(known)), float(known.min()), float(known.max()))
                rows.append((record.name, name, against[q], frames[q], len(known), *spread))
    names = ["set", "sequence", "against", "frames", "networks", "median", "min", "max"]
    return pd.DataFrame(rows, columns=names)
