"""How every figure looks and is saved; no display, no global state.

Figures are made with the Agg canvas directly, never through pyplot, so that importing or calling
this package leaves the caller's backend and settings alone. Colours are those of Okabe and Ito
(2008), distinguishable with every common form of colour blindness.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 120
MANY = 3000  # marks beyond which they are pixels in print, too
COLOURS = {
    "clean": "#4d4d4d",
    "adversarial": "#d55e00",
    "natural": "#0072b2",
    "system": "#009e73",
    "inference": "#cc79a7",
    "transfer": "#e69f00",
}
INK = "#222222"
Share = bool | Literal["none", "all", "row", "col"]
RHO = "\N{GREEK SMALL LETTER RHO}"


@dataclass(frozen=True)
class Drawing:
    """A figure that has not been saved yet.

    Attributes:
        name: File name without its ending.
        caption: What is drawn, over how many networks, with which intervals.
        figure: The figure.
        data: The numbers drawn, for the CSV beside it.
    """

    name: str
    caption: str
    figure: Figure
    data: pd.DataFrame


@dataclass(frozen=True)
class Saved:
    """A figure on disk, with its numbers and, where asked for, for print."""

    name: str
    caption: str
    png: Path
    csv: Path
    pdf: Path | None = None


@contextmanager
def style() -> Iterator[None]:
    """The settings all figures are drawn and saved under; the caller's are restored afterwards."""
    ours = {
        **sns.axes_style("whitegrid", {"grid.color": "#e6e6e6", "axes.edgecolor": "#888888"}),
        **sns.plotting_context("paper", font_scale=0.95),
        "font.family": "DejaVu Sans",
        "pdf.fonttype": 42,  # text stays text
        "text.parse_math": False,  # names are no formulas, and a broken one would end the analysis
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.titlesize": 8.5,
        "figure.titlesize": 11,
    }
    backend_free = {k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")}
    with mpl.rc_context():
        mpl.rcParams.update({k: v for k, v in backend_free.items() if k in _RESET})
        mpl.rcParams.update(ours)
        yield


_RESET = ("axes.unicode_minus", "axes.formatter.limits", "savefig.bbox", "savefig.pad_inches")


@dataclass(frozen=True)
class Margins:
    """Inches around and between the panels of a figure."""

    left: float
    bottom: float
    right: float = 0.15
    top: float = 0.85
    across: float = 0.15
    down: float = 0.35


def grid(
    shape: tuple[int, int],
    panel: tuple[float, float],
    margins: Margins,
    sharex: Share = False,
    sharey: Share = "row",
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of equal panels and its axes; rows share their y axis unless told otherwise.

    Positions follow from the margins alone: a layout engine would take four times as long. Give
    titles y=1.0 for the same reason, so that they are not moved about.

    Args:
        shape: Rows and columns.
        panel: Width and height of one panel in inches.
        margins: Space around and between the panels.
        sharex: As in matplotlib's subplots.
        sharey: Likewise.
    """
    down, across = shape
    inner_x = across * panel[0] + (across - 1) * margins.across
    inner_y = down * panel[1] + (down - 1) * margins.down
    width = margins.left + inner_x + margins.right
    height = margins.bottom + inner_y + margins.top
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    figure.subplots_adjust(
        left=margins.left / width,
        right=1 - margins.right / width,
        bottom=margins.bottom / height,
        top=1 - margins.top / height,
        wspace=margins.across / panel[0],
        hspace=margins.down / panel[1],
    )
    axes = figure.subplots(down, across, sharey=sharey, sharex=sharex, squeeze=False)
    return figure, axes.tolist()


def label_width(names: Sequence[str]) -> float:
    """Inches that the longest of some tick labels needs."""
    return 0.35 + 0.078 * max(map(len, names))


def title(figure: Figure, text: str, detail: str) -> None:
    """Head a figure with what it shows and, smaller, over how many networks."""
    height = figure.get_figheight()
    figure.text(0.5, 1 - 0.12 / height, text, ha="center", va="top", fontsize=11, weight="bold")
    figure.text(0.5, 1 - 0.34 / height, detail, ha="center", va="top", fontsize=9)


def legend(figure: Figure, ax: Axes, marks: Sequence[tuple[str, str]]) -> None:
    """Name markers in one line below the title, which needs 1.1 inches above the panels.

    Args:
        figure: Where the legend stands.
        ax: Any of its panels.
        marks: Marker and what it stands for.
    """
    handles = [ax.plot([], [], m, color=INK, markersize=5, label=text)[0] for m, text in marks]
    place = (0.5, 1 - 0.5 / figure.get_figheight())
    figure.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=place,
        ncols=len(marks),
        frameon=False,
        fontsize=9,
    )


def save(drawing: Drawing, folder: Path, pdf: bool = False) -> Saved:
    """Write NAME.png, NAME.csv and, if asked, NAME.pdf; the same drawing gives the same bytes.

    Args:
        drawing: What is written.
        folder: It exists.
        pdf: Whether to write it for print, too.
    """
    png, csv = folder / f"{drawing.name}.png", folder / f"{drawing.name}.csv"
    # no software version or date in the files: bytes depend on the data alone
    drawing.figure.savefig(png, dpi=DPI, format="png", metadata={"Software": None})
    drawing.data.to_csv(csv, index=False, float_format="%.8g", lineterminator="\n")
    if not pdf:
        return Saved(drawing.name, drawing.caption, png, csv)
    printed = folder / f"{drawing.name}.pdf"
    undated = dict.fromkeys(("Creator", "Producer", "CreationDate"))
    drawing.figure.savefig(printed, format="pdf", metadata=undated)
    return Saved(drawing.name, drawing.caption, png, csv, printed)
