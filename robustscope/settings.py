"""What the user asked for, as plain data that names a run folder and is compared on resumption."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

FILE = "settings.json"

DESIGN = "mixture"
"""Of runs that name no design, and of those whose settings date from before there were more."""

LATER: dict[str, object] = {"technique": [], "design": DESIGN, "until": ""}
"""Settings that files of earlier versions lack, as they were then."""

TEACHER = r"[:=]([^:=,]+\.safetensors)"
"""Where a technique names a file."""

BEFORE = (".lock", "settings.part")
"""Files that may lie in a folder before its settings do."""

LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Settings:
    """Everything that outcomes of a run depend on, but for the data and the code.

    Attributes:
        preset: Name of the preset.
        data: Data specification, paths absolute.
        spaces: Families of the supernets.
        subnets: Networks in all.
        images: Test images, at most.
        epochs: Training epochs.
        protocol: Name of a protocol or path of its file.
        device: "cpu" or "cuda".
        seed: Of training, design and noises' protocol.
        architectures: File of the networks to evaluate, "" to draw them.
        files: Path to SHA-256 of the files named above.
        design: Name of the design of the drawn networks.
        technique: Training techniques beside those of the preset, as `training.techniques` says.
        until: What is to be decided, as `metrics.until` says; "": all images are attacked.
    """

    preset: str
    data: str
    spaces: tuple[str, ...]
    subnets: int
    images: int
    epochs: int
    protocol: str
    device: str
    seed: int
    architectures: str
    files: tuple[tuple[str, str], ...] = ()
    design: str = DESIGN
    technique: tuple[str, ...] = ()
    until: str = ""

    def with_files(self) -> "Settings":
        """The settings with the hashes of the files they name.

        Raises:
            ValueError: A named file cannot be read.
        """
        named = [self.protocol] if self.protocol.endswith(".json") else []
        named += [self.architectures] if self.architectures else []
        named += [f for spec in self.technique for f in re.findall(TEACHER, spec)]
        return replace(self, files=tuple((name, _hash(name)) for name in named))

    def to_json(self) -> str:
        """Canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True, indent=1)


def split_specs(text: str) -> tuple[str, ...]:
    """Techniques of a comma-separated list; a "key=value" goes on with the one before it.

    "standard", the name of a training without further techniques, is left out.

    Raises:
        ValueError: There is nothing between two commas.
    """
    found: list[str] = []
    for part in text.split(",") if text else ():
        if not part:
            raise ValueError(
                f"run.technique must name one between all commas; got {text!r}. Leave commas out."
            )
        if found and "=" in part.partition(":")[0]:
            found[-1] += f",{part}"
        else:
            found.append(part)
    return tuple(spec for spec in found if spec != "standard")


def _hash(name: str) -> str:
    try:
        return hashlib.sha256(Path(name).read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(
            f"run.protocol, run.architectures and a teacher must be readable files; got {name} "
            f"({error.strerror}). Correct the path."
        ) from error


def check_file(command: str, out: Path, ours: Callable[[Any], bool] | None = None) -> None:
    """Refuse an output file that cannot be written or replaced, before anything is computed.

    Args:
        command: What asks.
        out: The file.
        ours: Whether the JSON of a file that exists is such as the command writes; without it any
            file is replaced.

    Raises:
        ValueError: It is no file in a folder that can be written to, or holds something else.
    """
    if out.is_dir() or not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise ValueError(
            f"{command}.out must be a file in a folder that exists and can be written to; "
            f"got {out}. Make the folder or change --out."
        )
    if ours is not None and out.exists():
        try:
            replaceable = ours(json.loads(out.read_text()))
        except (OSError, ValueError, RecursionError):
            replaceable = False
        if not replaceable:
            raise ValueError(
                f"{command}.out must be new or what {command} wrote before; got {out}, which "
                "holds something else. Change --out."
            )


def check_folder(out: Path, settings: Settings) -> None:
    """Refuse an output folder that holds something else or a run with other settings.

    Raises:
        ValueError: Says which setting differs.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"run.out must be a folder; got the file {out}. Choose another --out.")
    if not out.exists() or not any(p.name not in BEFORE for p in out.iterdir()):
        return
    now = json.loads(settings.to_json())
    try:
        before = json.loads((out / FILE).read_text())
        before = {name: (LATER | before)[name] for name in now}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"run.out must be new, empty or an earlier run; got {out} without a readable {FILE}. "
            "Choose another --out."
        ) from error
    for name in now:
        if before[name] != now[name]:
            raise ValueError(
                f"run.{name} must be as before in {out}; got {now[name]}, was {before[name]}. "
                "Use the same settings to go on, or another --out."
            )
