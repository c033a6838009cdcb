"""`fasterpose reproduce`, as it is typed."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.cli import main


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def test_a_row_is_trained_and_the_table_printed(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ("--data", place / "data", "--output", tmp_path, "--setting", place / "setting.toml")
    assert call("reproduce", "table6", *places, "--row", "table6-ce-mask", "--epochs", 1, "--workers", 0) == 0
    out = capsys.readouterr().out
    assert "training 1 of 1: CE mask, seed 0; an unknown time left for all" in out
    assert "# table6: losses, FasterPose-R50" in out
    assert "| CE mask | 70.0 |" in out
    assert {path.name for path in tmp_path.iterdir()} == {"table6-ce-mask", "table6.md", "table6.json", "table6.png"}


def test_an_error_is_one_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("reproduce", "table6", "--data", place / "data", "--output", tmp_path, "--row", "resnet") == 2
    assert capsys.readouterr().err.startswith("fasterpose: table6 has no row 'resnet'")


def test_one_row_is_trained_in_the_same_setting(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A training that `train` finished is only measured."""
    folder = tmp_path / "table6-rce" / "seed-0"
    setting = ("--data", place / "data", "--setting", place / "setting.toml", "--workers", 0)
    assert call("train", "--recipe", "table6-rce", *setting, "--output", folder) == 0
    capsys.readouterr()
    assert call("reproduce", "table6", *setting, "--output", tmp_path, "--row", "table6-rce") == 0
    out = capsys.readouterr().out
    assert "resuming at epoch 3, step 4" in out
    assert "epoch 2/2" not in out
