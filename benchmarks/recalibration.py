"""How many images BatchNorm must see: accuracy of subnets against the size of the recalibration.

    python -m benchmarks.recalibration runs/digits

Takes the trained supernets of a run of the digits preset. Two minutes on one core. Prints what is
lost against recalibration on every training image, and writes docs/recalibration.png, the numbers
behind it and data/recalibration.csv, a row per network, draw of images and condition.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from scipy import stats

from analysis.figures.drawing import COLOURS, Drawing, Margins, grid, save, style, title
from images.datasets import Dataset, load_dataset, stratified
from nas_space.architecture import Architecture
from noises.presets import quick
from noises.protocol import Protocol
from robustscope.networks import supernet_plans
from robustscope.study import read_run
from sampling.campaign import SupernetPlan
from sampling.conditions import Cache, Prepared, prepare
from sampling.evaluation import Evaluator
from supernet.calibration import fold, recalibrate, weights_hash
from supernet.network import spawn

COUNTS = (16, 32, 64, 128, 256, 512, 1024, 1400)
"""Recalibration images; the last is every training image of the digits."""

DRAWS = 3
"""Of the images, for every count but the last."""

SUBNETS = 6
"""Per family: the largest, the smallest and random ones."""

CONDITIONS = {"clean": "clean", "gaussian_noise_s3": "natural", "pgd_linf_e1": "adversarial"}
"""Condition to its family."""

Rows = Iterator[dict[str, object]]


def protocol_of_digits() -> Protocol:
    """The quick protocol with one corruption and one attack."""
    base = quick(16)
    attacks = tuple(a for a in base.attacks if a.name == "pgd_linf")
    return replace(base, natural=("gaussian_noise",), severities=(3,), system=(), attacks=attacks)


def measure(plans: list[SupernetPlan], dataset: Dataset, prepared: Prepared) -> Rows:
    """A row per network, number of images, draw and condition."""
    names = [c.name for c in prepared.conditions]
    for count in COUNTS:
        for draw in range(DRAWS if count < len(dataset.train) else 1):
            chosen = dataset.train.pixels[stratified(dataset.train.labels, count, draw)]
            evaluator = Evaluator(replace(prepared, recalibration=chosen), "cpu")
            for plan in plans:
                supernet = plan.load()
                for architecture in subnets(plan):
                    network = recalibrate(spawn(supernet, architecture), evaluator.recalibration)
                    weights = weights_hash(network)
                    found = evaluator.evaluate(fold(network), weights)
                    share = found.correct.sum(1) / found.evaluated.sum(1)
                    for condition in CONDITIONS:
                        yield {
                            "family": plan.name,
                            "network": architecture.id,
                            "images": count,
                            "draw": draw,
                            "condition": condition,
                            "accuracy": share[names.index(condition)],
                        }


def subnets(plan: SupernetPlan) -> list[Architecture]:
    """The extremes of a space and random networks."""
    space = plan.build().space
    rng = np.random.default_rng(0)
    extremes = [space.extreme(largest=True), space.extreme(largest=False)]
    return extremes + [space.sample(rng) for _ in range(SUBNETS - len(extremes))]


def losses(rows: pd.DataFrame) -> pd.DataFrame:
    """Points gained or lost against recalibration on all images, mean over networks with interval.

    Per network the mean over draws; the interval is Student's t over networks. `draw_sd` is the
    standard deviation between draws of images, within networks.
    """
    keys = ["family", "condition", "images", "network"]
    means = rows.groupby(keys)["accuracy"].mean().unstack("images") * 100
    apart = means.sub(means[COUNTS[-1]], axis=0).stack()
    spread = (rows.groupby(keys)["accuracy"].var() * 1e4).groupby(keys[:3]).mean() ** 0.5
    table = apart.groupby(keys[:3]).agg(["mean", "sem", "count"])
    reach = stats.t.ppf(0.975, table["count"] - 1) * table["sem"]
    mean = table["mean"]
    numbers = {"points": mean, "low": mean - reach, "high": mean + reach, "draw_sd": spread}
    return pd.DataFrame(numbers).reset_index()


def draw_curve(table: pd.DataFrame, default: int) -> Drawing:
    """Points against all images, by number of images; the default is marked."""
    families = list(dict.fromkeys(table["family"]))
    with style():
        margins = Margins(left=0.8, bottom=0.55, top=0.85)
        figure, (axes,) = grid((1, len(families)), (3.4, 2.4), margins)
        for ax, family in zip(axes, families, strict=True):
            for condition, part in table[table["family"] == family].groupby("condition"):
                error = np.abs(part[["low", "high"]].to_numpy().T - part["points"].to_numpy())
                colour = COLOURS[CONDITIONS[str(condition)]]
                ax.errorbar(
                    part["images"], part["points"], error, marker="o", color=colour, label=condition
                )
            ax.axvline(default, color="#888888", linewidth=0.8, linestyle=":")
            ax.set(xscale="log", title=family, xlabel="recalibration images")
        axes[0].set_ylabel("points against all images")
        axes[-1].legend(fontsize=7, loc="lower right")
        title(figure, "How many images BatchNorm must see", f"{SUBNETS} subnets of each family")
    caption = (
        f"Accuracy against recalibration on all {COUNTS[-1]} training images, mean over networks "
        f"and draws with 95 % intervals over networks; dotted: the default, {default}."
    )
    return Drawing("recalibration", caption, figure, table)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run", type=Path, help="folder of a run of the digits preset")
    run = parser.parse_args().run
    torch.set_num_threads(1)
    dataset, protocol = load_dataset("digits", 16), protocol_of_digits()
    plans = supernet_plans(read_run(run), run, len(dataset.classes), ())
    with TemporaryDirectory() as folder:
        prepared = prepare(dataset, protocol, len(dataset.test), Cache(Path(folder)))
        rows = pd.DataFrame(measure(plans, dataset, prepared))
    table = losses(rows)
    print(table.round(2).to_string(index=False))
    root = Path(__file__).parent.parent
    rows.to_csv(root / "data" / "recalibration.csv", index=False, float_format="%.6f")
    save(draw_curve(table, protocol.recalibration), root / "docs")


if __name__ == "__main__":
    main()
