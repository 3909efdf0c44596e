"""The page itself: template, style and scripts in one file that asks for nothing."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from analysis.correlations.table import DRAWS
from analysis.counted.page import counted_page
from analysis.figures.drawing import Saved
from analysis.findings import Findings
from analysis.leaderboard import leaderboards
from analysis.report import facts, grids, overview
from analysis.report.boards import board_text, claims_text
from analysis.report.data import page_data, partial, safe_json
from analysis.report.notation import heat_style
from analysis.report.pictures import picture
from analysis.trust import RAISED

FOLDER = Path(__file__).parent
SCRIPTS = ("elements.js", "networks.js", "board.js", "axes.js", "scatter.js", "start.js")
"""Run in this order, as one."""


def render(findings: Findings, figures: Sequence[Saved], missing: Sequence[str]) -> str:
    """The HTML of the report; it makes no request and runs no script but its own.

    Args:
        findings: What was found.
        figures: Figures on disk; copies of them are embedded.
        missing: In words, figures that were not drawn.
    """
    study = findings.study
    style, script = _style(), _script()
    data = page_data(findings)
    # marked as safe: our own files, and what safe_json wrote
    return _template().render(
        policy=content_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        data=Markup(safe_json(data)),
        partial=partial(data),
        dataset=study.attributes["dataset"],
        cards=overview.cards(findings),
        glances=overview.glances(findings),
        sentences=overview.leads(findings.sentences),
        doubts=findings.doubts,
        notes=study.attributes["notes"],
        claims=claims_text(findings.claims),
        boards=[board_text(board) for board in leaderboards(study, findings.standings)],
        outcomes=[(outcome.name, outcome.text) for outcome in study.outcomes],
        absent=study.absent,
        counted=counted_page(study, findings.counted) if findings.counted else None,
        correlations=[grids.correlation_grid(findings, g.label) for g in study.groups],
        regressions=[]
        if findings.counted
        else [grids.regression_grid(findings, g.label) for g in study.groups],
        figures=[picture(saved) for saved in figures],
        missing=missing,
        conditions=facts.conditions(findings),
        alarms=facts.alarms(findings),
        raised_above=100 * RAISED,
        sequences=facts.sequences(findings),
        made=facts.made(findings),
        recorded=facts.recorded(findings),
        protocol=facts.protocol_text(findings),
        draws=DRAWS,
    )


def content_policy(style: str, script: str) -> str:
    """The policy that forbids every request, and every style and script but these two.

    Even markup that slipped through would load nothing and run nothing.
    """
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _style() -> str:
    return f"{(FOLDER / 'style.css').read_text(encoding='utf-8')}\n{heat_style()}\n"


def _script() -> str:
    parts = [(FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join(['"use strict";', "(() => {", *parts, "})();", ""])


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([FOLDER, FOLDER.parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")
