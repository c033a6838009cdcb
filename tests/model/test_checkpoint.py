from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from model.checkpoint import CheckpointError, Progress, load_checkpoint, save_checkpoint
from model.cli import RECIPES
from model.config import read_recipe

RECIPE = read_recipe(next(RECIPES.glob("*.toml")))
PROGRESS = Progress(epoch=2, samples=96, step=41, seconds=12.5)


class NeverPickled:
    """Writing it fails half-way through a checkpoint, as a full disk does."""

    def __reduce__(self) -> str:
        raise OSError("no space left on device")


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, RECIPE, PROGRESS, {"network": {"weight": torch.arange(3.0)}, "average": None})
    recipe, progress, states = load_checkpoint(path)
    assert recipe == RECIPE
    assert progress == PROGRESS
    assert torch.equal(states["network"]["weight"], torch.arange(3.0))
    assert states["average"] is None
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


def test_a_save_that_fails_keeps_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, RECIPE, PROGRESS, {"network": {}})
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint(path, RECIPE, Progress(epoch=3), {"big": torch.zeros(10_000), "network": NeverPickled()})
    assert load_checkpoint(path)[1] == PROGRESS


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*last\.pt"):
        load_checkpoint(tmp_path / "last.pt")


@pytest.mark.parametrize("kept", [0, 100, -20])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, RECIPE, PROGRESS, {"network": {"weight": torch.zeros(100)}})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"last\.pt cannot be read"):
        load_checkpoint(path)


@pytest.mark.parametrize(("content", "version"), [({"version": 99}, "99"), ({"version": 0}, "0"), ({}, "none")])
def test_another_version_is_named(tmp_path: Path, content: dict[str, int], version: str) -> None:
    path = tmp_path / "last.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=rf"last\.pt has version {version}; this release reads 1\. Go on with"):
        load_checkpoint(path)


def test_a_checkpoint_from_before_a_recipe_got_more_keys_takes_their_defaults(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    recipe = RECIPE.model_copy(update={"seed": 0, "distillation": None})
    save_checkpoint(path, recipe, PROGRESS, {})
    content = torch.load(path, weights_only=True)
    for added_later in ("seed", "distillation"):
        del content["recipe"][added_later]
    del content["progress"]["best"]
    torch.save(content, path)
    assert load_checkpoint(path)[:2] == (recipe, PROGRESS)


def test_a_recipe_key_that_is_gone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, RECIPE, PROGRESS, {})
    content = torch.load(path, weights_only=True)
    content["recipe"]["warm_restarts"] = 3
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"last\.pt is not one of this release: .*\n*.*warm_restarts"):
        load_checkpoint(path)


@pytest.mark.parametrize("change", [{"recipe": {"name": "x"}}, {"progress": {"epochs": 1}}])
def test_content_of_another_release_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, RECIPE, PROGRESS, {})
    torch.save(torch.load(path, weights_only=True) | change, path)
    with pytest.raises(CheckpointError, match=r"last\.pt is not one of this release"):
        load_checkpoint(path)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    torch.save({"version": 1, "states": Path("anything")}, path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(path)
