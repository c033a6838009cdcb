"""docs/reproduction.md: the table of recipes is what is counted, and its commands are ones."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.config import read_recipe
from model.reproduce.jobs import RECIPES, SETTINGS
from model.reproduce.tables import TABLES
from tests.model.test_cost_report import KNOWN
from tests.model.test_published_recipes import PUBLISHED_RECIPES, published_cost

DOCUMENT = (Path(__file__).parents[2] / "docs" / "reproduction.md").read_text()
ROWS = [
    line.strip("| ").split(" | ")
    for line in DOCUMENT.splitlines()
    if line.startswith(("| `coco", "| `mpii", "| `table"))
]


def test_the_table_lists_every_published_recipe() -> None:
    assert sorted(row[0].strip("`") for row in ROWS) == [path.stem for path in PUBLISHED_RECIPES]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_line_states_what_is_printed_and_what_is_counted(row: list[str]) -> None:
    published = published_cost(read_recipe(RECIPES / f"{row[0].strip('`')}.toml"))
    (known,) = (known for known in KNOWN if known[:3] == (published.name, published.keypoints, published.input_size))
    unit, digits = ("M", 1) if published.convention == "S" else ("", 3)
    assert (row[2].strip(), row[4]) == (published.parameters, published.operations + unit)
    assert (row[3], row[5]) == (f"{known[3] / 1e6:.3f}", f"{known[4]:.{digits}f}{unit}")
    assert float(row[6]) == pytest.approx(known[5], abs=6e-4)
    assert re.findall(r"\((\d+)\)", row[7].removesuffix("|")) == [str(number) for number in published.notes]


def test_its_commands_and_settings_are_ones() -> None:
    assert set(re.findall(r"fasterpose reproduce (\w+)", DOCUMENT)) <= set(TABLES)
    assert all((SETTINGS / f"{name}.toml").is_file() for name in re.findall(r"--setting ([a-z-]+)", DOCUMENT))
    assert all((RECIPES / f"{name}.toml").is_file() for name in re.findall(r"--row ([\w-]+)", DOCUMENT))
