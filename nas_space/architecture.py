"""An architecture as plain data: family, scale and integer genes, with an id for all machines."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """One canonical network: genes of blocks that do not exist are absent.

    Attributes:
        family: Space family, for instance "mobilenet".
        scale: "digits", "cifar" or "imagenet".
        genes: (name, value) pairs sorted by name; ratios are integer thousandths.
        values: The same as a dict from name to value.

    Raises:
        ValueError: The genes are not in sorted order, each once.
    """

    family: str
    scale: str
    genes: tuple[tuple[str, int], ...]
    values: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", dict(self.genes))
        if tuple(sorted(self.values.items())) != self.genes:
            raise ValueError(
                "Architecture.genes must be (name, value) pairs in sorted order, each once; "
                f"got {self.genes}. Make it with Architecture.of."
            )

    @classmethod
    def of(cls, family: str, scale: str, genes: Mapping[str, int]) -> "Architecture":
        """Architecture with the genes in sorted order."""
        return cls(family, scale, tuple(sorted(genes.items())))

    @classmethod
    def from_json(cls, text: str) -> "Architecture":
        """Architecture read from its JSON.

        Raises:
            ValueError: The text is no JSON object of family, scale and integer genes.
        """
        try:
            data = json.loads(text)
            family, scale, genes = data["family"], data["scale"], data["genes"]
            strange = {k: v for k, v in genes.items() if type(v) is not int}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(
                f"Architecture.json must hold family, scale and genes; got {text[:80]!r}. "
                "Write it with Architecture.to_json."
            ) from error
        if strange or len(data) != 3:
            raise ValueError(
                "Architecture.genes must be integers beside family and scale alone; "
                f"got {strange or sorted(data)}. Ratios are written as integer thousandths."
            )
        return cls.of(str(family), str(scale), genes)

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces."""
        data: dict[str, Any] = {
            "family": self.family,
            "scale": self.scale,
            "genes": dict(self.genes),
        }
        return json.dumps(data, sort_keys=True, separators=(",", ":"))

    @cached_property
    def id(self) -> str:
        """First 12 hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]
