"""The three commands end to end on drawn figures; every mistake is one line and exit code 2."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.cli import RECIPES, find_recipe, main
from tests.model import drawn
from tests.model.narrow import use_narrow_trunks


def call(*arguments: str | Path) -> int:
    """A command's exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code if isinstance(ended.value.code, int) else int(bool(ended.value.code))


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that standard error holds."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fasterpose: ")
    return line


def train_arguments(recipe: Path, data: Path, output: Path) -> tuple[str | Path, ...]:
    return ("train", "--recipe", recipe, "--data", data, "--output", output, "--workers", "0")


def test_recipes_are_found_by_name_and_by_path(tmp_path: Path) -> None:
    assert find_recipe("small-data-r18-128x96") == RECIPES / "small-data-r18-128x96.toml"
    assert find_recipe(str(tmp_path / "mine.toml")) == tmp_path / "mine.toml"


def test_train_then_evaluate(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_narrow_trunks(monkeypatch)
    recipe = tmp_path / "one.toml"
    recipe.write_text(drawn.RECIPE.replace("epochs = 4", "epochs = 1"))
    assert call(*train_arguments(recipe, data, tmp_path / "run")) == 0
    assert "epoch 1/1" in capsys.readouterr().out
    files = ("--annotations", data / "val.json", "--images", data / "images", "--results", tmp_path / "results.json")
    assert call("evaluate", "--model", tmp_path / "run", *files) == 0
    figures = json.loads(capsys.readouterr().out)
    assert list(figures)[:2] == ["AP", "AP50"]
    assert len(figures) == 11
    assert len(json.loads((tmp_path / "results.json").read_text())) == 2
    assert call(*train_arguments(recipe, data, tmp_path / "run")) == 2
    assert "last.pt exists: go on with --resume" in error_line(capsys)


def test_a_recipe_that_does_not_exist(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*train_arguments(tmp_path / "absent.toml", data, tmp_path / "run")) == 2
    assert "absent.toml cannot be read" in error_line(capsys)


def test_a_recipe_with_an_unknown_key(
    data: Path, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe_file.write_text(drawn.RECIPE + "\n[augmentatoin]\nscale = 0.2\n")
    assert call(*train_arguments(recipe_file, data, tmp_path / "run")) == 2
    assert "tiny.toml: augmentatoin: unknown key" in error_line(capsys)


def test_data_that_is_not_there(recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*train_arguments(recipe_file, tmp_path / "absent", tmp_path / "run")) == 2
    assert "train.json cannot be read: No such file or directory" in error_line(capsys)


def test_a_device_that_is_not_there(
    data: Path, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*train_arguments(recipe_file, data, tmp_path / "run"), "--device", "tpu") == 2
    assert "device 'tpu' cannot be used" in error_line(capsys)


def test_initial_weights_that_are_not_there(
    data: Path, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_narrow_trunks(monkeypatch)
    weights = ("--initial-weights", tmp_path / "absent.safetensors")
    assert call(*train_arguments(recipe_file, data, tmp_path / "run"), *weights) == 2
    assert "absent.safetensors cannot be read" in error_line(capsys)


def test_an_output_folder_that_is_a_file(
    data: Path, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_narrow_trunks(monkeypatch)
    (tmp_path / "run").write_text("")
    assert call(*train_arguments(recipe_file, data, tmp_path / "run")) == 2
    assert "run" in error_line(capsys)


def test_a_model_that_is_neither_bundle_nor_run(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ("--annotations", data / "val.json", "--images", data / "images")
    assert call("evaluate", "--model", tmp_path, *files) == 2
    assert "there is no checkpoint" in error_line(capsys)


def test_exporting_what_is_no_run(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = ("--name", "n", "--version", "1", "--licence", "MIT")
    assert call("export", "--run", tmp_path, "--data", data, "--out", tmp_path / "bundle", *identity) == 2
    assert "there is no checkpoint" in error_line(capsys)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("train", "--recipe"),
        ("train --recipe r --data d --output o --workers -1", "--workers"),
        ("export --run r --data d --out o --name n --version 1 --licence MIT --note plain", "--note"),
        ("evaluate --model m --annotations a --images i --precision int4", "--precision"),
    ],
)
def test_wrong_usage_names_the_flag(arguments: str, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*arguments.split()) == 2
    assert named in capsys.readouterr().err


def test_a_bug_is_not_hidden_as_a_users_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(sys.modules["model.cli"], "read_recipe", broken)
    with pytest.raises(KeyError, match="a bug"):
        main(["train", "--recipe", "r", "--data", "d", "--output", "o"])


def test_costs_are_printed_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("cost", "--only", "LPN-50") == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(table) == 2 + 3
    assert "| FasterPose LPN-50 | 256x192 | 17 | 2.90 | 2,900,912 | 0.8 (A) | 0.768 | 0.825 | yes |" in table


def test_the_cost_of_an_unknown_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("cost", "--only", "hourglass") == 2
    assert "hourglass" in capsys.readouterr().err
