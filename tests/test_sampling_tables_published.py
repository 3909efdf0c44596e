"""Formats that others published become counts that can be worked out by hand."""

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.pipeline import analyze
from analysis.query import query
from sampling.store import open_results, verify
from sampling.tables.imported import Request
from sampling.tables.importing import KINDS, import_table
from sampling.tables.nas_robbench201 import METRICS
from sampling.tables.nasbench201 import EDGES, OPERATIONS, Cell, parse_cell
from sampling.tables.streams import TableError

REFERENCE = Path(os.environ.get("ROBUSTSCOPE_REFERENCE", "absent"))
CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"
OTHER = CELL.replace("avg_pool_3x3", "none")
WANG = {
    "name": "Better Diffusion Models",
    "dataset": "cifar10",
    "architecture": "WideResNet-28-10",
    "eps": "8/255",
    "clean_acc": "92.44",
    "autoattack_acc": "67.31",
    "additional_data": False,
    "number_forward_passes": 1,
    "unreliable": False,
}
OLD = {
    "dataset": "cifar10",
    "architecture": "PreActResNet-18",
    "eps": "8/255",
    "clean_acc": 85,
    "AA": "40.2",
    "external": "39.9",
    "additional_data": True,
    "unreliable": True,
}


def robustbench(tmp_path: Path, **files: Any) -> Path:
    folder = tmp_path / "Linf"
    folder.mkdir()
    for name, said in files.items():
        (folder / f"{name}.json").write_text(said if isinstance(said, str) else json.dumps(said))
    return folder


def counts_of(path: Path) -> dict[tuple[str, int, str], tuple[int, int]]:
    """(id, seed, condition) to (evaluated, correct)."""
    with open_results(path) as results:
        tried, right = results.counts()
        rows = zip(results.networks["id"], results.networks["seed"], strict=True)
        return {
            (i, s, c): (int(tried[n, m]), int(right[n, m]))
            for n, (i, s) in enumerate(rows)
            for m, c in enumerate(results.conditions["name"])
        }


def test_robustbench_files_become_counts_of_their_images(tmp_path: Path) -> None:
    folder = robustbench(tmp_path, Wang2023=WANG, Old2019=OLD)
    found = import_table(folder, "robustbench", tmp_path / "r.h5", Request())
    assert verify(tmp_path / "r.h5").ok
    got = counts_of(tmp_path / "r.h5")
    assert got["Wang2023", 0, "clean"] == (10_000, 9244)
    assert got["Wang2023", 0, "autoattack_linf_e1"] == (10_000, 6731)
    assert got["Wang2023", 0, "external_e1"] == (0, 0)
    assert got["Old2019", 0, "autoattack_linf_e1"] == (10_000, 4020)
    assert got["Old2019", 0, "external_e1"] == (10_000, 3990)
    assert "flags 1 evaluations as unreliable" in " ".join(found.campaign.notes)
    with open_results(tmp_path / "r.h5") as results:
        factors, families = results.factors, list(results.networks["family"])
        budget = json.loads(results.conditions["parameters"][1])["eps"]
    assert families == ["preactresnet", "wideresnet"]
    np.testing.assert_array_equal(factors["layers"], [18, 28])
    np.testing.assert_array_equal(factors["widen_factor"], [np.nan, 10])
    np.testing.assert_array_equal(factors["unreliable"], [1, 0])
    assert budget == pytest.approx(8 / 255)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clean_acc": "92,4"}, "import.clean_acc must be a number; got '92,4'"),
        ({"clean_acc": "924.4"}, "from 0 to 100; got 924.4 in row 1, column 'clean'"),
        ({"clean_acc": True}, "import.clean_acc must be a number"),
        ({"autoattack_acc": []}, "import.autoattack_acc must be a number"),
        ({"eps": "8/0"}, "import.eps must be"),
        ({"eps": "large"}, "import.eps must be"),
        ({"eps": "9" * 400}, "import.eps must be finite"),
        ({"dataset": "mnist"}, "import.images must be said for the data set 'mnist'"),
    ],
)
def test_robustbench_refuses_bad_fields(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = robustbench(tmp_path, a=WANG | change)
    with pytest.raises(TableError) as caught:
        import_table(folder, "robustbench", tmp_path / "r.h5", Request())
    assert said in str(caught.value)
    assert not (tmp_path / "r.h5").exists()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "must be a folder of JSON files"),
        ({"a": "{"}, "must be JSON"),
        ({"a": "[]"}, "must have clean_acc in every file"),
        ({"a": {"name": "x"}}, "must have clean_acc in every file"),
        ({"a": WANG, "b": WANG | {"dataset": "imagenet"}}, "must be one for all files"),
        ({"a": '{"clean_acc": "1"' + " " * (1 << 20) + "}"}, "must unpack to at most 1,048,576"),
    ],
)
def test_robustbench_refuses_folders_of_something_else(
    tmp_path: Path, files: dict[str, Any], said: str
) -> None:
    folder = robustbench(tmp_path, **files)
    with pytest.raises(TableError, match=re.escape(said)):
        import_table(folder, "robustbench", tmp_path / "r.h5", Request())


