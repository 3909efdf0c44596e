"""The answer to a query as a table that people read: accuracies in percent, intervals beside."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.query import Answer
from metrics import Estimate

LONGEST = 60  # characters of a text that are shown


def render(answer: Answer) -> str:
    """Aligned columns under a heading, and a line that says what the numbers are."""
    cells = [
        _estimates(values, name in answer.points)
        if isinstance(values, Estimate)
        else [_cell(value) for value in values.tolist()]
        for name, values in answer.columns.items()
    ]
    lines = [tuple(_plain(name) for name in answer.columns), *zip(*cells, strict=True)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(cells))]
    right = [isinstance(v, Estimate) or v.dtype != object for v in answer.columns.values()]
    table = "\n".join(_line(line, widths, right) for line in lines)
    return f"{table}\n\n{_footer(answer, len(lines) - 1)}"


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    placed = [
        cell.rjust(width) if numeric else cell.ljust(width)
        for cell, width, numeric in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(placed).rstrip()


def _estimates(estimate: Estimate, points: bool) -> list[str]:
    scale = 1.0 if points else 100.0
    triples = zip(estimate.value, estimate.low, estimate.high, strict=True)
    return [_interval(*(scale * float(x) for x in triple)) for triple in triples]


def _interval(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return "-"
    known = np.isfinite([low, high]).all()  # not where the number of images is not known
    return f"{value:.1f} [{low:.1f}, {high:.1f}]" if known else f"{value:.1f}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        if np.isnan(value):
            return "-"
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    return _plain(str(value))


def _plain(text: str) -> str:
    """One line of text without control characters, cut."""
    clean = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return clean if len(clean) <= LONGEST else f"{clean[: LONGEST - 3]}..."


def _footer(answer: Answer, shown: int) -> str:
    few = f"{shown:,} of {answer.found:,}" if shown < answer.found else f"{answer.found:,}"
    kinds = {name for name, v in answer.columns.items() if isinstance(v, Estimate)}
    units = []
    if kinds - answer.points:
        units.append("accuracies in %")
    if kinds & answer.points:
        units.append("deviations in percentage points")
    said = f"{few} found among {answer.size:,} networks"
    if not answer.found:
        return f"{said}; in expressions accuracies are shares: clean > 0.9"
    return f"{said}; {', '.join(units)}, with 95 % intervals over images" if units else said


def names_text(names: NDArray[np.object_] | Sequence[str]) -> str:
    """Names in lines, quoted as an expression needs them."""
    return "\n".join(name if str(name).isidentifier() else f"`{name}`" for name in names)
