from pathlib import Path

import torch

from robustscope.networks import family_recipe, supernet_plans
from robustscope.presets import PRESETS
from robustscope.settings import Settings


def settings(*technique: str) -> Settings:
    return Settings(
        preset="digits", data="digits", spaces=("mobilenet", "vit"), subnets=4, images=20,
        epochs=2, protocol="quick", device="cpu", seed=3, architectures="", technique=technique,
    )  # fmt: skip


def test_every_family_has_the_techniques_of_the_preset_and_its_own() -> None:
    usual = PRESETS["digits"].techniques
    mobilenet, vit = (plan.recipe for plan in supernet_plans(settings(), Path("x"), 10, ()))
    assert mobilenet.techniques == usual
    assert vit.techniques == (*usual, "adamw:rate=0.003")
    assert (vit.epochs, vit.seed) == (2, 3)
    assert (mobilenet.batch, vit.batch) == (64, 16)


def test_an_optimizer_asked_for_takes_the_place_of_the_familys() -> None:
    assert family_recipe(settings("lion"), "vit").techniques[-1] == "lion"
    assert "adamw:rate=0.003" not in family_recipe(settings("lion"), "vit").techniques
    assert "adamw:rate=0.003" in family_recipe(settings("ema"), "vit").techniques


def test_a_technique_asked_for_takes_the_place_of_the_presets() -> None:
    recipe = family_recipe(settings("shift:share=0.25"), "mobilenet")
    assert [spec.partition(":")[0] for spec in recipe.techniques] == ["zoom", "shift"]


def test_kernel_transform_is_a_technique_of_the_supernet(tmp_path: Path) -> None:
    plain, mapped = (
        supernet_plans(settings(*technique), tmp_path, 10, ("mobilenet",))[0].build()
        for technique in ((), ("kernel_transform",))
    )
    assert not plain.kernel_transform
    assert mapped.kernel_transform
    weights = plain.state_dict()
    assert all(torch.equal(mapped.state_dict()[name], weights[name]) for name in weights)