def test_a_cell_is_read_edge_by_edge() -> None:
    conv, pool, skip = "nor_conv_3x3", "avg_pool_3x3", "skip_connect"
    assert parse_cell(CELL) == (conv, conv, pool, skip, conv, "none")
    factors = Cell(CELL, {"macs": 3.0}).factors
    assert (factors["n_nor_conv_3x3"], factors["n_none"], factors["macs"]) == (3, 1, 3)
    assert (factors["e1_2_avg_pool_3x3"], factors["e1_2_none"], factors["e0_1_none"]) == (1, 0, 0)
    assert sum(factors[f"{e}_{o}"] for e in EDGES for o in OPERATIONS) == 6


@pytest.mark.parametrize(
    "text",
    ["", CELL[:-1], CELL.replace("~2", "~1"), CELL.replace("none", "conv"), CELL + "+|none~0|"],
)
def test_what_is_no_cell_is_refused(text: str) -> None:
    with pytest.raises(TableError, match="must be a NAS-Bench-201 string"):
        parse_cell(text)


def nasbench(tmp_path: Path) -> Path:
    text = "arch_id,clean,pgd_linf_eps1.0,fgsm_linf_eps1.0,fgsm_linf_eps8.0,fog_s2\n"
    (tmp_path / "nb201_robustness_cifar10.csv.gz").write_bytes(
        gzip.compress(f"{text}7,0.9,0.25,0.3,0.1,0.655\n12,0.8,0.5,0.4,0.2,0.1\n".encode())
    )
    (tmp_path / "nb201_architectures.csv").write_text(
        f"arch_id,nb201_string,macs_32px\n12,{OTHER},5\n7,{CELL},9\n"
    )
    return tmp_path


def test_nasbench201_joins_cells_and_ranks_budgets(tmp_path: Path) -> None:
    import_table(nasbench(tmp_path), "nasbench201", tmp_path / "r.h5", Request())
    got = counts_of(tmp_path / "r.h5")
    assert got["nb201-7", 0, "pgd_linf_e1"] == (10_000, 2500)
    assert got["nb201-7", 0, "fgsm_linf_e2"] == (10_000, 1000)
    assert got["nb201-12", 0, "fog_s2"] == (10_000, 1000)
    with open_results(tmp_path / "r.h5") as results:
        answer = query(results, "e1_2_none == 1 and macs < 9", ["fgsm_linf", "natural"]).flat()
    assert answer["id"] == ["nb201-12"]
    assert np.asarray(answer["fgsm_linf"]) == pytest.approx([0.3])


def test_nasbench201_refuses_networks_without_a_cell(tmp_path: Path) -> None:
    folder = nasbench(tmp_path)
    (folder / "nb201_architectures.csv").write_text(f"arch_id,nb201_string\n12,{OTHER}\n")
    with pytest.raises(TableError, match="got none of row 1, column 'arch_id'"):
        import_table(folder, "nasbench201", tmp_path / "r.h5", Request())
    (folder / "nb201_architectures.csv").unlink()
    with pytest.raises(TableError, match="Say --architectures FILE"):
        import_table(folder, "nasbench201", tmp_path / "r.h5", Request())


def published(value: Any) -> dict[str, Any]:
    """One architecture as the published files have it."""
    names = [names[-1] for names, _ in METRICS.values()]
    return dict(zip([n.replace("clean_acc", "val_acc") for n in names], value, strict=True))


def robbench(tmp_path: Path, said: Any, request: Request | None = None) -> dict[Any, Any]:
    path = tmp_path / "all.json"
    path.write_text(said if isinstance(said, str) else json.dumps(said))
    import_table(path, "nas-robbench-201", tmp_path / "r.h5", request or Request())
    return counts_of(tmp_path / "r.h5")


def test_nas_robbench201_has_a_row_per_seed(tmp_path: Path) -> None:
    shares = [{"0": 0.8 - k / 10, "1": 0.7 - k / 10, "threeseed": 0.75} for k in range(6)]
    (tmp_path / "meta.json").write_text(json.dumps({"ids": {"4": {"nb201-string": CELL}}}))
    got = robbench(tmp_path, {"cifar10": {"4": published(shares)}, "cifar100": {}})
    assert got["nb201-4", 0, "clean"] == (10_000, 8000)
    assert got["nb201-4", 1, "pgd_linf_e1"] == (10_000, 5000)
    assert got["nb201-4", 0, "autoattack_linf_e2"] == (10_000, 3000)


