"""Contact sheets: labelled rows of image cells, drawn as plain pixels and split into pages.

Cells are shown pixel by pixel, small ones enlarged by a whole factor, so that a sheet shows exactly
what a network would be given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

CELL = 96
"""Cells smaller than half of this many pixels are enlarged, up to it."""

PAGE_HEIGHT = 4000
"""Pixels; a page is only higher where one row is."""

LARGEST_WIDTH = 20_000
"""Pixels of cells; with the page's height less than viewers take for a decompression bomb."""

_INK, _PALE, _WHITE = (34, 34, 34), (110, 110, 110), (255, 255, 255)
_GAP, _BLOCK_GAP, _MARGIN, _LEAST_TEXT = 4, 20, 12, 15


@dataclass(frozen=True, eq=False)
class Row:
    """One line of a sheet.

    Attributes:
        label: Written to its left; unique in the sheet.
        group: Rows of one group stand together under it.
        cells: (N, s, s, 3) uint8, from left to right.
    """

    label: str
    group: str
    cells: NDArray[np.uint8]


@dataclass(frozen=True)
class Columns:
    """What stands above the cells: blocks of equally many columns.

    Attributes:
        titles: One per block.
        headings: One per column of a block.
    """

    titles: tuple[str, ...]
    headings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Page:
    """A drawn page.

    Attributes:
        pixels: (H, W, 3) uint8.
        places: (label of a row, column) to (top, left) of its cell in pixels.
        side: Of a cell in pixels.
    """

    pixels: NDArray[np.uint8]
    places: dict[tuple[str, int], tuple[int, int]]
    side: int


def enlargement(size: int) -> int:
    """The whole factor that cells of `size` pixels are enlarged by."""
    return max(1, CELL // size)


def check_width(columns: Columns, size: int) -> None:
    """Refuse sheets that viewers would not open.

    Args:
        columns: Of the sheet.
        size: Side of its images in pixels.

    Raises:
        ValueError: The cells are too many or too large.
    """
    width = len(columns.titles) * len(columns.headings) * (size * enlargement(size) + _GAP)
    if width > LARGEST_WIDTH:
        raise ValueError(
            f"preview.width must be at most {LARGEST_WIDTH} pixels; got {width}. "
            "Ask for fewer images or a smaller size."
        )


def draw_pages(rows: Sequence[Row], columns: Columns) -> list[Page]:
    """The rows, group by group in order of first appearance, on as many pages as they need.

    Args:
        rows: At least one; all with len(titles) * len(headings) cells of one size.
        columns: What stands above them.
    """
    order = list(dict.fromkeys(row.group for row in rows))
    grouped = sorted(rows, key=lambda row: order.index(row.group))
    layout = _Layout(grouped, columns)
    return [_draw(page, columns, layout) for page in _paginate(grouped, layout)]


class _Layout:
    """Where columns are, which follows from the longest label and the size of the cells."""

    def __init__(self, rows: Sequence[Row], columns: Columns) -> None:
        size: int = rows[0].cells.shape[1]
        self.factor = enlargement(size)
        self.side = size * self.factor
        self.step = self.side + _GAP
        text = max(_LEAST_TEXT, self.side // 8)  # large cells are looked at from further away
        self.line = text * 8 // 5
        self.font = ImageFont.load_default(text)
        labels = max(self.font.getlength(row.label) for row in rows)
        self.per_block = len(columns.headings)
        self.block = self.per_block * self.step - _GAP
        self.first = 2 * _MARGIN + int(labels) + 1
        blocks = len(columns.titles)
        self.width = self.first + blocks * (self.block + _BLOCK_GAP) - _BLOCK_GAP + _MARGIN
        self.top = _MARGIN + self.line * (2 if any(columns.headings) else 1)

    def left(self, column: int) -> int:
        """Of a cell."""
        block, place = column // self.per_block, column % self.per_block
        return self.first + block * (self.block + _BLOCK_GAP) + place * self.step

    def height(self, rows: Sequence[Row]) -> int:
        """Of a page of these rows."""
        groups = len({row.group for row in rows})
        return self.top + groups * self.line + len(rows) * self.step + _MARGIN

    def cut(self, text: str, width: int) -> str:
        """The end of a text that is wider than `width` pixels, the whole of one that is not."""
        shown, start = text, 0
        while self.font.getlength(shown) > width and start < len(text):
            start += 1
            shown = "\N{HORIZONTAL ELLIPSIS}" + text[start:]
        return shown


def _paginate(rows: Sequence[Row], layout: _Layout) -> Iterator[list[Row]]:
    """Pages of whole groups; a group is divided only when it is higher than a page."""
    page: list[Row] = []
    for _, members in groupby(rows, key=lambda row: row.group):
        group = list(members)
        if page and layout.height([*page, *group]) > PAGE_HEIGHT:
            yield page
            page = []
        for row in group:
            if page and layout.height([*page, row]) > PAGE_HEIGHT:
                yield page
                page = []
            page.append(row)
    yield page


def _draw(rows: Sequence[Row], columns: Columns, layout: _Layout) -> Page:
    sheet = Image.new("RGB", (layout.width, layout.height(rows)), _WHITE)
    pen = ImageDraw.Draw(sheet)

    def write(x: int, y: int, text: str, width: int, ink: tuple[int, int, int] = _INK) -> None:
        pen.text((x, y), layout.cut(text, width), ink, layout.font, anchor="lm")

    for block, title in enumerate(columns.titles):
        left = layout.left(block * layout.per_block)
        write(left, _MARGIN + layout.line // 2, title, layout.block)
        for place, heading in enumerate(columns.headings):
            x = layout.left(block * layout.per_block + place)
            write(x, _MARGIN + layout.line * 3 // 2, heading, layout.side, _PALE)
    places, y, group = {}, layout.top, None
    for row in rows:
        if row.group != group:
            group = row.group
            write(_MARGIN, y + layout.line // 2, group, layout.width - 2 * _MARGIN, _PALE)
            y += layout.line
        write(_MARGIN, y + layout.side // 2, row.label, layout.first)
        for column, cell in enumerate(row.cells):
            large = cell.repeat(layout.factor, axis=0).repeat(layout.factor, axis=1)
            places[row.label, column] = (y, layout.left(column))
            sheet.paste(Image.fromarray(large), (layout.left(column), y))
        y += layout.step
    return Page(np.asarray(sheet), places, layout.side)
