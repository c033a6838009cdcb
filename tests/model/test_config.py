from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.build import build_loss, build_network
from model.cli import RECIPES
from model.config import RecipeError, read_recipe

RECIPE = """
seed = 3
[network]
trunk = "resnet18"
[codec]
input_size = [96, 128]
sigma = 1.5
alignment = "half_pixel"
centre = "exact"
decoder = "dark"
[loss]
kind = "rce"
[schedule]
epochs = 2
batch_size = 4
[[training]]
annotations = "train.json"
images = "images"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_reads_and_builds(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    codec = recipe.codec.build()
    assert codec.heatmap_size == (codec.input_size[0] // 4, codec.input_size[1] // 4)
    assert build_network(recipe).trunk.frozen_stages == recipe.network.frozen_stages
    assert build_loss(recipe.loss).heatmaps


def test_recipes_are_shipped() -> None:
    assert list(RECIPES.glob("*.toml"))


def test_what_a_recipe_leaves_out_has_the_papers_values(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, RECIPE))
    assert recipe.name == "mine"
    assert (recipe.loss.alpha, recipe.loss.gamma, recipe.loss.positive_threshold) == (0.7, 1.0, 0.01)
    assert (recipe.augmentation.scale, recipe.augmentation.rotation) == (0.35, 45)
    assert (recipe.augmentation.half_body_probability, recipe.augmentation.shift) == (0.3, 0)
    assert (recipe.optimiser.kind, recipe.optimiser.learning_rate) == ("adam", 1e-3)
    assert recipe.codec.box_padding == 1.25


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("sigma = 1.5", "sigma = 1.5\nsgima = 2", "codec.sgima: unknown key"),
        ("seed = 3", "seeds = 3", "seeds: unknown key"),
        ("seed = 3", "seed = -3", "seed: "),
        ("sigma = 1.5", "sigma = 0", "codec.sigma: "),
        ("sigma = 1.5", "", "codec.sigma: Field required"),
        ('"dark"', '"darc"', "codec.decoder: "),
        ('"resnet18"', '"resnet19"', "network.trunk: "),
        ("[96, 128]", "[96, 130]", "codec.input_size: Value error, [96, 130] does not fit; width and height must be"),
        ("[96, 128]", "[0, 128]", "codec.input_size: "),
        ("[96, 128]", "[96]", "codec.input_size"),
        ('"rce"', '"rce"\nalpha = 1.5', "loss.alpha: "),
        ('"rce"', '"rce"\ngamma = 0.5', "loss.gamma: Value error, must be 0 or at least 1"),
        ("epochs = 2", "epochs = 0", "schedule.epochs: "),
        ("epochs = 2", 'epochs = 2\nkind = "cosine"\nmilestones = [1]', "schedule: Value error, milestones belong to"),
        ("epochs = 2", "epochs = 2\ncooldown_epochs = 1", "schedule: Value error, cooldown_epochs belong to cooldown"),
        (
            "epochs = 2",
            'epochs = 2\nkind = "cooldown"\ncooldown_epochs = 3',
            "schedule: Value error, 3 cooldown_epochs are more than the 2 epochs",
        ),
        (
            "epochs = 2",
            'epochs = 2\nkind = "cooldown"\nmilestones = [1]',
            "schedule: Value error, milestones belong to",
        ),
        ("[loss]", "[optimiser]\nepsilon = 0\n[loss]", "optimiser.epsilon: "),
        ("[loss]", "[optimiser]\nweight_decay = 0.1\n[loss]", "optimiser: Value error, weight_decay belongs to adamw"),
        ("[loss]", "[augmentation]\nscale = 1.0\n[loss]", "augmentation.scale: "),
        ('images = "images"', 'images = "images"\nrepeat = 0', "training.0.repeat: "),
    ],
)
def test_a_wrong_key_or_value_is_named_with_the_file(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in RECIPE
    path = write(tmp_path, RECIPE.replace(old, new))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"recipe {path}: {named}")
    assert "\n" not in str(caught.value)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"codec\.sigma: .*; schedule\.epochs: "):
        read_recipe(write(tmp_path, RECIPE.replace("sigma = 1.5", "sigma = 0").replace("epochs = 2", "epochs = 0")))


@pytest.mark.parametrize("content", [b"seed = = 3", b"seed = \xff"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"mine\.toml is not valid TOML"):
        read_recipe(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"absent\.toml cannot be read: No such file"):
        read_recipe(tmp_path / "absent.toml")
