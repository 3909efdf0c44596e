"""`robustscope sample` writes networks that `robustscope run --architectures` reads as drawn."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nas_space.files import read_architectures
from nas_space.presets import SPACES
from robustscope.__main__ import build_parser, main
from robustscope.commands.options import read_settings
from robustscope.networks import choose_networks, listed_networks, supernet_plans
from robustscope.settings import DESIGN, Settings, check_folder
from sampling.design import DEFAULT, DESIGNS, draw
from sampling.design.entries import read_draws

PAIRS = ("sample", "--space", "mobilenet-digits", "--design", "pairs", "--count", "12")

WHOLE = {"architecture": json.loads(SPACES["resnet-digits"].extreme(largest=True).to_json())}


def run_settings(*arguments: str) -> Settings:
    return read_settings(build_parser().parse_args(["run", *arguments]))


def test_sample_writes_what_the_design_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "architectures.json"
    assert main([*PAIRS, "--seed", "7", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "12 networks of mobilenet-digits in 6 design units" in said
    assert f"Design pairs: {DESIGNS['pairs'].about}." in said
    assert read_draws(out) == draw(SPACES["mobilenet-digits"], 12, 7, DESIGNS["pairs"])
    first = out.read_bytes()
    assert main([*PAIRS, "--seed", "7", "--out", str(out)]) == 0
    assert out.read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["architectures.json"]


def test_run_keeps_the_design_and_unit_of_sampled_networks(tmp_path: Path) -> None:
    out = tmp_path / "architectures.json"
    assert main([*PAIRS, "--out", str(out)]) == 0
    settings = run_settings("--architectures", str(out), "--space", "mobilenet")
    listed = listed_networks(settings)
    networks = choose_networks(settings, supernet_plans(settings, tmp_path, 10, ()), listed)
    draws = read_draws(out)
    assert [(n.id, n.design, n.pair) for n in networks] == [
        (d.architecture.id, d.design, d.unit) for d in draws
    ]
    assert len({n.pair for n in networks}) == 6


def test_plain_and_drawn_entries_stand_in_one_list(tmp_path: Path) -> None:
    out = tmp_path / "list.json"
    one, other = (SPACES["resnet-digits"].extreme(largest) for largest in (True, False))
    entry = {"architecture": json.loads(other.to_json()), "design": "mine", "unit": "u1"}
    out.write_text(json.dumps([json.loads(one.to_json()), entry]))
    assert [(d.architecture, d.design, d.unit) for d in read_draws(out)] == [
        (one, "listed", one.id),
        (other, "mine", "u1"),
    ]
    with pytest.raises(ValueError, match=r"entry 2: Architecture\.json must hold"):
        read_architectures(out)


def test_sample_draws_around_the_network_of_a_file(tmp_path: Path) -> None:
    centre, out = tmp_path / "centre.json", tmp_path / "ring.json"
    space = SPACES["resnet-digits"]
    centre.write_text(space.extreme(largest=False).to_json())
    arguments = ["sample", "--space", space.name, "--design", "neighbours", "--count", "5"]
    assert main([*arguments, "--around", str(centre), "--out", str(out)]) == 0
    ring = [d.architecture for d in read_draws(out)]
    assert ring[0] == space.extreme(largest=False)
    assert set(ring[1:]) <= set(space.neighbours(ring[0]))


def test_run_draws_by_the_design_it_is_given(tmp_path: Path) -> None:
    settings = run_settings("--design", "cubes", "--subnets", "80")
    plans = supernet_plans(settings, tmp_path, 10, ())
    networks = choose_networks(settings, plans, {})
    assert len(networks) == 80
    assert all(n.design.startswith("cube:") for n in networks)
    assert run_settings().design == DESIGN == DEFAULT.name


def test_runs_from_before_there_were_designs_have_the_default_one(tmp_path: Path) -> None:
    settings = run_settings()
    before = json.loads(settings.to_json())
    assert before.pop("design") == DESIGN
    (tmp_path / "settings.json").write_text(json.dumps(before))
    check_folder(tmp_path, settings)
    with pytest.raises(ValueError, match=r"run\.design must be as before .* got cubes, was mix"):
        check_folder(tmp_path, run_settings("--design", "cubes"))


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    return captured.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--space", "vgg"], "Space.name must be one of mobilenet-digits"),
        (["--design", "lhs"], "Design.name must be one of mixture, genes"),
        (["--design", ""], "Design.name must be one of mixture, genes"),
        (["--count", "0"], "design.count must be 2 to 241920 networks of mobilenet-digits"),
        (["--count", "7", "--design", "cubes"], "design.count must be 8 to 241920"),
        (["--count", "241921"], "design.count must be 2 to 241920"),
        (["--seed", "-1"], "sample.seed must be 0 to 4294967295; got -1"),
        (["--classes", "0"], "sample.classes must be 1 to"),
        (["--out", "absent/list.json"], "sample.out must be a file in a folder that exists"),
        (["--out", "."], "sample.out must be a file in a folder that exists"),
        (["--out", "foreign.json"], "sample.out must be new or what sample wrote before; got"),
        (["--around", "list.json"], "sample.around must be left out for design pairs"),
        (["--design", "neighbours", "--around", "absent"], "must be a JSON file of one"),
        (["--design", "neighbours", "--around", "list.json"], "must be a JSON file of one"),
        (["--design", "neighbours", "--around", "foreign.json"], "must be of space mobilenet-digi"),
    ],
)
def test_sample_refuses_bad_input_and_writes_nothing(
    change: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text("[]")
    foreign = SPACES["resnet-digits"].extreme(largest=True)
    (tmp_path / "foreign.json").write_text(foreign.to_json())
    assert said in refused([*PAIRS, "--out", "out.json", *change], capsys)
    assert {path.name for path in tmp_path.iterdir()} == {"list.json", "foreign.json"}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"unit": "u1"}, "entry 1: Architecture.json must hold family, scale and genes"),
        ({"architecture": 3}, "entry 1: Architecture.json must hold"),
        (WHOLE | {"pair": "u1"}, "entry 1: Draw.entry must hold architecture, design, unit alone"),
        (WHOLE | {"unit": 3}, "entry 1: Draw.unit must be text; got 3"),
        (WHOLE | {"design": "\0"}, "entry 1: Draw.design must be text without NUL"),
    ],
)
def test_run_refuses_entries_that_are_no_draws(
    entry: dict[str, object], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([entry]))
    options = ["run", "--architectures", str(path), "--out", str(tmp_path / "out")]
    assert said in refused(options, capsys)


def test_run_refuses_a_design_it_cannot_follow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "--out", str(tmp_path / "out")]
    assert "Design.name must be one of" in refused([*run, "--design", "lhs"], capsys)
    listed = ["--architectures", "list.json", "--design", "pairs"]
    assert "run.design must be left out" in refused([*run, *listed], capsys)
    few = ["--design", "cubes", "--subnets", "14"]
    assert "design.count must be 8 to" in refused([*run, *few], capsys)
    assert not (tmp_path / "out").exists()


def test_help_names_every_design(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sample", "--help"])
    said = capsys.readouterr().out.partition("Designs:")[2].split()
    assert set(DESIGNS) <= {word.strip(",()") for word in said}


def test_sample_needs_no_torch() -> None:
    code = "import sys, robustscope.sample; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
