"""Networks of a space that nobody has evaluated: drawn, predicted, and compared when measured."""

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.genes import Genes, read_genes
from analysis.prediction.fresh import Forecast, forecast
from analysis.prediction.table import FIXED, known
from analysis.prediction.verification import KINDS, verify
from analysis.study import Group, Study, read_study
from nas_space.space import Space
from robustscope.settings import LARGEST_SEED
from sampling.design import Draw, draw, find_design
from sampling.design.entries import to_json
from sampling.store import Results, open_results
from sampling.store.atomic import replacing
from sampling.store.guard import check_file

CSV, LIST, VERIFIED = "predictions.csv", "verify.json", "verification.csv"
LABELS = {"cube": "cubes", "pair": "pairs"}
"""First word of a network's design to the design that draws such, where they differ."""


@dataclass(frozen=True)
class Order:
    """What is to be predicted.

    Attributes:
        results: The results file to learn from.
        space: Supernet of which networks are predicted, "" for the only one.
        networks: How many are drawn.
        best: Most of the front that are to be evaluated.
        random: Networks drawn at random that are to be evaluated.
        seed: Of the draws.
    """

    results: Path
    space: str
    networks: int
    best: int
    random: int
    seed: int


def predict(order: Order, out: Path) -> str:
    """Draw and predict networks; write predictions.csv and verify.json to `out`.

    Raises:
        ValueError: Bad input, named; nothing was written.
        OSError: The folder cannot be written.
    """
    _check(order)
    study, classes = _read(order.results)
    group, genes = _subject(study, order.space)
    examples = known(study, group)
    seen = {a.id for a in genes.architectures}
    design = usual_design(study.networks["design"].iloc[group.rows].tolist())
    fresh = unseen(genes.space, design, order, seen)
    made = forecast(examples, genes.space, [d.architecture for d in fresh], classes)
    table = forecast_table(made, to_evaluate(made, order), group)
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / CSV) as part:
        table.to_csv(part, index=False, float_format="%.10g", lineterminator="\n")
    kept = table["evaluate"].tolist()
    listed = [replace(d, design=f"predicted:{k}") for d, k in zip(fresh, kept, strict=True) if k]
    with replacing(out / LIST) as part:
        part.write_text(to_json(listed), encoding="utf-8")
    return describe(made, table, group, design, out)


def _check(order: Order) -> None:
    for name, least, most in (
        ("networks", 1, 100_000),
        ("best", 0, 100_000),
        ("random", 0, 100_000),
        ("seed", 0, LARGEST_SEED),
    ):
        value = getattr(order, name)
        if not least <= value <= most:
            raise ValueError(
                f"predict.{name} must be {least} to {most}; got {value}. Change --{name}."
            )
    if order.best + order.random < 1:
        raise ValueError(
            "predict.best must leave something to evaluate; got 0, and 0 random. Change --best."
        )


def _read(path: Path) -> tuple[Study, int]:
    """The study of a results file, and the number of classes of its data."""
    check_file(path)
    with open_results(path) as results:
        return read_study(results), len(results.attributes["classes"])


def _subject(study: Study, space: str) -> tuple[Group, Genes]:
    """The supernet asked for and the genes of its networks."""
    labels = [g.label for g in study.groups]
    found = [g for g in study.groups if space in ("", g.label)]
    if len(found) != 1:
        raise ValueError(
            f"predict.space must be one of {', '.join(labels) or 'no supernet'} of the file; got "
            f"{space or 'none'}. Change --space, or the file where it has no supernet."
        )
    genes = read_genes(study, found[0])
    if isinstance(genes, str):
        raise ValueError(f"predict.results must hold networks of a known space; got {genes}.")
    return found[0], genes


def usual_design(labels: Sequence[str]) -> str:
    """Name of the design that draws networks as those with these labels were drawn.

    Raises:
        ValueError: They were not drawn by one design.
    """
    words = {LABELS.get(w, w) for w in (x.partition(":")[0] for x in labels)} - set(FIXED)
    if words == {"cubes", "genes"}:
        return "mixture"
    if len(words) != 1 or words & {"listed", "predicted", "neighbours"}:
        raise ValueError(
            "predict.results must hold networks drawn by one design that can be repeated; got "
            f"{', '.join(sorted(words)) or 'none'}. Use a run without --architectures."
        )
    return find_design(words.pop()).name


def unseen(space: Space, design: str, order: Order, seen: set[str]) -> list[Draw]:
    """Networks that were not evaluated: one random member of every design unit that is drawn.

    Raises:
        ValueError: The space does not have so many.
    """
    method, rng = find_design(design), np.random.default_rng([order.seed, 1])
    count = max(method.least, order.networks)
    while True:
        drawn = draw(space, min(count, space.cardinality), order.seed, method)
        shuffled = [drawn[i] for i in rng.permutation(len(drawn))]
        members = {d.unit: d for d in shuffled if d.design not in FIXED}
        fresh = [d for _, d in sorted(members.items()) if d.architecture.id not in seen]
        if len(fresh) >= order.networks:
            keep = np.sort(rng.permutation(len(fresh))[: order.networks])
            return [fresh[i] for i in keep]
        if count >= space.cardinality:
            raise ValueError(
                f"predict.networks must be at most {len(fresh)} of {space.name} by design "
                f"{design}; got {order.networks}. Change --networks."
            )
        count *= 2


