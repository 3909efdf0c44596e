"""Kendall's tau-b between measures and factors, with intervals.

A network's part of tau is known in closed form (its concordant less its discordant others), and so
is the variance over design units, the infinitesimal jackknife of Efron (1982). Drawing images would
take minutes, so what they add is Spearman's, in proportion to what networks do: both are averages
of nearly the same parts. The true tau is that of normal variables with the true Spearman
correlation (Greiner 1909): tau-b itself corrects for ties, which the reliability of ranks does not.
"""

from dataclasses import replace

import numpy as np
from scipy import stats

from analysis.correlations.crossed import Spread
from analysis.correlations.intervals import Related, bounded, kish
from analysis.correlations.observing import fisher
from analysis.correlations.ranks import Dense, concordance
from analysis.correlations.sample import Sample
from analysis.correlations.scales import kendall_from_normal, to_normal
from metrics import Floats


def kendall(sample: Sample, spearman: Related) -> Related:
    """Tau-b of every measure with every factor, with nothing held.

    Args:
        sample: The networks.
        spearman: Of the same measures and factors.
    """
    tau, variance = taus(sample)
    n, sizes = len(sample.units), (kish(sample.units), sample.judged.groups)
    of_z = variance[None] / np.maximum(1 - tau[None] ** 2, n**-2.0) ** 2
    other, true = spearman.observed, spearman.true
    rest = of_z * (other.se_images[:1] / np.maximum(other.se_networks[:1], 1e-12)) ** 2
    z, none, ones = fisher(tau[None], n), np.zeros_like(of_z), np.ones_like(of_z)
    observed = bounded(z, Spread(of_z, rest, none), sizes, ones)
    true = replace(
        true,
        **{
            side: kendall_from_normal(to_normal(getattr(true, side)))[:1]
            for side in ("estimate", "low", "high")
        },
    )
    return Related(observed, true, spearman.attenuation[:1], spearman.left[:1])


def taus(sample: Sample) -> tuple[Floats, Floats]:
    """(O, F) tau-b of measures with factors, and its variance over draws of design units."""
    value = np.round(sample.judged.value, 10)
    x, y = _dense(sample.factors), _dense(value)
    order, untied = np.argsort(y, axis=1), [_untied(rows) for rows in (x, y)]
    tau, variance = np.empty((len(y), len(x))), np.empty((len(y), len(x)))
    units = int(sample.units.max()) + 1
    for f, o in np.ndindex(len(x), len(y)):
        net = concordance(x[f], y[o], order[o], int(x[f].max()) + 1)
        dx, dy = untied[0][f], untied[1][o]
        whole = np.sqrt(dx.sum() * dy.sum())
        tau[o, f] = net.sum() / whole
        part = 2 * net / whole - tau[o, f] * (dx / dx.sum() + dy / dy.sum())
        variance[o, f] = (np.bincount(sample.units, part) ** 2).sum() * units / (units - 1)
    return tau, variance


def _dense(rows: Floats) -> Dense:
    """(R, n) dense ranks of every row from 0."""
    made: Dense = stats.rankdata(rows, "dense", axis=1).astype(np.int64) - 1
    return made


def _untied(rows: Dense) -> Floats:
    """(R, n) others with another value."""
    counts = [row.size - np.bincount(row)[row] for row in rows]
    return np.array(counts, dtype=float).reshape(rows.shape)
