"""docs/data.md: the table that it shows is one, and `data skeleton` prints it."""

import json
import re
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.skeleton_recipe import SkeletonRecipe
from tests.model.test_cli import call

DOCUMENT = Path(__file__).parents[2] / "docs" / "data.md"


def test_the_table_is_what_the_command_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (table,) = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    skeleton = SkeletonRecipe.model_validate(tomllib.loads(table)["skeleton"])
    limbs = [[skeleton.keypoints.index(name) + 1 for name in edge] for edge in skeleton.edges]
    category = {"id": 7, "name": "kite", "keypoints": skeleton.keypoints, "skeleton": limbs}
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"images": [], "annotations": [], "categories": [category]}))
    assert call("data", "skeleton", "--annotations", path, "--name", "kite") == 0
    assert capsys.readouterr().out == table
