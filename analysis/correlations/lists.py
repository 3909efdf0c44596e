"""The lists of networks that correlations are taken over."""

import pandas as pd

from analysis.study import Group, Study, design_units


def lists_of(study: Study) -> tuple[Group, ...]:
    """The supernets of a study; of a table of counts, its networks by origin, family, technique.

    Trainings of one architecture are one design unit of such a table.
    """
    if not study.counted:
        return study.groups
    made = []
    names = ["origin", "family", "technique"]
    for key, part in study.networks.groupby(names, sort=True):
        label = " ".join(str(name) for name in dict.fromkeys(key) if name)
        text = f"list of {len(part):,} networks ({label}) and the images they were judged on"
        units = design_units(pd.Series(part["pair"]).where(part["pair"] != "", part["id"]))
        made.append(Group(label, text, part.index.to_numpy(dtype="intp"), units))
    return tuple(made)
