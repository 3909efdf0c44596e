"""Made-up results files of real architectures, whose genes have planted effects."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nas_space.costs import factors, unit
from nas_space.pairs import kind
from nas_space.presets import find_space
from sampling.design import draw, find_design
from sampling.store import Campaign, Network, Outcome, write_results
from tests.analysis_synthetic import Recipe, conditions

SPACE = find_space("mobilenet-digits")
IMAGES = 80


def write_matched(
    path: Path,
    design: str,
    count: int,
    effects: Mapping[str, float],
    together: Mapping[tuple[str, str], float] | None = None,
    seed: int = 0,
) -> Path:
    """Write networks of a design; effects are logits per mean step of a kind's genes, or of two."""
    rng = np.random.default_rng(seed)
    drawn = draw(SPACE, count, seed, find_design(design))
    known = factors(SPACE, [d.architecture for d in drawn], 10)
    asked = conditions(Recipe(severities=(3,)))
    difficulty, twist = rng.normal(0, 1, IMAGES), rng.normal(0, 0.5, (len(asked), IMAGES))
    rows = []
    for i, d in enumerate(drawn):
        places: dict[str, list[int]] = {}
        for gene in SPACE.genes:
            if gene.name in d.architecture.values:
                place = gene.choices.index(d.architecture.values[gene.name])
                places.setdefault(kind(gene.name), []).append(place)
        steps = {name: float(np.mean(values)) for name, values in places.items()}
        logit = 1 + sum(size * steps[name] for name, size in effects.items())
        logit += sum(s * steps[a] * steps[b] for (a, b), s in (together or {}).items())
        luck = rng.logistic(0, 0.5, (len(asked), IMAGES))
        correct = logit + rng.normal(0, 0.1) - difficulty + twist + luck > 0
        network = Network(
            id=d.architecture.id,
            architecture=d.architecture.to_json(),
            family=SPACE.family,
            origin="supernet",
            supernet="mobilenet",
            technique="standard",
            seed=0,
            design=d.design,
            pair=d.unit,
            factors={name: float(values[i]) for name, values in known.items()},
        )
        seen = np.ones_like(correct)
        rows.append((network, Outcome("ab" * 32, seen, correct, seconds=1.0), "done", ""))
    campaign = Campaign(
        protocol=json.dumps({"name": "quick", "seed": 0, "dtype": "float32"}),
        protocol_hash="c0ffee" * 10 + "0000",
        dataset="digits",
        dataset_sha256="12" * 32,
        device="cpu",
        conditions=asked,
        image_set="test",
        image_ids=tuple(f"test-{j}" for j in range(IMAGES)),
        labels=np.arange(IMAGES) % 10,
        classes=tuple("0123456789"),
        spaces={SPACE.name: json.dumps(SPACE.describe())},
        supernets={"mobilenet": json.dumps({"epochs": 30})},
        factor_units={name: unit(name) for name in known},
    )
    write_results(path, campaign, rows, {"command": "robustscope run", "version": "0.1.0"})
    return path
