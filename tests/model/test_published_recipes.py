"""The recipes of published trainings: what each network costs (FACTS.md), and what its head says of it."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from model.build import build_network
from model.cli import RECIPES
from model.config import Recipe, read_recipe
from model.cost import Cost, count_cost
from model.network_recipes import (
    AnyNetwork,
    EfficientPoseRecipe,
    FasterPoseRecipe,
    GRmiRecipe,
    HRNetRecipe,
    LiteHRNetRecipe,
    LpnRecipe,
    SimpleBaselineRecipe,
)
from model.published import PUBLISHED, PublishedCost
from tests.model.test_cost_report import KNOWN

PUBLISHED_RECIPES = sorted(path for path in RECIPES.glob("*.toml") if not path.name.startswith("small-data"))
TABLE_5 = ("8x6: LHR", "16x12: 1 deconv, LHR", "32x24: 2 deconv, LHR")


def published_name(network: AnyNetwork) -> str:  # noqa: PLR0911 - one for each architecture
    """What docs/costs.md calls a recipe's network."""
    match network:
        case FasterPoseRecipe(trunk=trunk):
            return f"FasterPose {_short(trunk)}"
        case SimpleBaselineRecipe(trunk=trunk, deconvolutions=count):
            return f"SimpleBaseline {_short(trunk)}" if count == 3 else f"Table 5, {TABLE_5[count]}"
        case LpnRecipe(trunk=trunk):
            return _short(trunk)
        case LiteHRNetRecipe(depth=depth):
            return f"Lite-HRNet-{depth}"
        case HRNetRecipe(width=width):
            return f"HRNet-W{width}"
        case EfficientPoseRecipe(variant=variant):
            return f"EfficientPose-{variant.upper()}"
        case GRmiRecipe():
            return "G-RMI R101"


def _short(trunk: str) -> str:
    return trunk.replace("resnet", "R").replace("lpn", "LPN-")


def published_cost(recipe: Recipe) -> PublishedCost:
    key = (published_name(recipe.network), recipe.skeleton.build().num_keypoints, recipe.codec.input_size)
    (row,) = (row for row in PUBLISHED if (row.name, row.keypoints, row.input_size) == key)
    return row


def head_of(path: Path) -> str:
    return " ".join(line.removeprefix("# ") for line in path.read_text().splitlines() if line.startswith("#"))


@pytest.fixture(scope="module")
def costs() -> dict[str, Cost]:
    """Recipe's name -> its network's cost; networks that several recipes have are counted once."""
    counted: dict[tuple[AnyNetwork, int, tuple[int, int]], Cost] = {}
    named: dict[str, Cost] = {}
    for path in PUBLISHED_RECIPES:
        recipe = read_recipe(path)
        key = (recipe.network, recipe.skeleton.build().num_keypoints, recipe.codec.input_size)
        if key not in counted:
            with torch.device("meta"):
                network = build_network(recipe)
            counted[key] = count_cost(network, recipe.codec.input_size)
        named[path.stem] = counted[key]
    return named


def test_recipes_are_here() -> None:
    assert len(PUBLISHED_RECIPES) >= 50


@pytest.mark.parametrize("path", PUBLISHED_RECIPES, ids=lambda path: path.stem)
def test_a_recipes_network_costs_what_is_known_of_it(path: Path, costs: dict[str, Cost]) -> None:
    row, cost = published_cost(read_recipe(path)), costs[path.stem]
    (known,) = (known for known in KNOWN if known[:3] == (row.name, row.keypoints, row.input_size))
    assert cost.parameters == known[3]
    assert known[4] == (round(cost.torchstat_millions, 2) if row.convention == "S" else round(cost.gflops, 3))


@pytest.mark.parametrize("path", PUBLISHED_RECIPES, ids=lambda path: path.stem)
def test_a_recipes_head_tells_its_cost_and_where_the_printed_one_differs(path: Path, costs: dict[str, Cost]) -> None:
    row, cost, head = published_cost(read_recipe(path)), costs[path.stem], head_of(path)
    operations = f"{cost.torchstat_millions:.1f} M operations" if row.convention == "S" else f"{cost.gflops:.2f} GFLOPs"
    assert f"Counted here: {cost.parameters:,} parameters, {operations} in the paper's way" in head
    assert f"{cost.gmacs:.3f} G multiply-adds" in head
    told = {
        int(number)
        for group in re.findall(r"notes? ((?:\d+(?: and )?)+) of docs", head)
        for number in re.findall(r"\d+", group)
    }
    assert told == set(row.notes)
    assert not row.operations or re.search(rf"\b{re.escape(row.operations)}\b", head)


def test_every_network_of_the_paper_has_a_recipe_but_those_that_it_only_quotes() -> None:
    named = {published_cost(read_recipe(path)).name for path in PUBLISHED_RECIPES}
    without = {row.name for row in PUBLISHED} - named
    # plain heads of Table 5 that its text excludes, and G-RMI, whose training (asynchronous SGD, offsets) is not here
    assert without == {
        *("Table 5, 8x6: LHR, 16 joints", "Table 5, 8x6: 1x1", "Table 5, 16x12: 1 deconv, 1x1"),
        *("Table 5, 32x24: 2 deconv, 1x1", "Table 5, 64x48: 3 deconv", "G-RMI R101"),
    }


def test_resolution_sets_sigma() -> None:
    """FACTS.md: sigma 2 at heatmaps 64 high, 3 at 96."""
    for path in PUBLISHED_RECIPES:
        codec = read_recipe(path).codec
        assert codec.sigma == (3 if codec.input_size[1] == 384 else 2)
        assert (codec.alignment, codec.centre) == ("stride", "rounded")
