"""`robustscope figures`: all for print and screen, the same bytes again, bad input told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from noises.system import SYSTEM_NOISES
from robustscope.__main__ import main
from robustscope.figures import SHOWN, draw_images
from robustscope.noise_preview import some_images
from tests.analysis_synthetic import Recipe, write_synthetic


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic(tmp_path_factory.mktemp("r") / "r.h5", Recipe(n=24, images=40))


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([str(a) for a in ("figures", *arguments)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_every_figure_is_written_three_times_or_missed_with_a_reason(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, results, "--out", tmp_path / "f")
    assert code == 0
    written = {path.name for path in (tmp_path / "f").iterdir()}
    stems = {name.rpartition(".")[0] for name in written}
    assert written == {f"{stem}.{end}" for stem in stems for end in ("png", "pdf", "csv")}
    overall = {"ranks", "pareto", "F1_size", "F2_strength", "F6_system", "severity", "F8_images"}
    assert overall <= stems
    for kind in ("F4_factors", "F4_stages", "F7_outcomes", "importance", "heatmap"):
        assert {f"{kind}_mobilenet", f"{kind}_resnet"} <= stems
    for name in ("F3_techniques", "F5_transfer", "sharing"):
        assert f"{name} is not drawn: " in out
    for stem in stems:
        assert f"{stem}: " in out


def test_only_what_is_named_and_the_same_bytes_again(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("F2_strength", "F8_images")
    for folder in ("a", "b"):
        assert run(capsys, results, "--out", tmp_path / folder, "--only", *names)[0] == 0
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(f"{name}.{end}" for name in names for end in ("png", "pdf", "csv"))
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_images_need_pixels_of_the_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_synthetic(tmp_path / "r.h5", Recipe(n=4, images=20, name="cifar10"))
    code, out, _ = run(capsys, other, "--out", tmp_path / "f", "--only", "F8_images")
    assert code == 0
    assert "F8_images is not drawn: the file holds no pixels, give images of cifar10 with" in out
    assert not (tmp_path / "f").exists()


def test_distances_of_images_are_those_of_their_pixels() -> None:
    images = some_images("digits", None, 4)
    drawing = draw_images(images, "digits")
    reference = SYSTEM_NOISES["system_reference"].render(images.encoded(range(4)), 16)
    other = SYSTEM_NOISES["opencv_area"].render(images.encoded(range(4)), 16)
    row = drawing.data.set_index("variant").loc["opencv_area"]
    gap = np.abs(other.astype(int) - reference)
    assert row["largest"] == gap.max()
    assert row["mean"] == pytest.approx(gap.mean())
    shown = [ax for ax in drawing.figure.axes if ax.get_images()]
    assert len(shown) == 2 * SHOWN * len(SYSTEM_NOISES)
    np.testing.assert_array_equal(shown[0].get_images()[0].get_array(), reference[0])


def test_figures_of_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    width, depth = rng.integers(1, 5, (2, 30))
    right = rng.binomial(1000, 0.5 + 0.05 * width) / 1000
    columns = {"width": width, "depth": depth, "clean": right, "fgsm_e1": right / 2}
    pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
    made = tmp_path / "t.h5"
    arguments = ["import", tmp_path / "t.csv", "--out", made, "--kind", "csv", "--images", 1000]
    arguments += ["--outcomes", "clean,fgsm_e1", "--factors", "width,depth"]
    arguments += ["--unit", "share"]
    assert main([str(a) for a in arguments]) == 0
    code, out, _ = run(capsys, made, "--out", tmp_path / "f")
    assert code == 0
    assert "F1_size is not drawn: neither parameters nor MACs are known." in out
    assert "explained" in out
    with Image.open(next((tmp_path / "f").glob("explained*.png"))) as image:
        assert image.size[0] > 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "F9"], "figures.only must be among ranks, pareto, F1_size"),
        (["--data", "folder:absent"], "absent"),
        (["--data", "nope"], "digits"),
    ],
)
def test_bad_options_are_one_line(
    options: list[str], said: str, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, error = run(capsys, results, "--out", tmp_path / "f", *options)
    assert (code, out, len(error.strip().splitlines())) == (2, "", 1)
    assert said in error
    assert not (tmp_path / "f").exists()


def test_bad_files_are_one_line(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "junk.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "file").write_text("")
    for source, out in (
        (tmp_path / "absent.h5", tmp_path / "f"),
        (tmp_path / "junk.h5", tmp_path / "f"),
        (results, tmp_path / "file"),
    ):
        code, said, error = run(capsys, source, "--out", out)
        assert (code, said, len(error.strip().splitlines())) == (2, "", 1)
