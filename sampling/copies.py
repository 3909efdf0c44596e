"""Image copies: every noise applied to every image, on disk once for all, or made as they are read.

On disk a copy is a plain file of pixels that all processes map into memory. Where the copies would
not fit, only what they are made of is kept, and each is made again whenever it is read: the same
pixels, later.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from images.sets import ImageSet
from noises.draws import generators
from noises.natural.table import NATURAL_NOISES
from noises.protocol import Protocol
from noises.system import Comparison, find_system_noise, render_all
from sampling.store import Condition

BLOCK = 1 << 24
"""Bytes of pixels of one copy that are made at once."""

SPARE = 0.9
"""Share of the free disk that copies may fill."""

Pixels = NDArray[np.uint8]
CLEAN = Condition("clean", "clean", 0, "{}", "clean")


@dataclass(frozen=True, eq=False)
class Copies:
    """F image copies of I images.

    Attributes:
        home: Folder of the files.
        protocol: Whose noises made them.
        names: (F,) condition each copy was made for; conditions of equal pixels share one.
        shape: (I, s, s, 3).
        stored: Whether the copies lie on disk.
    """

    home: Path
    protocol: Protocol
    names: tuple[str, ...]
    shape: tuple[int, int, int, int]
    stored: bool

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def clean(self) -> Pixels:
        """(I, s, s, 3) the images without noise."""
        return self._mapped("clean")

    def _mapped(self, name: str) -> Pixels:
        return np.memmap(self.home / f"{name}.uint8", np.uint8, "r", shape=self.shape)

    def check(self) -> None:
        """Refuse files that are missing or cut short.

        Raises:
            OSError: A file is missing.
            ValueError: A file is too short.
        """
        for name in self.names if self.stored else ("clean",):
            self._mapped(name)

    def blocks(self, copy: int) -> Iterator[Pixels]:
        """The images of one copy, (b, s, s, 3) at a time."""
        name = self.names[copy]
        if self.stored or name == "clean":
            yield self._mapped(name)
        else:
            for part in _blocks(self.shape):
                yield self._made(name, part)

    def _made(self, name: str, part: slice) -> Pixels:
        """Some images of one copy, made now."""
        if name in self.protocol.system:
            return find_system_noise(name).render(self._encoded(part), self.shape[1])
        noise, severity = name.rsplit("_s", 1)
        return noised(self.protocol, noise, int(severity), self.clean[part], self._ids[part])

    @cached_property
    def _ids(self) -> tuple[str, ...]:
        return tuple(json.loads((self.home / "meta.json").read_text())["ids"])

    def _encoded(self, part: slice) -> list[bytes]:
        ends = np.load(self.home / "ends.npy")
        streams = np.memmap(self.home / "streams.bin", np.uint8, "r")
        starts = np.concatenate(([0], ends))[part]
        return [streams[a:b].tobytes() for a, b in zip(starts, ends[part], strict=True)]

    def batches(self, size: int) -> Iterator[Pixels]:
        """All copies of all images in one stream, (size, s, s, 3) at a time, the last less."""
        held: list[Pixels] = []
        count = 0
        for copy in range(len(self)):
            for block in self.blocks(copy):
                start = 0
                while start < len(block):
                    held.append(block[start : start + size - count])
                    start, count = start + len(held[-1]), count + len(held[-1])
                    if count == size:
                        yield np.concatenate(held)
                        held, count = [], 0
        if held:
            yield np.concatenate(held)


def _blocks(shape: Sequence[int]) -> Iterator[slice]:
    """Slices of the images that are worked on at once."""
    size = max(1, BLOCK // int(np.prod(shape[1:])))
    for start in range(0, shape[0], size):
        yield slice(start, min(start + size, shape[0]))


def noised(
    protocol: Protocol, name: str, severity: int, pixels: Pixels, ids: Sequence[str]
) -> Pixels:
    """Some images under a natural noise; draws belong to the images."""
    streams = generators(protocol.seed, name, severity, ids)
    return NATURAL_NOISES[name].apply(np.asarray(pixels), severity, streams)


def fits(home: Path, shape: Sequence[int], protocol: Protocol, limit: int) -> bool:
    """Whether all copies may be stored: within the limit in bytes and the free disk."""
    count = 1 + len(protocol.natural) * len(protocol.severities) + len(protocol.system)
    return count * int(np.prod(shape)) <= min(limit, SPARE * shutil.disk_usage(home).free)


def make_copies(
    chosen: ImageSet,
    protocol: Protocol,
    home: Path,
    stored: bool,
    report: Callable[[int], object],
) -> tuple[Copies, list[tuple[Condition, str]]]:
    """Make the copies, or what they are made of.

    Args:
        chosen: I images.
        protocol: Whose natural and system noises are applied.
        home: Folder to write to; `meta.json` is the caller's.
        stored: Write every copy.
        report: Called with how many more conditions are done.

    Returns:
        The copies, and every condition in the protocol's order with the name of its copy.
    """
    _write(home / "clean.uint8", [chosen.pixels])
    report(1)
    found = [(CLEAN, "clean")]
    for name in protocol.natural:
        for severity in protocol.severities:
            condition = _natural(name, severity, protocol)
            if stored:
                blocks = (
                    noised(protocol, name, severity, chosen.pixels[b], chosen.ids[b])
                    for b in _blocks(chosen.pixels.shape)
                )
                _write(home / f"{condition.name}.uint8", blocks)
            found.append((condition, condition.name))
            report(1)
    if protocol.system:
        found += _system(chosen, protocol, home, stored, report)
    names = tuple(dict.fromkeys(copy for _, copy in found))
    i, s, _, c = chosen.pixels.shape
    return Copies(home, protocol, names, (i, s, s, c), stored), found


def _write(path: Path, blocks: Iterable[Pixels]) -> None:
    # written, not mapped: a full disk is then an error, not a signal that kills the process
    with path.open("wb") as file:
        for block in blocks:
            file.write(np.ascontiguousarray(block).data)


def _natural(name: str, severity: int, protocol: Protocol) -> Condition:
    noise = NATURAL_NOISES[name]
    parameters = {
        "noise": name,
        "group": noise.group,
        "constants": noise.constants(severity, protocol.size),
    }
    text = json.dumps(parameters, sort_keys=True)
    return Condition(f"{name}_s{severity}", "natural", severity, text, "clean")


def _system(
    chosen: ImageSet,
    protocol: Protocol,
    home: Path,
    stored: bool,
    report: Callable[[int], object],
) -> list[tuple[Condition, str]]:
    """System variants; those with equal pixels share the copy of the first."""
    variants = [find_system_noise(name) for name in protocol.system]
    comparison = Comparison(protocol.system[0])
    files = {v.name: (home / f"{v.name}.uint8").open("wb") for v in variants} if stored else {}
    ends: list[int] = []
    with (home / "streams.bin").open("wb") as streams:
        for block in _blocks(chosen.pixels.shape):
            encoded = chosen.encoded(range(block.start, block.stop))
            rendered = render_all(variants, encoded, protocol.size)
            comparison.add(rendered)
            for name, file in files.items():
                file.write(np.ascontiguousarray(rendered[name]).data)
            if not stored:
                streams.writelines(encoded)
                ends += [len(stream) for stream in encoded]
    np.save(home / "ends.npy", np.cumsum(ends, dtype=np.int64))
    for file in files.values():
        file.close()
    twins, distances = comparison.twins(), comparison.distances()
    for name in twins if stored else ():
        (home / f"{name}.uint8").unlink()
    report(len(variants))
    found = []
    for variant in variants:
        parameters: dict[str, Any] = asdict(variant) | {
            "identical_to": twins.get(variant.name, ""),
            "largest_distance": distances[variant.name].maximum,
            "mean_distance": round(distances[variant.name].mean, 4),
        }
        text = json.dumps(parameters, sort_keys=True)
        condition = Condition(variant.name, "system", 0, text, protocol.system[0])
        found.append((condition, twins.get(variant.name, variant.name)))
    return found