def to_evaluate(made: Forecast, order: Order) -> list[str]:
    """Why each network is to be evaluated: "random" (before all else), "front", or "" (it is not).

    Of the front those with the highest mean prediction come first. The random ones are the first
    in the list, which has no order; a network of the front among them counts as random.
    """
    n = len(made.macs)
    said = ["random" if i < order.random else "" for i in range(n)]
    ranked = np.argsort(-made.value.mean(1), kind="stable")
    front = [int(i) for i in ranked if made.front[i] and not said[i]]
    for i in front[: order.best]:
        said[i] = "front"
    return said


def forecast_table(made: Forecast, evaluate: Sequence[str], group: Group) -> pd.DataFrame:
    """One row per network: what it is, costs, and every prediction with its limits, in percent."""
    columns: dict[str, object] = {
        "id": [a.id for a in made.architectures],
        "supernet": group.label,
        "macs": made.macs,
    }
    for k, name in enumerate(made.outcomes):
        columns |= {name: made.value[:, k]}
        columns |= {f"{name}_low": made.low[:, k], f"{name}_high": made.high[:, k]}
    columns |= {"front": made.front.astype(int), "evaluate": list(evaluate)}
    columns["architecture"] = [a.to_json() for a in made.architectures]
    return pd.DataFrame(columns)


def describe(made: Forecast, table: pd.DataFrame, group: Group, design: str, out: Path) -> str:
    """What was predicted, how surely, on what condition, and what to do next."""
    lines = [f"Wrote {out / CSV}: {len(table):,} unseen networks, drawn by design {design}."]
    reach: Mapping[str, float] = dict(zip(made.outcomes, made.half_width, strict=True))
    if made.reason:
        lines.append(f"No intervals: {made.reason}.")
    else:
        widths = ", ".join(f"{name} {width:.1f}" for name, width in reach.items())
        lines.append(
            f"95 % intervals, points to either side ({made.units} calibration units): {widths}."
        )
        lines.append(
            "They hold for the measured accuracy of a network drawn at random by this design, with "
            f"the {group.conditional_on}, on these images; networks chosen for their prediction "
            "tend to do worse than predicted."
        )
    counts = table["evaluate"].value_counts()
    kinds = ", ".join(f"{counts.get(kind, 0)} {kind}" for kind in KINDS)
    lines.append(f"{int(table['front'].sum())} networks are on the predicted front.")
    lines.append(
        f"Wrote {out / LIST}: {kinds}. Copy supernets/ of the run to a new folder, evaluate with "
        "robustscope run --architectures and the run's other options there, then robustscope "
        "predict --verify its results.h5."
    )
    return "\n".join(lines)


def check_verified(order: Order, other: Path, out: Path) -> str:
    """Compare the predictions in `out` with what another results file measured.

    Raises:
        ValueError: There are no predictions, or the file has other weights, noise or images.
    """
    path = out / CSV
    try:
        table = pd.read_csv(path, keep_default_na=True, dtype={"id": str})
        table["evaluate"] = table["evaluate"].fillna("")
        (label,) = set(table["supernet"])
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"predict.out must hold {CSV}; got {path} ({error}). Predict first, without --verify."
        ) from error
    check_file(order.results)
    check_file(other)
    with open_results(order.results) as one, open_results(other) as measured:
        _same(one, measured)
        study = read_study(measured)
    made = verify(table, study, str(label))
    with replacing(out / VERIFIED) as part:
        made.to_csv(part, index=False, float_format="%.8g", lineterminator="\n")
    return "\n".join([*(_line(row) for row in made.to_dict("records")), f"Wrote {out / VERIFIED}."])


def _same(one: Results, other: Results) -> None:
    """Refuse a file whose numbers mean something else."""
    for name, a, b in (
        ("protocol", one.attributes["protocol_hash"], other.attributes["protocol_hash"]),
        ("images", one.image_ids, other.image_ids),
        ("supernet weights", *_weights(one, other)),
    ):
        if a != b:
            raise ValueError(
                f"predict.verify must be of the same {name} as the file the predictions come from; "
                f"got {other.path}, which differs. Evaluate with the run's options and supernets."
            )


def _weights(one: Results, other: Results) -> tuple[list[object], list[object]]:
    """Hashes of the weights of the supernets that both files have, in either."""
    both = sorted(one.supernets.keys() & other.supernets.keys())
    first, second = (
        [json.loads(results.supernets[name]).get("weights") for name in both]
        for results in (one, other)
    )
    return first, second


def _line(row: Mapping[Hashable, Any]) -> str:
    start = f"{row['outcome']}, {row['networks']} ({row['n']}): "
    if not row["n"]:
        return f"{start}{row['reason']}"
    within = (
        f"{100 * row['within']:.0f} % [{100 * row['within_low']:.0f}, "
        f"{100 * row['within_high']:.0f}] within the interval"
        if not row["reason"]
        else str(row["reason"])
    )
    rank = f", Spearman {row['spearman']:.2f}" if row["spearman"] == row["spearman"] else ""
    return f"{start}{within}, mean error {row['error']:.2f} points, bias {row['bias']:+.2f}{rank}"
