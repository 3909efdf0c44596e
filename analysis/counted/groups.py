"""Networks of a counted file by the weights that statements about them depend on."""

import numpy as np
import pandas as pd

from analysis.study import Group, group_networks


def counted_groups(networks: pd.DataFrame, dataset: str) -> tuple[Group, ...]:
    """The supernets, and last all networks that have weights of their own.

    Networks of one design unit, or of one id (an architecture trained from several seeds), are one
    unit: they are no independent witnesses.

    Args:
        networks: N rows with columns id, origin, supernet, technique, seed, pair.
        dataset: Name of the data set; the label of networks of no supernet.
    """
    groups = group_networks(networks)
    grouped = np.concatenate([np.zeros(0, np.intp), *(group.rows for group in groups)])
    own = np.setdiff1d(np.arange(len(networks)), grouped)
    if not len(own):
        return groups
    part = networks.iloc[own]
    key = np.where(part["pair"] != "", "pair " + part["pair"], "id " + part["id"])
    units = np.unique(key.astype(str), return_inverse=True)[1].astype(np.intp)
    label = dataset if dataset not in {group.label for group in groups} else f"{dataset}, others"
    text = "networks of this table, each with the weights it was trained to"
    return (*groups, Group(label, text, own.astype(np.intp), units))
