"""Every figure of a results file: those of the analysis, and F8, which needs images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from analysis.figures.drawing import Drawing, Margins, Saved, grid, label_width, save, style, title
from analysis.figures.table import check_names
from analysis.pipeline import Track, draw_figures, make_folder
from images.sets import ImageSet
from noises.system import REFERENCE, SYSTEM_NOISES
from noises.system.rendering import render_all
from noises.system.sheet import GAIN
from robustscope.noise_preview import some_images
from sampling.store import open_results

IMAGES = "F8_images"
SHOWN = 3
MEASURED = 32
"""Images whose distances from the reference are averaged."""

COMES_ALONG = "digits"
"""The data set that is installed with scikit-learn."""


def make_figures(
    results: Path, out: Path, only: Sequence[str], data: str, track: Track
) -> tuple[tuple[Saved, ...], tuple[str, ...]]:
    """Write PNG, PDF and CSV of every figure into a folder.

    Args:
        results: The results file.
        out: Where to; made if absent.
        only: Names of the figures to draw; all when empty.
        data: Where images for F8 come from, "" for the file's own data set where it needs no path.
        track: Shows progress over the steps.

    Returns:
        The figures and, in words, those that could not be drawn.

    Raises:
        ValueError: The file, the data or a name will not do.
    """
    check_names(only, also=(IMAGES,))
    wanted = not only or IMAGES in only
    with open_results(results) as file:
        dataset = str(file.attributes["dataset"])
    spec = data or (COMES_ALONG if dataset == COMES_ALONG else "")
    images = some_images(spec, None, MEASURED) if wanted and spec else None
    rest = [name for name in only if name != IMAGES]
    figures, missing = draw_figures(results, out, rest, track) if rest or not only else ((), ())
    if not wanted:
        return figures, missing
    if images is None:
        why = f"the file holds no pixels, give images of {dataset} with --data"
        return figures, (*missing, f"{IMAGES} is not drawn: {why}.")
    with style():
        return (*figures, save(draw_images(images, spec), make_folder(out), pdf=True)), missing


def draw_images(images: ImageSet, name: str) -> Drawing:
    """F8: what decoders, resizers and colour conversions do to images.

    Args:
        images: The first are shown, all are measured.
        name: What they are called in the caption.
    """
    size = images.pixels.shape[1]
    rendered = render_all(SYSTEM_NOISES.values(), images.encoded(range(len(images))), size)
    reference = rendered[REFERENCE].astype(np.int16)
    rows = []
    for noise in SYSTEM_NOISES.values():
        gap = np.abs(rendered[noise.name] - reference)
        largest, mean = int(gap.max()), float(gap.mean())
        told = {"decoder": noise.decoder, "resizer": noise.resizer, "colour": noise.colour}
        rows.append({"variant": noise.name, **told, "largest": largest, "mean": mean})
    table = pd.DataFrame(rows).assign(images=len(images))
    shown = min(SHOWN, len(images))
    names = [f"{row['variant']}\nmean {row['mean']:.2f}, most {row['largest']}" for row in rows]
    margins = Margins(left=label_width([str(r["variant"]) for r in rows]) + 0.2, bottom=0.15,
                      top=0.95, across=0.06, down=0.06)  # fmt: skip
    figure, axes = grid((len(rows), 2 * shown), (0.85, 0.85), margins, sharey=False)
    for line, label, row in zip(axes, names, rows, strict=True):
        tiles = rendered[str(row["variant"])][:shown]
        for k, tile in enumerate(tiles):
            _tile(line[2 * k], tile)
            change = 128 + GAIN * (tile.astype(np.int16) - reference[k])
            _tile(line[2 * k + 1], change.clip(0, 255).astype(np.uint8))
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=7.5)
    for k in range(shown):
        axes[0][2 * k].set_title("image", y=1.0)
        axes[0][2 * k + 1].set_title(f"change x {GAIN}", y=1.0)
    title(
        figure,
        "F8  what decoders and resizers do to an image",
        f"{shown} of {len(images)} images of {name}; differences in grey levels (0 to 255)",
    )
    caption = (
        f"Images of {name} at {size} px through every decoder, resizer and colour conversion: the "
        f"result, and {GAIN} times its difference from the reference (mid-grey: none). Mean and "
        f"largest absolute difference in grey levels over n = {len(images)} images, pixels and "
        "channels; no interval: they describe these images. Same crop and geometry throughout."
    )
    return Drawing(IMAGES, caption, figure, table)


def _tile(ax: Axes, pixels: NDArray[np.uint8]) -> None:
    """Pixels as they are, without axes."""
    ax.imshow(pixels, interpolation="nearest", vmin=0, vmax=255)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
