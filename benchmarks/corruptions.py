"""The benchmark's corruptions against `imagecorruptions`, type by type, at 32 and 224 px.

`python -m benchmarks.corruptions` takes a minute and a half, with `--quick` a quarter of one.
Severity 3, one thread of one process, both sides turn by turn on the same images. The peer has the
constants of ImageNet-C at every size, so for equal work ours uses them at 32 px too.
Agreement is the share of values within one grey level; random corruptions have none here, tests
compare their distributions. Ours is given all images at once; its time has the generators in it.
"""

import argparse
import importlib
import importlib.metadata
import statistics
import sys
import time
import types
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import cv2
import numpy as np
from scipy import ndimage

from benchmarks.table import Row, absent, publish
from noises.draws import generators
from noises.natural.corruption import Corruption, Pixels
from noises.natural.table import BENCHMARK_15, BENCHMARK_19, NATURAL_NOISES

PEER = "imagecorruptions"
SEVERITY = 3
SLOW = "glass_blur"  # a Python loop over pixels in the peer: seconds per image

Corrupt = Callable[[Pixels, int, str], Pixels]


def load_peer() -> Corrupt:
    """`imagecorruptions.corrupt`, with stand-ins for what today's libraries no longer have.

    Three names: `pkg_resources` and `scipy.ndimage.interpolation` while it is imported, NumPy's
    `float_`, and scikit-image's `multichannel`. Nothing outside the peer stays changed.

    Raises:
        ModuleNotFoundError: If the peer or scikit-image is not installed.
    """
    try:
        folder = importlib.metadata.distribution(PEER).locate_file(PEER)
    except importlib.metadata.PackageNotFoundError as error:
        raise ModuleNotFoundError(str(error)) from error
    resources = types.ModuleType("pkg_resources")
    resources.resource_filename = lambda _, name: str(folder / name)  # type: ignore[attr-defined]
    stand_ins = {"pkg_resources": resources, "scipy.ndimage.interpolation": ndimage}
    before = {name: sys.modules.get(name) for name in stand_ins}
    sys.modules.update(stand_ins)
    try:
        package = importlib.import_module(PEER)
        module = importlib.import_module(f"{PEER}.corruptions")
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old
    blur = importlib.import_module("skimage.filters").gaussian

    def gaussian(*args: object, multichannel: bool = False, **options: object) -> object:
        return blur(*args, channel_axis=-1 if multichannel else None, **options)

    module.gaussian = gaussian  # type: ignore[attr-defined]
    module.np = types.SimpleNamespace(**{**vars(np), "float_": np.float64})  # type: ignore[attr-defined]
    return cast(Corrupt, package.corrupt)


def scenes(count: int, size: int) -> Pixels:
    """Smooth random fields with a little texture and discs over them, (count, size, size, 3)."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:size, :size] / size
    out = np.empty((count, size, size, 3), dtype=np.uint8)
    for image in out:
        noise = rng.normal(size=(size, size, 3))
        field = ndimage.gaussian_filter(noise, (size / 16, size / 16, 0), mode="wrap")
        field += 0.05 * ndimage.gaussian_filter(noise, (1, 1, 0))
        field = (field - field.min()) / np.ptp(field)
        for _ in range(4):
            (cy, cx), radius = rng.random(2), rng.uniform(0.05, 0.2)
            field[np.hypot(y - cy, x - cx) < radius] = rng.random(3)
        image[...] = np.rint(field * 255)
    return out


def ours(noise: Corruption, pixels: Pixels) -> Pixels:
    """All images at once, with ImageNet-C's constants at every size."""
    ids = [str(i) for i in range(len(pixels))]
    same = replace(noise, cifar=noise.imagenet)
    return same.apply(pixels, SEVERITY, generators(0, noise.name, SEVERITY, ids))


def timed(work: Callable[[], Pixels]) -> tuple[float, Pixels]:
    """CPU seconds and what was made."""
    begin = time.process_time()
    made = work()
    return time.process_time() - begin, made


def compare(name: str, pixels: Pixels, turns: int, peer: Corrupt | None) -> Row:
    """Row of one type: median over turns of the seconds per image."""
    noise = NATURAL_NOISES[name]
    case = f"{name}_{pixels.shape[1]}px"
    slow = name == SLOW
    some = pixels[:1] if slow else pixels
    ours(noise, pixels[:1])  # compiled, tables made
    if peer is not None and not slow:
        peer(pixels[0], SEVERITY, name)
    mine, theirs, agreement = [], [], None
    for turn in range(turns):
        seconds, made = timed(lambda: ours(noise, pixels))
        mine.append(seconds / len(pixels))
        if peer is None or (slow and turn > 0):
            continue
        seconds, other = timed(lambda: np.stack([peer(p, SEVERITY, name) for p in some]))
        theirs.append(seconds / len(some))
        if not noise.random:
            agreement = float((np.abs(made.astype(int) - other) <= 1).mean())
    if not theirs:
        return absent(case, statistics.median(mine), PEER)
    note = f"CPU s per image, {len(pixels)} images, {turns} turns"
    note += ", peer scaled from one image" if slow else ""
    return Row(case, statistics.median(mine), PEER, statistics.median(theirs), agreement, note)


def total(case: str, rows: list[Row], note: str) -> Row:
    """Row of the sum of others."""
    theirs = [row.peer_s for row in rows if row.peer_s is not None]
    mine = sum(row.ours_s for row in rows)
    if len(theirs) < len(rows):
        return absent(case, mine, PEER)
    return Row(case, mine, PEER, sum(theirs), None, note)


def main() -> None:
    """Run every type at both sizes and publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corruptions", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer images and turns")
    quick = parser.parse_args().quick
    cv2.setNumThreads(1)
    try:
        peer = load_peer()
    except ModuleNotFoundError:
        peer = None
    rows = []
    for size, count in ((32, 50 if quick else 200), (224, 2 if quick else 8)):
        pixels = scenes(count, size)
        types_ = {n: compare(n, pixels, 3 if quick else 5, peer) for n in BENCHMARK_19}
        common = [types_[n] for n in BENCHMARK_15]
        rest = [row for n, row in types_.items() if n in BENCHMARK_15 and n != SLOW]
        rows += [
            *types_.values(),
            total(f"sum15_{size}px", common, "sum of the 15 above"),
            total(f"sum14_{size}px", rest, f"the same without {SLOW}, the peer's slowest by far"),
        ]
    publish("corruptions", rows)


if __name__ == "__main__":
    main()
