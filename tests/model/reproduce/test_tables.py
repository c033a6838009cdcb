"""The published tables and the recipes of their rows."""

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.config import Recipe, read_recipe
from model.reproduce.jobs import RECIPES
from model.reproduce.tables import FIGURE5, TABLE2, TABLE4, TABLE5, TABLE6, TABLES, Row, Table

ALL_ROWS = [row for table in (TABLE2, TABLE4, TABLE5, TABLE6) for row in table.rows]


def recipe_of(row: Row) -> Recipe:
    return read_recipe(RECIPES / f"{row.recipe}.toml")


def header(row: Row) -> str:
    lines = (RECIPES / f"{row.recipe}.toml").read_text().splitlines()
    return " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))


def flat(recipe: Recipe) -> dict[str, Any]:
    """`table.key` -> value."""
    content = recipe.model_dump(mode="json")
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    plain = {name: value for name, value in content.items() if name not in tables}
    return plain | {f"{name}.{key}": value for name, table in tables.items() for key, value in table.items()}


def differing(rows: list[Row]) -> set[str]:
    """Keys that not all rows have alike."""
    contents = [flat(recipe_of(row)) for row in rows]
    keys = {key for content in contents for key in content}
    return {key for key in keys if any(content.get(key) != contents[0].get(key) for content in contents)} - {"name"}


def of_network(table: Table, name: str) -> list[Row]:
    return [row for row in table.rows if row.label.startswith(name) and "LPN" not in row.label]


def test_rows_of_table_5_differ_in_their_deconvolutions_alone() -> None:
    assert differing(list(TABLE5.rows)) == {"network.deconvolutions"}


def test_rows_of_table_6_differ_in_their_loss_alone() -> None:
    assert {key.partition(".")[0] for key in differing(list(TABLE6.rows))} == {"loss"}


@pytest.mark.parametrize("network", ["FasterPose", "SimpleBaseline"])
def test_rows_of_table_2_differ_in_trunk_and_resolution_alone(network: str) -> None:
    rows = of_network(TABLE2, network)
    assert len(rows) == 6
    assert differing(rows) == {"network.trunk", "codec.input_size", "codec.sigma"}


@pytest.mark.parametrize("network", ["FasterPose", "SimpleBaseline"])
def test_rows_of_table_4_differ_in_their_trunk_alone(network: str) -> None:
    rows = of_network(TABLE4, network)
    assert len(rows) == 3
    assert differing(rows) == {"network.trunk"}


def test_fasterposes_rows_are_trained_with_its_loss_and_augmentation_and_the_others_with_theirs() -> None:
    for table in (TABLE2, TABLE4):
        for row in table.rows:
            recipe = recipe_of(row)
            assert (recipe.loss.kind == "rce") == row.label.startswith("FasterPose")
            if table is TABLE2:
                assert (recipe.augmentation.half_body_probability > 0) == row.label.startswith("FasterPose")


def test_what_the_tables_and_the_figure_compare_has_one_epsilon() -> None:
    """Losses of other scale must not meet another share of it; see docs/reproduction.md."""
    rows = [*TABLE5.rows, *TABLE6.rows, *(row for row in ALL_ROWS if row.label.startswith("FasterPose"))]
    assert {recipe_of(row).optimiser.epsilon for row in rows} == {1e-12}


def test_the_convergence_figure_has_low_and_high_resolution_under_one_recipe_but_network_and_loss() -> None:
    keys = {key.partition(".")[0] for key in differing(list(FIGURE5.rows))}
    assert keys == {"network", "loss"}
    assert {row.recipe for row in FIGURE5.rows} <= {row.recipe for row in ALL_ROWS}


@pytest.mark.parametrize("row", ALL_ROWS, ids=lambda row: row.recipe)
def test_a_recipes_head_states_what_its_row_prints(row: Row) -> None:
    main = next(name for name in ("AP", "Mean") if name in row.printed)
    words = {"AP": "AP", "Mean": "mean PCKh"}[main]
    assert f"{words} {row.printed[main]}" in header(row)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_table_prints_figures_of_its_columns_in_percent(table: Table) -> None:
    for row in table.rows:
        assert set(row.printed) <= set(table.columns)
        assert all(re.fullmatch(r"\d\d\.\d", figure) for figure in row.printed.values())
    assert len({row.label for row in table.rows}) == len({row.recipe for row in table.rows}) == len(table.rows)


def test_every_recipe_of_a_table_is_a_file() -> None:
    missing = [row.recipe for row in ALL_ROWS if not Path(RECIPES / f"{row.recipe}.toml").is_file()]
    assert missing == []
