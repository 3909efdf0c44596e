"""Fog: a plasma of diamond-square noise laid over the image (Fournier, Fussell, Carpenter 1982)."""

import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled
from noises.natural.corruption import Constants, Corruption, Generators, Pixels

_WOBBLE = 100.0


def plasma(size: int, decay: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """(side, side) height map in [0, 1]; side is the smallest power of two not below `size`."""
    side = 1 << (size - 1).bit_length()
    field = np.zeros((side, side))
    _diamond_square(field, decay, generator.random(side * side))
    field -= field.min()
    field /= field.max()
    return field


@compiled
def _diamond_square(field: NDArray[np.float64], decay: float, uniform: NDArray[np.float64]) -> None:
    """Fill a map on a torus, corner 0; `uniform` gives every other point its number in [0, 1).

    The source scales a draw that is uniform on +-wobble by the wobble again, so the amplitude goes
    with its square.
    """
    side = len(field)
    step, wobble, used = side, _WOBBLE, 0
    while step >= 2:
        half = step // 2
        reach = 2.0 * wobble * wobble
        for y in range(0, side, step):
            for x in range(0, side, step):
                below, right = (y + step) % side, (x + step) % side
                corners = field[y, x] + field[below, x] + field[y, right] + field[below, right]
                field[y + half, x + half] = corners / 4.0 + reach * (uniform[used] - 0.5)
                used += 1
        for y in range(0, side, step):
            for x in range(0, side, step):
                centre = field[y + half, x + half]
                above = field[(y - half) % side, x + half] + field[y, (x + step) % side]
                beside = field[y + half, (x - half) % side] + field[(y + step) % side, x]
                corner = centre + field[y, x]
                field[y, x + half] = (corner + above) / 4.0 + reach * (uniform[used] - 0.5)
                field[y + half, x] = (corner + beside) / 4.0 + reach * (uniform[used + 1] - 0.5)
                used += 2
        step = half
        wobble /= decay


@compiled
def _lay_over(
    image: NDArray[np.uint8],
    field: NDArray[np.float64],
    amount: float,
    brightest: float,
    out: NDArray[np.uint8],
) -> None:
    scale = brightest / (brightest + amount)
    for h in range(image.shape[0]):
        for w in range(image.shape[1]):
            for c in range(3):
                value = (image[h, w, c] / 255.0 + amount * field[h, w]) * scale
                out[h, w, c] = np.uint8(min(max(value, 0.0), 1.0) * 255.0)


def _fog(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    amount, decay = constants
    out = np.empty_like(pixels)
    for image, foggy, generator in zip(pixels, out, generators, strict=True):
        field = plasma(pixels.shape[1], decay, generator)
        _lay_over(image, field, amount, image.max() / 255.0, foggy)
    return out


FOG = Corruption(
    name="fog",
    group="weather",
    random=True,
    parameters=("amount", "decay"),
    imagenet=((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)),
    cifar=((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75)),
    method=_fog,
)
