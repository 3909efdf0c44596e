"""Figures as they stand in the page: copies in at most 256 colours, a third of the bytes."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from analysis.figures.drawing import Saved

COLOURS = 256


@dataclass(frozen=True)
class Picture:
    """A figure in the page.

    Attributes:
        name: Of the figure.
        caption: What it shows.
        png: Base64 of the copy.
        width: Pixels.
        height: Pixels.
        files: Names of the files with the figure and its numbers.
    """

    name: str
    caption: str
    png: str
    width: int
    height: int
    files: tuple[str, str]


def picture(saved: Saved) -> Picture:
    """The figure for the page; its file keeps all colours."""
    png, (width, height) = small_png(saved.png)
    text = base64.b64encode(png).decode("ascii")
    files = (saved.png.name, saved.csv.name)
    return Picture(saved.name, saved.caption, text, width, height, files)


def small_png(path: Path) -> tuple[bytes, tuple[int, int]]:
    """A PNG with a palette of the figure's own colours, and its width and height."""
    with Image.open(path) as image:
        flat = Image.new("RGB", image.size, "white")
        flat.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
    few = flat.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue(), few.size
