"""Seconds and peak memory of a whole analysis: tables, figures and report.

`python -m benchmarks.analysis` analyses two files made here, each in a process of its own: 1,200
subnets x 130 conditions x 397 images with bits and 2,000 bootstrap draws (target 60 s and 2 GiB on
two cores), and 100,000 networks x 100 conditions of which only counts are known (target 300 s).
`--quick` has a tenth of the networks and draws, `--only bits` or `--only counts` one of the two.
Imports are not timed, but their memory counts; compiling by numba is timed when its cache is empty.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.analysis_files import make_bits, make_counts
from benchmarks.table import Cell, publish, render

BITS, COUNTS, QUICK = 1200, 100_000, 10
DRAWS = 2000
TARGETS = {"bits": (60.0, 2048.0), "counts": (300.0, None)}
"""Case to seconds and MiB that it should stay below."""

_WORK = """
import json, os, sys, time
from pathlib import Path
from analysis.findings import examine
from analysis.parallel import processes
from analysis.pipeline import STEPS, save_parts, save_report
from sampling.store import open_results
path, out, draws = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
marks = []
mark = lambda: marks.append(time.perf_counter())
with open_results(path) as results, processes(len(results.networks)) as count:
    findings = examine(results, draws=draws, begin=mark, processes=count)
    _, saved, missing = save_parts(findings, out, mark, processes=count)
    mark()
    save_report(findings, saved, missing, out)
    mark()
steps = dict(zip(STEPS, (b - a for a, b in zip(marks, marks[1:]))))
used = os.times()
print(json.dumps([marks[-1] - marks[0], sum(used[:4]), steps]))
"""


@dataclass(frozen=True)
class Timed:
    """One analysis.

    Attributes:
        case: Which file.
        wall_s: Seconds on the clock, of whatever else the machine did.
        cpu_s: Seconds of processor time, imports, all threads and processes.
        peak_mib: Largest memory of all its processes together, what they share counted once, looked
            at five times a second.
        target_s: Seconds it should stay below on two free cores.
        note: What was analysed and where the time went.
    """

    case: str
    wall_s: float
    cpu_s: float
    peak_mib: float
    target_s: float
    note: str

    def as_json(self) -> dict[str, Cell]:
        """Plain data, in the documented order of fields."""
        return {
            "case": self.case,
            "wall_s": round(self.wall_s, 2),
            "cpu_s": round(self.cpu_s, 2),
            "peak_mib": round(self.peak_mib),
            "target_s": self.target_s,
            "note": self.note,
        }


def measure(case: str, path: Path, draws: int, what: str) -> Timed:
    """Analyse a results file in a process of its own; tables and figures go beside it."""
    command = [sys.executable, "-c", _WORK, str(path), str(path.parent / "out"), str(draws)]
    peak, pipe = 0.0, subprocess.PIPE
    with subprocess.Popen(command, text=True, stdout=pipe, stderr=pipe) as process:
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(0.2)
        out, error = process.communicate()
    if process.returncode:
        raise RuntimeError(f"analysis of {case} failed: {error[-2000:]}")
    wall, cpu, steps = json.loads(out)
    spent = ", ".join(f"{name} {seconds:.1f}" for name, seconds in steps.items())
    memory = TARGETS[case][1]
    limit = f", memory target {memory:.0f} MiB" if memory else ""
    return Timed(case, wall, cpu, peak, TARGETS[case][0], f"{what}{limit}; wall s: {spent}")


def _memory(pid: int) -> float:
    """MiB of a process and those below it on Linux; what several share counts once."""
    total, place = 0.0, Path(f"/proc/{pid}")
    with contextlib.suppress(OSError):  # it may end while it is looked at
        lines = (place / "smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
        for task in (place / "task").iterdir():
            total += sum(map(_memory, map(int, (task / "children").read_text().split())))
    return total


def main() -> None:
    """Run the cases and publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.analysis", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of networks and draws")
    parser.add_argument("--only", choices=TARGETS, help="one of the cases")
    options = parser.parse_args()
    part = QUICK if options.quick else 1
    n_bits, n_counts, draws = BITS // part, COUNTS // part, DRAWS // part
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.h5"
        if options.only != "counts":
            shape = make_bits(path, n_bits)
            rows.append(measure("bits", path, draws, f"{shape}, {draws:,} bootstrap draws"))
        if options.only != "bits":
            rows.append(measure("counts", path, draws, make_counts(path, n_counts)))
    if options.quick or options.only:
        print(render(rows))  # a part does not replace the whole
    else:
        publish("analysis", rows)


if __name__ == "__main__":
    main()
