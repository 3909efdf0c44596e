"""Made-up results files with planted effects, for the tests of the analysis."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sampling.store import Campaign, Condition, Network, Outcome, write_results

GROUPS = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "motion_blur"),
    "weather": ("snow", "fog"),
    "digital": ("contrast", "jpeg"),
}
STAGES = (1, 2, 3)
UNITS = {
    "depth": "blocks",
    "width": "channels",
    "kernel": "px",
    "expand": "ratio",
    "resolution": "px",
    "stem_kernel": "px",
    "receptive_field": "px of the network's input",
    "parameters": "parameters",
    "macs": "MACs",
    "activations": "values",
    **{f"depth_stage{s}": "blocks" for s in STAGES},
    **{f"width_stage{s}": "channels" for s in STAGES},
    **{f"kernel_stage{s}": "px" for s in STAGES},
    **{f"expand_stage{s}": "ratio" for s in STAGES},
}


@dataclass(frozen=True)
class Recipe:
    """What to make up; `effects` are logits per standard deviation: family -> factor -> size."""

    n: int = 40
    images: int = 60
    attacked: int = 30
    supernets: tuple[str, ...] = ("mobilenet", "resnet")
    families: tuple[str, ...] = ("adversarial", "natural", "system")
    severities: tuple[int, ...] = (1, 3, 5)
    pairs: bool = True
    failed: int = 0
    seed: int = 0
    name: str = "digits"
    ability: float | None = None  # the same logit for every network
    effects: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def conditions(recipe: Recipe) -> tuple[Condition, ...]:
    made = [Condition("clean", "clean", 0, "{}", "clean")]
    if "adversarial" in recipe.families:
        made += [
            Condition(f"{a}_e{e}", "adversarial", e, json.dumps({"eps": e}), "clean")
            for a in ("fgsm", "pgd_linf", "pgd_l2")
            for e in (1, 2)
        ]
    if "natural" in recipe.families:
        made += [
            Condition(
                f"{noise}_s{s}",
                "natural",
                s,
                json.dumps({"noise": noise, "group": group}),
                "clean",
            )
            for group, noises in GROUPS.items()
            for noise in noises
            for s in recipe.severities
        ]
    if "system" in recipe.families:
        reference = "system_reference"
        made.append(Condition(reference, "system", 0, "{}", reference))
        made += [
            Condition(f"pillow_{n}", "system", 0, "{}", reference)
            for n in ("box", "nearest", "bicubic", "lanczos")
        ]
        twin = json.dumps({"identical_to": reference})
        made.append(Condition("opencv_decoder", "system", 0, twin, reference))
    return tuple(made)


def draw_factors(supernet: str, rng: np.random.Generator, twin: dict[str, float]) -> dict:
    """Factors of one network; with a twin, all but the kernel of stage 2 are the twin's."""
    f = {}
    for s in STAGES:
        f[f"depth_stage{s}"] = twin.get(f"depth_stage{s}", float(rng.integers(1, 5)))
        f[f"width_stage{s}"] = twin.get(f"width_stage{s}", float(8 * 2**s * rng.integers(2, 5) / 4))
        kernel = float(rng.choice((3.0, 5.0, 7.0)))
        f[f"kernel_stage{s}"] = kernel if s == 2 else twin.get(f"kernel_stage{s}", kernel)
        f[f"expand_stage{s}"] = twin.get(f"expand_stage{s}", float(rng.choice((2.0, 3.0, 4.0))))
    for gene in ("depth", "width", "kernel", "expand"):
        values = [f[f"{gene}_stage{s}"] for s in STAGES]
        f[gene] = float(np.sum(values) if gene == "depth" else np.mean(values))
    f["resolution"] = twin.get("resolution", float(rng.choice((8, 12, 16))))
    if supernet == "resnet":
        f["stem_kernel"] = twin.get("stem_kernel", float(rng.choice((3, 5, 7))))
    f["receptive_field"] = 1 + f["depth"] * (f["kernel"] - 1) * 2
    f["parameters"] = 40 * f["depth"] * f["width"] ** 1.5 * f["expand"]
    f["macs"] = f["parameters"] * f["resolution"] ** 2 / 4
    f["activations"] = f["depth"] * f["width"] * f["resolution"] ** 2
    return f


