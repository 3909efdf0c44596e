"""What the noises do to the user's own images: contact sheets as PNG files."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from images.datasets import load_dataset, stratified
from images.folder import list_test
from images.paths import data_path
from images.sets import ImageSet
from images.sizes import native_size
from noises.draws import generators
from noises.natural.corruption import SEVERITIES
from noises.natural.table import NATURAL_NOISES
from noises.sequences.table import SEQUENCES
from noises.system import REFERENCE, SYSTEM_NOISES
from noises.system.sheet import COLUMNS, GAIN, difference_sheet
from noises.system.variants import EXTRA_CHOICES
from robustscope.contact_sheet import Columns, Page, Row, check_width, draw_pages
from robustscope.noise_list import check_size, list_noises
from robustscope.progress import Progress
from robustscope.settings import check_file
from sampling.store.atomic import replacing

SEED = 0
"""Of the choice of images and of every draw: that of protocols when nothing else is said."""

LARGEST_COUNT = 64
"""Images; more of any size would not fit the widest sheet."""

FRAMES = ("first", "20 %", "40 %", "60 %", "80 %", "last")
"""The frames of a sequence that are shown, by how far along they are."""


class Sheet(NamedTuple):
    """One contact sheet.

    Attributes:
        suffix: Between the stem of the file and ".png".
        shown: Noises that are shown when none are named.
        extra: Noises that are shown only when named.
        headings: Above the cells of an image.
        row: The cells of one noise, image by image.
    """

    suffix: str
    shown: Collection[str]
    extra: Collection[str]
    headings: tuple[str, ...]
    row: Callable[[ImageSet, str], Row]


def natural_row(images: ImageSet, name: str) -> Row:
    """Each image clean and at every severity."""
    noise = NATURAL_NOISES[name]
    columns = [images.pixels]
    for severity in SEVERITIES:
        draws = generators(SEED, name, severity, images.ids)
        columns.append(noise.apply(images.pixels, severity, draws))
    return Row(name, noise.group, np.stack(columns, axis=1).reshape(-1, *images.pixels.shape[1:]))


def system_row(images: ImageSet, name: str) -> Row:
    """What a system variant changes in each image, amplified; the reference is shown as it is."""
    size = images.pixels.shape[1]
    tiles = []
    for stream in images.encoded(range(len(images))):
        sheet, shown = difference_sheet(stream, size, [name])
        gap = (sheet.shape[1] - COLUMNS * size) // (COLUMNS + 1)
        left = gap + shown.index(name) * (gap + size)
        tiles.append(sheet[gap : gap + size, left : left + size])
    group = next(noise.group for noise in list_noises(size, "system") if noise.name == name)
    if name != REFERENCE:
        group = f"{group}: difference x {GAIN}, grey is none"
    return Row(name, group, np.stack(tiles))


def sequence_row(images: ImageSet, name: str) -> Row:
    """Frames of each image's sequence at the hardest difficulty, from the first to the last."""
    sequence, difficulty = SEQUENCES[name], SEQUENCES[name].difficulties
    draws = generators(SEED, f"{name}_p", difficulty, images.ids)
    frames = sequence.apply(images.pixels, draws, difficulty)
    chosen = np.linspace(0, frames.shape[1] - 1, len(FRAMES)).round().astype(int)
    group = sequence.group if difficulty == 1 else f"{sequence.group}, difficulty {difficulty}"
    return Row(name, group, frames[:, chosen].reshape(-1, *images.pixels.shape[1:]))


SHEETS = (
    Sheet("", NATURAL_NOISES, (), ("clean", *map(str, SEVERITIES)), natural_row),
    Sheet("-system", SYSTEM_NOISES, EXTRA_CHOICES, ("",), system_row),
    Sheet("-sequences", SEQUENCES, (), FRAMES, sequence_row),
)


def preview(
    images: ImageSet, names: Sequence[str] | None, out: Path, progress: Progress
) -> dict[Path, Page]:
    """Draw what noises do to images and write the pages.

    Natural noises go to `out`, system variants and sequences to files beside it whose names end in
    -system and -sequences; further pages have numbers. Random noises draw what they draw for these
    images in a run with seed 0.

    Args:
        images: All of them are shown.
        names: Natural noises, system variants or sequences; every table's when None.
        out: A .png file in a folder that exists.
        progress: Shows a bar.

    Returns:
        What was written, in order.

    Raises:
        ValueError: A name is unknown or cannot be rendered here, or a sheet would be too wide.
        OSError: A file cannot be written.
    """
    chosen = _chosen(names)
    for sheet, shown in zip(SHEETS, chosen, strict=True):
        if shown:
            check_width(Columns(images.ids, sheet.headings), images.pixels.shape[1])
    written: dict[Path, Page] = {}
    with progress.bar("Previewing", sum(map(len, chosen)), "noises") as bar:
        for sheet, shown in zip(SHEETS, chosen, strict=True):
            rows = []
            for name in shown:
                bar.set_postfix_str(name)
                rows.append(sheet.row(images, name))
                bar.update()
            pages = draw_pages(rows, Columns(images.ids, sheet.headings)) if rows else []
            for number, page in enumerate(pages, 1):
                suffix = sheet.suffix if number == 1 else f"{sheet.suffix}-{number}"
                path = out.with_name(f"{out.stem}{suffix}{out.suffix}")
                bar.set_postfix_str(f"writing {path.name}")
                with replacing(path) as part:  # more compression takes 3 times as long
                    Image.fromarray(page.pixels).save(part, "PNG", compress_level=1)
                written[path] = page
    return written


def _chosen(names: Sequence[str] | None) -> list[list[str]]:
    """The noises on each sheet, in the order of their tables.

    Raises:
        ValueError: A name is on none.
    """
    chosen = [
        [name for name in sheet.shown if names is None or name in names]
        + [name for name in sheet.extra if names is not None and name in names]
        for sheet in SHEETS
    ]
    for name in names or ():
        if not any(name in shown for shown in chosen):
            raise ValueError(
                "preview.noise must be a natural noise, a system variant or a sequence; "
                f"got {name!r}. Names are in: robustscope noise list."
            )
    return chosen


def some_images(spec: str, size: int | None, count: int) -> ImageSet:
    """Test images of a data set, stratified over its classes; of a folder only these are read.

    Args:
        spec: As of `images.datasets.load_dataset`.
        size: Side in pixels; None takes the data set's own, that of the first image of a folder
            (8 to 224).
        count: How many.

    Raises:
        ValueError: The data cannot be read, the size is out of range, or there are not so many.
    """
    if size is not None:
        check_size(size)
    if not 1 <= count <= LARGEST_COUNT:
        raise ValueError(
            f"preview.images must be from 1 to {LARGEST_COUNT}; got {count}. Change --images."
        )
    kind, _, where = spec.partition(":")
    if kind == "folder" and where and data_path(where).is_dir():
        listing = list_test(data_path(where))
        listing = listing.take(stratified(listing.labels, count, SEED))
        return listing.read(size or native_size(spec))[0]
    images = load_dataset(spec, size or native_size(spec)).test
    return images.take(stratified(images.labels, count, SEED))


def check_out(out: Path) -> None:
    """Refuse files that cannot be written, before anything is computed.

    Raises:
        ValueError: It is no .png file in a folder that can be written to.
    """
    if out.suffix != ".png":
        raise ValueError(f"preview.out must end in .png; got {out}. Change --out.")
    check_file("preview", out)
