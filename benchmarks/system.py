"""Decoders times resizers: our rendering against a loop that decodes for every combination.

`python -m benchmarks.system [--data FOLDER]` takes about half a minute, with `--quick` five
seconds. Both sides use the same decoders and resizers in one thread of one process, ten images at a
time in turns. The images are JPEGs of 500 x 375 pixels made here, or those of a folder of your own.
"""

import argparse
import io
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.table import Row, publish
from images.decoders import DECODERS
from images.resizers import RESIZERS
from noises.system import SystemNoise, render_all

SIZE = 224
HEIGHT, WIDTH = 375, 500
TURN = 10
"""Images of one turn: a process renders many at once, so that memory is asked for once."""

WANTED = ("pillow", "opencv", "ffmpeg", "kornia_rs")
"""Decoders compared, where they are installed."""


def synthetic(count: int) -> list[bytes]:
    """JPEGs of smooth colours with hard edges, quality 90, 4:2:0, as photographs mostly are."""
    rng = np.random.default_rng(0)
    streams = []
    for _ in range(count):
        smooth = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        picture = Image.fromarray(smooth).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        pixels = np.asarray(picture).astype(np.int16)
        for _ in range(20):
            top, left = rng.integers(0, HEIGHT), rng.integers(0, WIDTH)
            pixels[top : top + 80, left : left + 80] += rng.integers(-90, 90, 3, dtype=np.int16)
        pixels += rng.integers(-6, 7, pixels.shape, dtype=np.int16)
        buffer = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
        streams.append(buffer.getvalue())
    return streams


def from_folder(folder: Path, count: int) -> list[bytes]:
    """The first JPEGs below a folder, by name."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    if not files:
        raise SystemExit(f"--data must hold JPEG files; got none below {folder}.")
    return [file.read_bytes() for file in files[:count]]


Pixels = dict[str, NDArray[np.uint8]]


def naive(variants: Sequence[SystemNoise], encoded: Sequence[bytes]) -> Pixels:
    """What a loop over combinations does: decode, resize and crop for each."""
    return {v.name: v.render(encoded, SIZE) for v in variants}


def decode_resize(encoded: Sequence[bytes]) -> Row:
    """Row of every decoder with every resizer of Pillow and OpenCV."""
    decoders = [name for name in WANTED if name in DECODERS]
    resizers = [name for name in RESIZERS if not name.startswith("torch")]
    variants = [
        SystemNoise(f"{decoder} {resizer}", decoder, resizer)
        for decoder, resizer in product(decoders, resizers)
    ]
    ours_s = naive_s = 0.0
    equal = []
    for start in (-TURN, *range(0, len(encoded), TURN)):
        turn = encoded[start:][:TURN]
        begin = time.process_time()
        ours = render_all(variants, turn, SIZE)
        between = time.process_time()
        theirs = naive(variants, turn)
        if start < 0:  # warming up
            continue
        naive_s += time.process_time() - between
        ours_s += between - begin
        equal += [np.array_equal(ours[v.name], theirs[v.name]) for v in variants]
    n = len(encoded)
    note = f"CPU s per image, {n} images, {len(resizers)} resizers x {', '.join(decoders)}"
    return Row("decode_resize", ours_s / n, "naive loop", naive_s / n, float(np.mean(equal)), note)


def main() -> None:
    """Run the case and publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.system", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 images instead of 100")
    parser.add_argument("--data", type=Path, help="folder of JPEGs instead of those made here")
    arguments = parser.parse_args()
    count = 20 if arguments.quick else 100
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    folder = arguments.data
    encoded = synthetic(count) if folder is None else from_folder(folder, count)
    publish("system", [decode_resize(encoded)])


if __name__ == "__main__":
    main()
