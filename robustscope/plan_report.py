"""A plan as a table under its assumptions, and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from analysis.planning import Assumptions
from metrics.power import Target
from robustscope.plan import Line, points


def as_json(given: Assumptions, target: Target, *answers: list[Line]) -> str:
    """All of it; shares are in [0, 1], effects in points as the text has them."""
    needed, shown = ([asdict(line) for line in lines] for lines in answers)
    data = {
        "assumptions": asdict(given),
        "target": asdict(target) | {"level": target.level},
        "needs": needed,
        "shows": shown,
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def describe(given: Assumptions, target: Target, *answers: list[Line]) -> str:
    """The same as a table under its assumptions."""
    noise, origin = given.noise, given.origin
    on = "" if given.measured_on is None else f" on {given.measured_on:,} images"
    seconds = "unknown" if given.seconds is None else f"{1000 * given.seconds:.3g} ms"
    text = [
        "Assumptions",
        f"  accuracy {100 * given.accuracy:.1f} % ({origin['accuracy']})",
        f"  correlation of two networks' outcomes {given.correlation:.2f} "
        f"({origin['correlation']})",
        f"  matched pairs: spread of the true effect {points(noise.spread)}, "
        f"{100 * noise.discordance:.1f} % of images discordant, correlation of an image's part "
        f"between pairs {noise.shared:.2f} ({origin['noise']})",
        f"  reliability {given.reliability:.2f}{on} ({origin['reliability']})",
        f"  time per network and image {seconds} ({origin['seconds']})",
        f"  {_of(target)}",
    ]
    needed, shown = answers
    text += ["", "What it takes", *_table(needed)]
    if shown:
        text += ["", "What such a campaign can show", *_table(shown)]
    return "\n".join(text)


def _of(target: Target) -> str:
    base = f"power {100 * target.power:g} %, two-sided tests at {100 * target.level:.3g} %"
    if target.tests == 1 or target.adjust == "none":
        return base
    if target.adjust == "bonferroni":
        return f"{base} (Bonferroni, {target.tests:,} tests, {100 * target.error:g} % in all)"
    return (
        f"{base} (Benjamini-Hochberg at {100 * target.error:g} %, {target.tests:,} tests, "
        f"{100 * target.real:g} % of the effects real)"
    )


def _table(lines: Sequence[Line]) -> list[str]:
    heading = ("", "answer", "networks", "images", "time")
    cells = [
        (
            line.question,
            line.answer,
            "-" if line.networks is None else f"{line.networks:,}",
            f"{line.images:,}",
            _time(line.seconds),
        )
        for line in lines
    ]
    widths = [max(len(row[k]) for row in (heading, *cells)) for k in range(len(heading))]
    return [
        "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in (heading, *cells)
    ]


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s"
