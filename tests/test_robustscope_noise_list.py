"""The list of noises: every entry of every table, as text, JSON and in docs/noises.md."""

import json
from pathlib import Path

import pytest

from noises.adversarial.table import ATTACKS
from noises.natural.table import NATURAL_NOISES
from noises.presets import PROTOCOLS
from noises.sequences.table import SEQUENCES
from noises.system import SYSTEM_NOISES, find_system_noise
from noises.system.inference import INFERENCE_NOISES
from noises.system.variants import EXTRA_CHOICES
from robustscope.__main__ import build_parser, main
from robustscope.noise_list import FAMILIES, KIND_SOURCES, as_markdown, list_noises

TABLES = {
    "natural": (NATURAL_NOISES,),
    "system": (SYSTEM_NOISES, EXTRA_CHOICES),
    "inference": (INFERENCE_NOISES,),
    "sequence": (SEQUENCES,),
}
DOCUMENT = Path(__file__).parents[1] / "docs" / "noises.md"


def printed(arguments, capsys):
    assert main(["noise", "list", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


@pytest.mark.parametrize("family", TABLES)
def test_list_has_every_entry_of_every_table_in_order(family):
    names = [name for table in TABLES[family] for name in table]
    assert [noise.name for noise in list_noises(32, family)] == names
    assert all(noise.source and noise.family == family for noise in list_noises(32, family))


def test_list_has_every_kind_of_attack_and_every_setting_of_every_protocol():
    noises = list_noises(32, "adversarial")
    assert [n.name for n in noises if n.group == "kind"] == list(ATTACKS) == list(KIND_SOURCES)
    for make in PROTOCOLS.values():
        protocol = make(32)
        for attack in (*protocol.attacks, *protocol.transfer):
            found = [
                n
                for n in noises
                if n.name == attack.name and protocol.name in n.parameters.get("protocols", [])
            ]
            assert any(n.parameters.get("budgets") == attack.budgets for n in found)
            assert all(n.source == attack.source for n in found)


@pytest.mark.parametrize("size", [16, 32, 224])
def test_settings_are_the_attacks_of_the_protocols_but_for_defaults(size):
    quick = {attack.name: attack for attack in PROTOCOLS["quick"](size).attacks}
    for noise in list_noises(size, "adversarial"):
        if "quick" in noise.parameters.get("protocols", []):
            settings = {k: v for k, v in noise.parameters.items() if k != "protocols"}
            described = ATTACKS[noise.group].describes
            again = described(name=noise.name, source=noise.source, **settings)
            assert again == quick.pop(noise.name)
    assert quick == {}


@pytest.mark.parametrize("size", [16, 32, 224])
def test_constants_are_those_of_the_size(size):
    for noise in list_noises(size, "natural"):
        for severity in (1, 2, 3, 4, 5):
            row = {name: values[severity - 1] for name, values in noise.parameters.items()}
            assert row == NATURAL_NOISES[noise.name].constants(severity, size)
    for noise in list_noises(size, "sequence"):
        values = dict(noise.parameters)
        assert values.pop("frames") == SEQUENCES[noise.name].frames(size)
        for difficulty in range(1, SEQUENCES[noise.name].difficulties + 1):
            row = {name: column[difficulty - 1] for name, column in values.items()}
            assert row == SEQUENCES[noise.name].constants(size, difficulty)


def test_system_variants_are_what_their_names_stand_for():
    for noise in list_noises(32, "system"):
        try:
            variant = find_system_noise(noise.name)
        except ValueError:
            assert "needs" in noise.parameters  # not installed here
            continue
        assert noise.source == variant.source
        for part in ("decoder", "resizer", "colour"):
            assert noise.parameters[part] == getattr(variant, part)
            assert (part in noise.group) or noise.parameters[part] == getattr(
                find_system_noise("system_reference"), part
            )


def test_table_is_aligned_and_fits_120_columns(capsys):
    lines = printed([], capsys).splitlines()
    assert max(map(len, lines)) <= 120
    rule = lines[1]
    starts = [0] + [i + 2 for i in range(len(rule)) if rule[i : i + 2] == "  "]
    assert [lines[0][s:].split()[0] for s in starts] == [
        "name",
        "family",
        "group",
        "parameters",
        "source",
    ]
    noises = list_noises(32)
    body, sources = lines[2 : lines.index("")], lines[lines.index("") + 1 :]
    rows = [line for line in body if line[starts[1] : starts[2]].strip() in FAMILIES]
    assert len(rows) == len(noises)
    for row, noise in zip(rows, noises, strict=True):
        assert row[starts[1] : starts[2]].strip() == noise.family
        assert row[starts[2] : starts[3]].strip() == noise.group
        assert f"{row[starts[4] :].strip()} {noise.source}" in sources
        assert row.split()[0] == noise.name or noise.name in body


def test_table_shows_constants_and_budgets_compactly(capsys):
    text = printed(["--family", "natural"], capsys)
    assert "deviation 0.04 0.06 0.08 0.09 0.1 " in text
    assert "sigma 0.05 0.25 0.4 0.25 0.4; shift 1; rounds 1 1 1 2 2" in text  # shift never changes
    assert "budgets 0.5/255 2/255 8/255" in printed(["--family", "adversarial"], capsys)
    text = printed(["--family", "system", "--size", "224"], capsys)
    assert "resized_to 256; cropped_to 224" in text


@pytest.mark.parametrize("family", FAMILIES)
def test_json_holds_the_same_as_the_list(family, capsys):
    parsed = json.loads(printed(["--family", family, "--size", "224", "--json"], capsys))
    expected = [
        {
            "name": n.name,
            "family": n.family,
            "group": n.group,
            "parameters": json.loads(json.dumps(n.parameters)),
            "source": n.source,
        }
        for n in list_noises(224, family)
    ]
    assert parsed == expected


def test_document_holds_the_tables_as_they_are():
    assert DOCUMENT.read_text(encoding="utf-8").endswith(f"\n\n{as_markdown(list_noises(32))}\n"), (
        "write the tables of docs/noises.md anew: robustscope noise list --markdown"
    )


def test_help_names_every_family(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["noise", "list", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "adversarial, natural, system, inference or sequence" in text
    assert list(FAMILIES) == ["adversarial", "natural", "system", "inference", "sequence"]
