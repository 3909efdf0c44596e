import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nas_space.architecture import Architecture
from nas_space.presets import SPACES

ROOT = Path(__file__).parents[1]


def test_id_is_the_digest_of_the_canonical_json() -> None:
    text = '{"family":"f","genes":{"a":1,"b":20},"scale":"s"}'
    architecture = Architecture.of("f", "s", {"b": 20, "a": 1})
    assert architecture.to_json() == text
    assert architecture.id == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_id_separates_family_and_scale() -> None:
    ids = {Architecture.of(f, s, {"a": 1}).id for f in ("f", "g") for s in ("s", "t")}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("name", "drawn", "largest"),
    [
        ("mobilenet-digits", "9eec6e2ffb3c", "1f6433c8b774"),
        ("mobilenet-cifar", "94deaad913f6", "b85ae2e80e51"),
        ("resnet-digits", "dc478ed738b4", "02bc85276f20"),
        ("resnet-cifar", "fd7d11af8f89", "e569b9fb6746"),
    ],
)
def test_ids_and_draws_of_stored_results_stay(name: str, drawn: str, largest: str) -> None:
    assert SPACES[name].sample(np.random.default_rng(7)).id == drawn
    assert SPACES[name].extreme(largest=True).id == largest


@pytest.mark.parametrize("name", SPACES)
def test_json_returns_an_equal_architecture(name: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        architecture = SPACES[name].sample(rng)
        again = Architecture.from_json(architecture.to_json())
        assert again == architecture
        assert again.id == architecture.id
        assert again.values == architecture.values


def test_json_accepts_any_order_of_keys() -> None:
    shuffled = '{"scale": "s", "genes": {"b": 2, "a": 1}, "family": "f"}'
    assert Architecture.from_json(shuffled) == Architecture.of("f", "s", {"a": 1, "b": 2})


def test_ids_are_equal_in_another_process() -> None:
    code = (
        "import numpy as np; from nas_space.presets import SPACES\n"
        "print(*[s.sample(np.random.default_rng(7)).id for s in SPACES.values()])"
    )
    here = [space.sample(np.random.default_rng(7)).id for space in SPACES.values()]
    for seed in ("1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        there = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.split() == here


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]",
        "3",
        '{"family": "f", "scale": "s"}',
        '{"family": "f", "scale": "s", "genes": 3}',
        '{"family": "f", "scale": "s", "genes": ["ab", "c"]}',
    ],
)
def test_json_refuses_what_is_no_architecture(text: str) -> None:
    with pytest.raises(ValueError, match=r"Architecture\.json must hold family, scale and genes"):
        Architecture.from_json(text)


@pytest.mark.parametrize("value", [1.0, True, "3", None, [3]])
def test_json_refuses_genes_that_are_no_integers(value: object) -> None:
    text = json.dumps({"family": "f", "scale": "s", "genes": {"a": value}})
    with pytest.raises(ValueError, match=r"Architecture.genes must be integers.*'a'"):
        Architecture.from_json(text)


def test_json_refuses_fields_beside_the_three() -> None:
    text = '{"family": "f", "scale": "s", "genes": {}, "note": 1}'
    with pytest.raises(ValueError, match="note"):
        Architecture.from_json(text)


@pytest.mark.parametrize("genes", [(("b", 1), ("a", 1)), (("a", 1), ("a", 2))])
def test_architecture_refuses_genes_out_of_order(genes: tuple[tuple[str, int], ...]) -> None:
    with pytest.raises(ValueError, match=r"Architecture\.genes must be .* in sorted order"):
        Architecture("f", "s", genes)


def test_architecture_is_hashable_by_its_genes() -> None:
    one, same = (Architecture.of("f", "s", {"a": 1, "b": 2}) for _ in range(2))
    other = Architecture.of("f", "s", {"a": 1, "b": 3})
    assert len({one, same, other}) == 2