def factor_table(recipe: Recipe, supernet: str, rng: np.random.Generator) -> list[dict]:
    table: list[dict] = []
    for i in range(recipe.n):
        twin = table[-1] if recipe.pairs and i % 4 == 3 else {}
        table.append(draw_factors(supernet, rng, twin))
    return table


def draw_bits(recipe: Recipe, table: list[dict], rng: np.random.Generator) -> tuple:
    """(N, M, I) evaluated and correct: logistic in ability, image difficulty and noise."""
    asked = conditions(recipe)
    n, m, i = len(table), len(asked), recipe.images
    level = {"clean": 3.0, "adversarial": 0.6, "natural": 1.8, "system": 2.9}
    difficulty = rng.normal(0, 1.2, i)
    own = rng.normal(0, 0.25, n)
    logit = np.empty((n, m, i))
    for c, condition in enumerate(asked):
        ability = level[condition.family] - 0.35 * condition.severity + own
        for name, size in recipe.effects.get(condition.family, {}).items():
            x = np.array([f[name] for f in table])
            ability = ability + size * (x - x.mean()) / x.std()
        if recipe.ability is not None:
            ability = np.full(n, recipe.ability)
        twist = 0.0 if condition.family == "system" else rng.normal(0, 0.5, (1, i))
        logit[:, c] = ability[:, None] - difficulty + twist
    luck = rng.logistic(0, 0.6, (n, 1, i)) + rng.logistic(0, 0.3, (n, m, i))
    correct = logit + luck > 0
    evaluated = np.ones_like(correct)
    attacks = [c for c, condition in enumerate(asked) if condition.family == "adversarial"]
    evaluated[:, attacks, recipe.attacked :] = False
    return evaluated, correct & evaluated


def write_synthetic(path: Path, recipe: Recipe) -> Path:
    """Write a results file of the recipe and return its path."""
    rng = np.random.default_rng(recipe.seed)
    rows = []
    for supernet in recipe.supernets:
        table = factor_table(recipe, supernet, rng)
        evaluated, correct = draw_bits(recipe, table, rng)
        for k, factors in enumerate(table):
            pair = f"{supernet}-{k - k % 4 // 3}" if recipe.pairs and k % 4 >= 2 else ""
            network = Network(
                id=f"{supernet[:2].encode().hex()}{k:08x}",
                architecture=json.dumps({"family": supernet, "draw": k}),
                family=supernet,
                origin="supernet",
                supernet=supernet,
                technique="standard",
                seed=0,
                design="pair:stage2.kernel" if pair else "uniform",
                pair=pair,
                factors=factors,
            )
            if k < recipe.failed:
                rows.append((network, None, "failed", "loss is <NaN>"))
            else:
                outcome = Outcome("ab" * 32, evaluated[k], correct[k], seconds=1.5)
                rows.append((network, outcome, "done", ""))
    campaign = Campaign(
        protocol=json.dumps({"name": "quick", "seed": 0, "dtype": "float32"}),
        protocol_hash="c0ffee" * 10 + "0000",
        dataset=recipe.name,
        dataset_sha256="12" * 32,
        device="cpu",
        conditions=conditions(recipe),
        image_set="test",
        image_ids=tuple(f"test-{j}" for j in range(recipe.images)),
        labels=np.arange(recipe.images) % 10,
        classes=tuple("0123456789"),
        spaces={},
        supernets={name: json.dumps({"epochs": 30}) for name in recipe.supernets if name},
        factor_units=UNITS,
        notes=("Raw pixels were stored as JPEG of quality 95 before the system noises.",),
    )
    provenance = {"command": "robustscope run --preset digits", "version": "0.1.0"}
    write_results(path, campaign, rows, provenance)
    return path
