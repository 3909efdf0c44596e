"""NAS-RobBench-201 (Wu et al., ICLR 2024): adversarially trained NAS-Bench-201 networks.

Three layouts of the published JSON are read:

- `NAS-RobBench-201_all.json`: data set -> index -> metric -> seed -> share;
- the same of one data set, by index or by architecture string, where `threeseed` is the mean over
  seeds;
- the list of the project page: index -> 18 shares (`METRICS` on CIFAR-10, CIFAR-100 and
  ImageNet16-120), means over three seeds, maybe behind `acc=`.

Assumed, as the files do not say it: shares are of the 10,000 test images of CIFAR or the 6,000 of
ImageNet16-120; AutoAttack has the budget 8/255, that of training. Seeds are rows of their own;
where only their mean is given, there is one row, with seed 0.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sampling.store import Network
from sampling.tables.imported import Imported, Request, Source, assemble
from sampling.tables.known import Asked, Column, make_condition, rank_budgets
from sampling.tables.nasbench201 import Cell, find_cells, make_cell_network, units_of
from sampling.tables.reading import Frame
from sampling.tables.shares import check_accuracies
from sampling.tables.streams import TableError, read_json

METRICS: dict[str, tuple[tuple[str, ...], tuple[str, float] | None]] = {
    "clean": (("clean", "val_acc", "clean_acc"), None),
    "fgsm_3": (("fgsm_3", "val_fgsm_3.0_acc"), ("fgsm_linf", 3 / 255)),
    "pgd_3": (("pgd_3", "val_pgd_3.0_acc"), ("pgd_linf", 3 / 255)),
    "fgsm_8": (("fgsm_8", "val_fgsm_8.0_acc"), ("fgsm_linf", 8 / 255)),
    "pgd_8": (("pgd_8", "val_pgd_8.0_acc"), ("pgd_linf", 8 / 255)),
    "aa": (("aa", "autoattack"), ("autoattack_linf", 8 / 255)),
}
"""Metric to the names it goes by, and attack and budget; in the order of the list."""

IMAGES = {"cifar10": 10_000, "cifar100": 10_000, "imagenet": 6_000}
"""Data sets in the order of the list, and their images."""

MEAN = "threeseed"

Shares = Mapping[str, float]
"""Metric to share."""


def import_nas_robbench201(path: Path, request: Request) -> Imported:
    """The networks of one data set of the benchmark.

    Raises:
        TableError: The file has none of the layouts, or a value that is no share.
    """
    dataset = request.dataset or "cifar10"
    if dataset not in IMAGES:
        raise TableError(
            f"import.dataset must be one of {', '.join(IMAGES)}; got {dataset}. Change --dataset."
        )
    said = read_json(path, prefix="acc=")
    rows = [
        (name, seed, shares)
        for name, entry in _networks(path, said, dataset).items()
        for seed, shares in _seeds(path, name, entry, dataset).items()
    ]
    if not rows:
        raise TableError(f"import.table must hold networks; got none in {path}. Fetch it again.")
    images = request.images or IMAGES[dataset]
    columns = _columns(images, request.unit or "share")
    numbers = {m: np.array([shares[m] for _, _, shares in rows], np.float64) for m in METRICS}
    frame = Frame(path, len(rows), {}, numbers)
    for column in columns:
        check_accuracies(frame, column.source, column.unit)
    networks = _described(path, rows, request)
    mean = any(seed < 0 for _, seed, _ in rows)
    source = Source("nas-robbench-201", dataset, _notes(path, images, mean))
    return assemble(source, networks, units_of(networks), columns, numbers)


def _networks(path: Path, said: Any, dataset: str) -> Mapping[str, Any]:
    """Index or string to what is said of it."""
    if isinstance(said, dict) and dataset in said:
        said = said[dataset]
    if not isinstance(said, dict):
        raise TableError(
            f"import.table must map architectures to accuracies; got {type(said).__name__} in "
            f"{path}. Is it NAS-RobBench-201?"
        )
    return said


def _seeds(path: Path, name: str, entry: Any, dataset: str) -> dict[int, Shares]:
    """Seed to shares; the seed of a mean over seeds is -1."""
    if isinstance(entry, list):
        per = len(METRICS)
        start = per * list(IMAGES).index(dataset)
        if len(entry) != per * len(IMAGES):
            raise _wrong(path, name, f"a list of {len(entry)}")
        part = zip(METRICS, entry[start : start + per], strict=True)
        return {-1: {metric: _share(path, name, metric, value) for metric, value in part}}
    if not isinstance(entry, dict):
        raise _wrong(path, name, f"{type(entry).__name__}")
    found = {
        metric: next((entry[n] for n in names if n in entry), None)
        for metric, (names, _) in METRICS.items()
    }
    if found["clean"] is None:
        raise _wrong(path, name, "no clean accuracy")
    seeds = {
        s
        for v in found.values()
        if isinstance(v, dict)
        for s in v
        if str(s).isascii() and str(s).isdigit()
    }
    return {
        int(seed) if seed != MEAN else -1: {
            metric: _share(path, name, metric, _of_seed(value, seed))
            for metric, value in found.items()
        }
        for seed in sorted(seeds) or [MEAN]
    }


def _of_seed(value: Any, seed: str) -> Any:
    """The value of a seed; a plain number belongs to a mean alone."""
    if isinstance(value, dict):
        return value.get(seed)
    return value if seed == MEAN else None


def _share(path: Path, name: str, metric: str, value: Any) -> float:
    if value is None:
        return float("nan")
    number = not isinstance(value, bool) and isinstance(value, int | float)
    if not number or not abs(value) < 2**53:
        raise TableError(
            f"import.{metric} must be a finite number; got {str(value)[:40]!r} for architecture "
            f"{name[:120]!r} in {path}. Correct it."
        )
    return float(value)


def _wrong(path: Path, name: str, got: str) -> TableError:
    return TableError(
        f"import.table must say {', '.join(METRICS)} of every architecture; got {got} for "
        f"{name[:120]!r} in {path}. Is it NAS-RobBench-201?"
    )


def _columns(images: int, unit: str) -> list[Column]:
    ranked = rank_budgets([attack for _, attack in METRICS.values() if attack])
    return [
        Column(name, images, make_condition(ranked[attack] if attack else Asked(name)), unit)
        for name, (_, attack) in METRICS.items()
    ]


def _described(
    path: Path, rows: Sequence[tuple[str, int, Shares]], request: Request
) -> list[Network]:
    """Networks with the operations of their cells."""
    by_string = rows[0][0].startswith("|")
    cells = (
        {name: Cell(name, {}) for name, _, _ in rows} if by_string else find_cells(path, request)
    )
    if by_string and request.architectures:
        cells = {cell.text: cell for cell in find_cells(path, request).values()}
    missing = next((name for name, _, _ in rows if name not in cells), None)
    if missing is not None:
        raise TableError(
            f"import.architectures must describe every network; got nothing of {missing[:120]!r}. "
            "Give the file that fits the table."
        )
    return [make_cell_network(name, cells[name], max(seed, 0)) for name, seed, _ in rows]


def _notes(path: Path, images: int, mean: bool) -> tuple[str, ...]:
    notes = (
        f"Imported from {path.name}: NAS-Bench-201 networks after adversarial training with budget "
        "8/255 (Wu et al. 2024). Their images are not named, so nothing is paired.",
        f"Assumed: accuracies are shares of {images:,} test images; AutoAttack has budget 8/255.",
    )
    said = "Accuracies are means over the seeds of training, kept as counts of one evaluation."
    return (*notes, said) if mean else notes
