"""What `export` wrote, read back: equal counts, and with `about.json` everything else too."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sampling.store import Campaign, Condition, CountedNetwork, Network
from sampling.store.schema import INTEGER_COLUMNS
from sampling.tables.columns import ABOUT, CORRECT, EVALUATED, FACTOR, IDENTITY
from sampling.tables.imported import Counts, Imported, Request, Source, make_campaign
from sampling.tables.known import Asked, make_condition
from sampling.tables.reading import Frame, Kind, read_frame
from sampling.tables.streams import TableError, read_json

_TEXT = tuple(name for name in IDENTITY if name not in INTEGER_COLUMNS)
_SHARED = ("protocol", "protocol_hash", "dataset", "dataset_sha256", "device", "image_set")


def import_export(path: Path, request: Request) -> Imported:
    """An exported folder, or the wide table of one.

    Raises:
        TableError: It is not what an export looks like.
    """
    table, about = _files(path)
    frame = read_frame(table, _kinds)
    names = [name[len(EVALUATED) :] for name in frame.numbers if name.startswith(EVALUATED)]
    factors = [name[len(FACTOR) :] for name in frame.numbers if name.startswith(FACTOR)]
    counts = _matrix(frame, EVALUATED, names), _matrix(frame, CORRECT, names)
    _check_counts(frame, names, counts)
    if about is None:
        conditions = tuple(_by_name(name) for name in names)
        note = f"Imported from {table.name}; units and conditions go by their names."
        source = Source("export", request.dataset or table.name)
        campaign = make_campaign(source, conditions, dict.fromkeys(factors, "1"), (note,))
    else:
        campaign = _campaign(about, [name.partition(":")[2] for name in names], factors)
    return Imported(campaign, _networks(frame, factors), counts)


def _by_name(column: str) -> Condition:
    """The condition of FAMILY:NAME."""
    family, colon, name = column.partition(":")
    if not colon:
        raise TableError(
            f"import.columns must be {EVALUATED}FAMILY:CONDITION; got {EVALUATED}{column}. "
            "Export again."
        )
    return make_condition(Asked(name, family))


def _files(path: Path) -> tuple[Path, Path | None]:
    if not path.is_dir():
        return path, None
    tables = [path / f"networks.{form}" for form in ("csv", "parquet")]
    table = next((file for file in tables if file.is_file()), None)
    if table is None:
        raise TableError(
            f"import.table must be a file, or a folder that export wrote with networks.csv or "
            f"networks.parquet; got {path}. Export it without --long."
        )
    about = path / ABOUT
    return table, about if about.is_file() else None


def _kinds(header: Sequence[str]) -> Mapping[str, Kind]:
    if "n_evaluated" in header:
        raise TableError(
            "import.table must have one row per network; got the long form. "
            "Export again without --long."
        )
    kinds: dict[str, Kind] = dict.fromkeys(_TEXT, "text")
    kinds |= dict.fromkeys(INTEGER_COLUMNS[:1], "number")
    counted = [name for name in header if name.startswith(EVALUATED)]
    kinds |= {name: "number" for name in header if name.startswith(FACTOR)}
    kinds |= dict.fromkeys(counted, "number")
    return kinds | {CORRECT + name[len(EVALUATED) :]: "number" for name in counted}


def _matrix(frame: Frame, prefix: str, names: Sequence[str]) -> NDArray[np.int64]:
    """(N, M) counts.

    Raises:
        TableError: One is no whole number.
    """
    out = np.empty((frame.size, len(names)), np.int64)
    for m, name in enumerate(names):
        values = frame.numbers[prefix + name]
        whole = (values >= 0) & (values < 2**32) & (values == np.rint(values))
        if not whole.all():
            row = int(np.argmin(whole))
            raise TableError(
                f"import.table must hold a whole number of images; got {values[row]:g} in "
                f"{frame.place(row, prefix + name)}. Correct it."
            )
        out[:, m] = values
    return out


def _check_counts(frame: Frame, names: Sequence[str], counts: Counts) -> None:
    wrong = counts[1] > counts[0]
    if wrong.any():
        row, m = np.argwhere(wrong)[0].tolist()
        raise TableError(
            f"import.table must not have more images right than evaluated; got {counts[1][row, m]} "
            f"of {counts[0][row, m]} in {frame.place(row, CORRECT + names[m])}. Correct it."
        )


def _networks(frame: Frame, factors: Sequence[str]) -> list[CountedNetwork]:
    seeds = frame.numbers["seed"]
    if not np.array_equal(seeds, np.rint(seeds)):
        raise TableError(f"import.table must have whole seeds; got others in {frame.source}.")
    values = {name: frame.numbers[FACTOR + name].tolist() for name in factors}
    texts = frame.texts
    networks = []
    for row in range(frame.size):
        said = {name: texts[name][row] for name in _TEXT}
        weights, status, failure = (said.pop(name) for name in ("weights", "status", "failure"))
        own = {name: column[row] for name, column in values.items()}
        network = Network(**said, seed=int(seeds[row]), factors=own)
        networks.append(CountedNetwork(network, weights, status, failure))
    return networks


def _as(name: str, value: Any) -> Any:
    return int(value) if name in INTEGER_COLUMNS else str(value)


def _texts(said: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in said.items()}


def _campaign(about: Path, names: Sequence[str], factors: Sequence[str]) -> Campaign:
    """The campaign that `about.json` describes, of the conditions and factors of the table."""
    said: Any = read_json(about)
    try:
        attributes = said["attributes"]
        found = {c["name"]: c for c in said["conditions"]}
        conditions = tuple(
            Condition(**{f.name: _as(f.name, found[name][f.name]) for f in fields(Condition)})
            for name in names
        )
        shared: dict[str, Any] = {name: str(attributes[name]) for name in _SHARED}
        units = {name: str(said["factor_units"][name]) for name in factors}
        blank = make_campaign(Source("export", ""), conditions, units, ())
        return replace(
            blank,
            **shared,
            classes=tuple(map(str, attributes["classes"])),
            notes=tuple(map(str, attributes["notes"])),
            spaces=_texts(said["spaces"]),
            supernets=_texts(said["supernets"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TableError(
            f"import.about must describe the conditions of the table beside it; got {about} "
            f"({type(error).__name__}: {error}). Export again."
        ) from error