def test_nas_robbench201_is_read_by_string_with_means_over_seeds(tmp_path: Path) -> None:
    shares = [{"threeseed": 0.8}, *[{"threeseed": 0.5}] * 4, 0.25]
    got = robbench(tmp_path, {CELL: published(shares)})
    assert got[f"nb201-{CELL}", 0, "clean"] == (10_000, 8000)
    assert got[f"nb201-{CELL}", 0, "autoattack_linf_e2"] == (10_000, 2500)


def test_nas_robbench201_reads_the_list_of_the_project_page(tmp_path: Path) -> None:
    shares = [k / 100 for k in range(18)]
    said = f"acc={json.dumps({CELL: shares})};"
    got = robbench(tmp_path, said, Request(dataset="imagenet"))
    assert got[f"nb201-{CELL}", 0, "clean"] == (6000, 720)
    assert got[f"nb201-{CELL}", 0, "pgd_linf_e1"] == (6000, 840)
    assert got[f"nb201-{CELL}", 0, "fgsm_linf_e2"] == (6000, 900)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], "must map architectures to accuracies; got list"),
        ({}, "must hold networks; got none"),
        ({CELL: 3}, "got int for"),
        ({CELL: [0.1] * 6}, "got a list of 6"),
        ({CELL: {"pgd_3": 0.1}}, "got no clean accuracy"),
        ({CELL: {"clean": "0.3"}}, "import.clean must be a finite number; got '0.3'"),
        ({CELL: {"clean": 10**400}}, "import.clean must be a finite number"),
        ({CELL: {"clean": 1.5}}, "must be a share from 0 to 1; got 1.5 in row 1"),
        ({"17": {"clean": 0.5}}, "Say --architectures FILE"),
        ({"|x": {"clean": 0.5}}, "must be a NAS-Bench-201 string"),
        ('{"a": NaN}', "got float for 'a'"),
    ],
)
def test_nas_robbench201_refuses_other_layouts(tmp_path: Path, said: Any, expected: str) -> None:
    with pytest.raises(TableError) as caught:
        robbench(tmp_path, said)
    assert expected in str(caught.value)


def test_kinds_and_places_are_checked(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    with pytest.raises(TableError, match=r"import\.table must be there"):
        import_table(table, "csv", tmp_path / "r.h5", Request())
    table.write_text("a")
    with pytest.raises(TableError, match=r"import\.kind must be one of csv, robustbench"):
        import_table(table, "xml", tmp_path / "r.h5", Request())
    with pytest.raises(TableError, match="another file than the table"):
        import_table(table, "csv", table, Request())
    assert table.read_text() == "a"


def test_analysis_of_an_imported_table_says_what_it_cannot(tmp_path: Path) -> None:
    import_table(nasbench(tmp_path), "nasbench201", tmp_path / "r.h5", Request())
    summary = analyze(tmp_path / "r.h5", tmp_path / "out")
    said = " ".join(summary.sentences)
    assert "no regression on what was chosen: needs 10 independent networks; has 2." in said
    assert "adversarial (needs to know which images were right" in summary.sentences[1]
    table = pd.read_csv(summary.tables["networks"]).set_index("id")
    assert table.loc["nb201-7", "fgsm_linf"] == pytest.approx(0.2)
    assert table.loc["nb201-7", "pgd_linf_e1_low"] < 0.25 < table.loc["nb201-7", "pgd_linf_e1_high"]
    drops = pd.read_csv(summary.tables["conditions"]).set_index("name")["median_drop"]
    assert drops["pgd_linf_e1"] == pytest.approx(np.median([0.65, 0.3]))


@pytest.mark.reference
@pytest.mark.skipif(
    not (REFERENCE / "nb201_architectures.csv.gz").is_file(), reason="no reference data folder"
)
def test_nasbench201_of_the_reference_is_read_whole(tmp_path: Path) -> None:
    import_table(
        REFERENCE / "nb201_robustness_cifar10.csv.gz", "nasbench201", tmp_path / "r.h5", Request()
    )
    table = pd.read_csv(REFERENCE / "nb201_robustness_cifar10.csv.gz").set_index("arch_id")
    cells = pd.read_csv(REFERENCE / "nb201_architectures.csv.gz").set_index("arch_id")
    with open_results(tmp_path / "r.h5") as results:
        order = [int(i.removeprefix("nb201-")) for i in results.networks["id"]]
        tried, right = results.counts()
        macs, convs = results.factor("macs"), results.factor("n_nor_conv_3x3")
    assert (tried == 10_000).all()
    np.testing.assert_array_equal(right[:, 0] / 1e4, table["clean"].loc[order])
    np.testing.assert_allclose(right.sum(0) / 1e4, table.sum(axis=0))
    np.testing.assert_array_equal(macs, cells["macs_32px"].loc[order])
    np.testing.assert_array_equal(convs, cells["n_conv3x3"].loc[order])


def test_every_kind_is_on_the_command_line() -> None:
    from robustscope.commands.import_table import KINDS as SAID

    assert list(KINDS) == list(SAID)
