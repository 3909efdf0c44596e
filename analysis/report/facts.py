"""What was measured, what makes it doubtful, and how it was made, as text."""

import json
from importlib import metadata
from typing import Any

import numpy as np

from analysis.correlations.table import DRAWS, SEED
from analysis.findings import Findings
from analysis.report.notation import percent
from analysis.tables import conditions_table
from analysis.trust import alarms_table, sequences_table

VOLATILE_LIMIT = 400  # characters of a provenance text that are shown
VERSION = "version_"  # how the names of versions begin in the provenance
USED = ("numpy", "scipy", "pandas", "statsmodels", "scikit-learn")


def conditions(findings: Findings) -> list[dict[str, str]]:
    """One row per condition with its numbers as text."""
    rows = conditions_table(findings.study).to_dict("records")
    shown = ("median", "min", "max", "median_drop")
    return [
        {
            **{k: str(row[k]) for k in ("name", "family", "severity", "parameters", "images")},
            **{k: percent(row[k]) for k in shown},
        }
        for row in rows
    ]


def alarms(findings: Findings) -> dict[str, list[dict[str, str]]]:
    """Alarms in words to the conditions under which some network raises them."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in alarms_table(findings.study).to_dict("records"):
        of_alarm = found.setdefault(f"{row['alarm']}: {row['meaning']}", [])
        if row["raised"]:
            shares = {k: percent(row[k]) for k in ("median", "max")}
            counts = {k: f"{row[k]:,}" for k in ("raised", "networks")}
            of_alarm.append({"condition": str(row["condition"]), **counts, **shares})
    return found


def sequences(findings: Findings) -> list[dict[str, str]]:
    """One row per perturbation sequence with its numbers as text."""
    return [
        {
            **{k: str(row[k]) for k in ("set", "sequence", "against", "frames")},
            **{k: percent(row[k]) for k in ("median", "min", "max")},
        }
        for row in sequences_table(findings.study).to_dict("records")
    ]


def recorded(findings: Findings) -> list[tuple[str, str]]:
    """Every attribute of the results file and all that is volatile, as names and texts."""
    attributes = findings.study.attributes
    shown = [(k, v) for k, v in attributes.items() if k not in ("protocol", "notes", "classes")]
    facts = [(name.replace("_", " "), str(value)) for name, value in shown]
    for name, value in findings.study.provenance.items():
        if isinstance(value, np.ndarray):
            numbers = value[np.isfinite(value)] if value.dtype.kind == "f" else value
            if len(numbers) and value.dtype.kind in "fiu":
                text = f"{numbers.sum():,.0f} in all, median {np.median(numbers):.3g}"
                facts.append((f"{name} (one per network)" if name == "seconds" else name, text))
        elif not name.startswith(VERSION):
            facts.append((name.replace("_", " "), str(value)[:VOLATILE_LIMIT]))
    return facts


def made(findings: Findings) -> list[tuple[str, str]]:
    """What someone needs who wants the same numbers again: command, seeds, versions, hashes."""
    study = findings.study
    protocol = _object(str(study.attributes["protocol"]))
    seeds = ", ".join(str(seed) for seed in sorted(set(study.networks["seed"])))
    drawn = f"protocol {protocol.get('seed', 'not recorded')}; training of the networks {seeds}"
    versions = {k: str(v) for k, v in study.provenance.items() if k.startswith(VERSION)}
    written = [f"{name.removeprefix(VERSION)} {text}" for name, text in versions.items()]
    return [
        ("command", str(study.provenance.get("command", "not recorded"))[:VOLATILE_LIMIT]),
        ("this page again", "robustscope analyze results.h5"),
        ("protocol", str(protocol.get("name", "not named"))),
        ("protocol hash", str(study.attributes["protocol_hash"])),
        ("content hash", str(study.attributes["content_hash"])),
        ("SHA-256 of the images", str(study.attributes["dataset_sha256"])),
        ("seeds", f"{drawn}; bootstrap of this analysis {SEED} ({DRAWS:,} draws)"),
        ("versions, evaluation", ", ".join(written)[:VOLATILE_LIMIT] or "not recorded"),
        ("versions, analysis", ", ".join(f"{name} {metadata.version(name)}" for name in USED)),
    ]


def protocol_text(findings: Findings) -> str:
    """The protocol, indented."""
    text = str(findings.study.attributes["protocol"])
    return json.dumps(_object(text), indent=1, ensure_ascii=False) if _object(text) else text


def _object(text: str) -> dict[str, Any]:
    """A JSON object; empty where the text is none, as in a file of somebody's own."""
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
