"""NAS-Bench-201 cells (Dong and Yang 2020), and the table of their robustness.

A cell has four nodes; each of its six edges carries one of five operations. The table is that of
Jung, Lukasik and Keuper (ICLR 2023), flattened to one row per architecture: accuracies as shares of
the 10,000 test images of CIFAR-10 under attacks `ATTACK_epsE` (E in 1/255) and corruptions
`NOISE_sS`. Networks were trained once each.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sampling.store import Network
from sampling.store.categories import FOLLOWS, level_unit
from sampling.tables.imported import Imported, Request, Source, assemble, make_network
from sampling.tables.known import Asked, Column, make_condition, rank_budgets
from sampling.tables.reading import Frame, Kind, read_frame
from sampling.tables.shares import check_accuracies
from sampling.tables.streams import TableError, read_json

EDGES = ("e0_1", "e0_2", "e1_2", "e0_3", "e1_3", "e2_3")
"""Edges from node to node, in the order of the architecture string."""
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
IMAGES = 10_000
FAMILY = "nasbench201"

UNITS = {
    **{f"{edge}_{o}": level_unit(edge, o) for edge in EDGES for o in OPERATIONS},
    **{f"n_{operation}": f"edges{FOLLOWS}" for operation in OPERATIONS},
}
"""Factors that the architecture string gives, to unit; operations have no order, so that each edge
is five indicators."""

_NAMED = {"params_cifar10": ("parameters", "parameters"), "macs_32px": ("macs", "MACs")}
_FURTHER = {
    "n_live_conv3x3": f"edges on a path{FOLLOWS}",
    "n_live_conv1x1": f"edges on a path{FOLLOWS}",
    "n_paths": f"paths{FOLLOWS}",
    "max_conv_depth": f"convolutions{FOLLOWS}",
    "mean_conv_depth": f"convolutions{FOLLOWS}",
    "max_receptive_field_3x3units": f"px of one cell{FOLLOWS}",
}
_ARCHITECTURES = ("nb201_architectures.csv", "nb201_architectures.csv.gz", "meta.json")
_NODE = re.compile(r"\|((?:[a-z0-9_]+~\d\|)+)")
_ATTACK = re.compile(r"(?P<attack>.+)_eps(?P<eps>\d+(?:\.\d+)?)$")


@dataclass(frozen=True)
class Cell:
    """An architecture: its string and what else is known of it."""

    text: str
    further: Mapping[str, float]

    @property
    def factors(self) -> dict[str, float]:
        """Indicators, counts of operations, and what else is known."""
        operations = parse_cell(self.text)
        found = {
            f"{edge}_{o}": float(operations[place] == o)
            for place, edge in enumerate(EDGES)
            for o in OPERATIONS
        }
        found |= {f"n_{o}": float(operations.count(o)) for o in OPERATIONS}
        return found | dict(self.further)


def parse_cell(text: str) -> tuple[str, ...]:
    """The six operations of an architecture string, in the order of `EDGES`.

    Raises:
        TableError: It is none, or has other nodes or operations.
    """
    edges = [
        edge.partition("~")
        for node in text.split("+")
        for edge in (_NODE.fullmatch(node) or ["", ""])[1].split("|")
        if edge
    ]
    sources = [int(source) for _, _, source in edges]
    if sources != [0, 0, 1, 0, 1, 2] or any(o not in OPERATIONS for o, _, _ in edges):
        raise TableError(
            f"import.architecture must be a NAS-Bench-201 string such as |none~0|+|none~0|none~1|"
            f"+|none~0|none~1|none~2|; got {text[:120]!r}. Check the table."
        )
    return tuple(operation for operation, _, _ in edges)


def find_cells(path: Path, request: Request) -> dict[str, Cell]:
    """Index of an architecture to its cell, from --architectures or a file beside the table.

    Raises:
        TableError: There is no such file, or it does not describe cells.
    """
    beside = [path.parent / name for name in _ARCHITECTURES]
    file = request.architectures or next((f for f in beside if f.is_file()), None)
    if file is None:
        raise TableError(
            "import.architectures must be nb201_architectures.csv or the meta.json of "
            f"NAS-Bench-201; got none beside {path}. Say --architectures FILE."
        )
    return _from_meta(file) if ".json" in file.suffixes else _from_table(file)


def _from_table(file: Path) -> dict[str, Cell]:
    numbers = {**dict.fromkeys(_NAMED), **dict.fromkeys(_FURTHER)}

    def choose(header: Sequence[str]) -> Mapping[str, Kind]:
        kinds: dict[str, Kind] = {"arch_id": "text", "nb201_string": "text"}
        return kinds | {name: "number" for name in numbers if name in header}

    frame = read_frame(file, choose)
    columns = {_NAMED.get(k, (k,))[0]: values.tolist() for k, values in frame.numbers.items()}
    return {
        index: Cell(text, {name: values[row] for name, values in columns.items()})
        for row, (index, text) in enumerate(
            zip(frame.texts["arch_id"], frame.texts["nb201_string"], strict=True)
        )
    }


def _from_meta(file: Path) -> dict[str, Cell]:
    said: Any = read_json(file)
    try:
        return {i: Cell(str(one["nb201-string"]), {}) for i, one in said["ids"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise TableError(
            f"import.architectures must have ids with nb201-string; got {file} without. "
            "Take the meta.json of the robustness data set."
        ) from error


def make_cell_network(index: str, cell: Cell, seed: int = 0) -> Network:
    """A network of the table; its id is its index."""
    more = {"nb201": cell.text}
    return make_network(f"nb201-{index}", FAMILY, cell.factors, more, seed)


def units_of(networks: Sequence[Network]) -> dict[str, str]:
    """Unit of every factor that the networks have."""
    known = UNITS | _FURTHER | dict(_NAMED.values())
    return {name: known.get(name, "1") for name in networks[0].factors}


def import_nasbench201(path: Path, request: Request) -> Imported:
    """The table of robustness with the operations of every cell as factors.

    Raises:
        TableError: A file is not what is described above.
    """
    path = _robustness_file(path) if path.is_dir() else path
    cells = find_cells(path, request)
    frame = read_frame(path, lambda header: _kinds(path, header))
    images = request.images or IMAGES
    columns = _columns(frame, images, request.unit or "share")
    for column in columns:
        check_accuracies(frame, column.source, column.unit)
    networks = []
    for row, index in enumerate(frame.texts["arch_id"]):
        if index not in cells:
            raise TableError(
                f"import.architectures must describe every network; got none of "
                f"{frame.place(row, 'arch_id')}, {index!r}. Give the file that fits the table."
            )
        networks.append(make_cell_network(index, cells[index]))
    notes = (
        f"Imported from {path.name}: NAS-Bench-201 networks trained once each, without defences "
        "(Jung, Lukasik, Keuper 2023). Their images are not named, so nothing is paired.",
        "Attacks of one rank (_eR) have one budget; R counts all budgets of the table.",
    )
    source = Source("nasbench201", request.dataset or "cifar10", notes)
    return assemble(source, networks, units_of(networks), columns, frame.numbers)


def _robustness_file(folder: Path) -> Path:
    found = sorted(folder.glob("nb201_robustness_*.csv*"))
    if len(found) != 1:
        raise TableError(
            f"import.table must be one nb201_robustness_*.csv; got {len(found)} of them in "
            f"{folder}. Name the file."
        )
    return found[0]


def _kinds(path: Path, header: Sequence[str]) -> Mapping[str, Kind]:
    if "arch_id" not in header or "clean" not in header:
        raise TableError(
            f"import.table must have the columns arch_id and clean; got {', '.join(header[:6])} in "
            f"{path}. Is it the table of robustness?"
        )
    kinds: dict[str, Kind] = {"arch_id": "text"}
    return kinds | {name: "number" for name in header if name != "arch_id"}


def _columns(frame: Frame, images: int, unit: str) -> list[Column]:
    """What every column of the table is."""
    budgets = {
        name: (found["attack"].replace("-", "_"), float(found["eps"]) / 255)
        for name in frame.numbers
        if (found := _ATTACK.fullmatch(name))
    }
    ranked = rank_budgets(list(budgets.values()))
    return [
        Column(
            name,
            images,
            make_condition(ranked[budgets[name]] if name in budgets else Asked(name)),
            unit,
        )
        for name in frame.numbers
    ]
