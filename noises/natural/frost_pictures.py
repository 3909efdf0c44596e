"""Drawn pictures of frost, for machines without the published photographs.

A pale plasma for the film of ice and, over it, ferns that grow inwards from the border and branch
at 60 degrees, as ice crystals do. Ours: it looks like frost and has its brightness and contrast,
but it is not the published overlay.
"""

from math import cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from noises.natural.corruption import Pixels
from noises.natural.fog import plasma

HEIGHT, WIDTH = 400, 600
TINT = np.array([0.86, 0.95, 1.0])  # ice, RGB
_SUBPIXEL = 3  # cv2.line takes coordinates in units of 2**-3 px


def draw_frost(index: int) -> Pixels:
    """Picture `index`, (400, 600, 3) RGB: the same at every call."""
    rng = np.random.default_rng([index, HEIGHT, WIDTH])
    film = plasma(WIDTH, 1.7, rng)[:HEIGHT, :WIDTH]
    crystals = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for _ in range(24):
        start, angle = _rim(rng)
        _grow(crystals, start, angle, rng.uniform(60.0, 260.0), 0, rng)
    soft = np.maximum(crystals, cv2.GaussianBlur(crystals, (0, 0), 2.0)) / 255.0
    grain = rng.normal(0.0, 0.03, (HEIGHT, WIDTH))
    light = 0.2 + 0.6 * film + 0.45 * soft * (0.4 + film) + grain
    levels: NDArray[np.float64] = np.clip(light[:, :, None] * TINT, 0.0, 1.0) * 255.0
    return levels.astype(np.uint8)


def _rim(rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    """A point (x, y) on the border and a direction into the picture, degrees."""
    side, along = rng.integers(4), rng.random()
    point = {
        0: (along * WIDTH, 0.0),
        1: (WIDTH, along * HEIGHT),
        2: (along * WIDTH, HEIGHT),
        3: (0.0, along * HEIGHT),
    }[int(side)]
    return np.array(point), 90.0 + 90.0 * float(side) + rng.uniform(-50.0, 50.0)


def _grow(
    canvas: Pixels,
    start: NDArray[np.float64],
    angle: float,
    length: float,
    depth: int,
    rng: np.random.Generator,
) -> None:
    """Draw a stem that bends a little, and its branches, shorter towards the tip."""
    step, grown = (6.0, 6.0, length)[depth], 0.0  # a needle is one straight line
    while grown < length:
        angle += rng.normal(0.0, 2.5)
        end = start + step * np.array([cos(radians(angle)), sin(radians(angle))])
        a, b = ((p * 2**_SUBPIXEL).astype(int).tolist() for p in (start, end))
        level = int(255 * (1.0 - 0.5 * grown / length) * (1.0, 0.8, 0.55)[depth])
        cv2.line(canvas, a, b, level, 1, cv2.LINE_AA, _SUBPIXEL)
        grown, start = grown + step, end
        if depth < 2:
            reach = (length - grown) * rng.uniform(0.15, 0.45)
            for turn in (-60.0, 60.0):
                if reach > 4.0:
                    _grow(canvas, start, angle + turn, reach, depth + 1, rng)
