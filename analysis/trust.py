"""Reasons to distrust a robust accuracy, and how steady answers are along sequences.

Alarms are shares of the images shown; docs/results.md says what each means. They stand beside the
numbers and correct none of them.
"""

import numpy as np
import pandas as pd

from analysis import flags
from analysis.study import Study
from sampling.store import SMALLER_BATCH

RAISED = flags.RAISED
"""Share of the attacked images above which an alarm counts as raised."""

SHOWN = 6  # names of conditions in a sentence

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
        if alarm == SMALLER_BATCH:
            continue  # of a network, not of a condition, and no share of images
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
    """What the alarms about attacks say in one sentence, "" when none was recorded."""
    table = alarms_table(study)
    families = study.conditions.set_index("name")["family"]
    table = table[table["condition"].map(families) != "inference"]
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


def left_out_sentence(study: Study) -> str:
    """Which conditions were left out because an alarm is raised for them, "" when none was."""
    if not study.dropped:
        return ""
    shown = ", ".join(study.dropped[:SHOWN]) + (", ..." if len(study.dropped) > SHOWN else "")
    return (
        f"{len(study.dropped):,} conditions are left out, because an alarm is raised there for "
        f"some network ({shown}); outcomes are made of the others."
    )


def number_sentences(study: Study) -> list[str]:
    """What else is to be known of the numbers: answers that are none, and memory that ran out."""
    table, said = alarms_table(study), []
    families = study.conditions.set_index("name")["family"]
    inference = table[(table["condition"].map(families) == "inference") & (table["raised"] > 0)]
    if len(inference):
        worst = inference.sort_values("raised", ascending=False, kind="stable").iloc[0]
        said.append(
            f"{worst['raised']:,} of {worst['networks']:,} networks answer more than {RAISED:.0%} "
            f"of the images with NaN or infinity under {worst['condition']}, the most of any "
            "inference noise; such answers count as wrong."
        )
    smaller = study.alarms.get(SMALLER_BATCH, np.full((1, 1), np.nan))
    few = int(np.isfinite(smaller).any(axis=1).sum())
    if few:
        parts = 1.0 / (1.0 - np.nanmax(smaller))
        said.append(
            f"{few:,} of {len(study.networks):,} networks were evaluated in smaller batches than "
            f"the protocol's (1/{parts:.0f} at the least), as memory ran out: their outcomes can "
            "differ from those of the full batches by rounding."
        )
    return said


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
