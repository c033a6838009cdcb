from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from model.build import build_loss, build_network
from model.cli import RECIPES
from model.config import Recipe, RecipeError, read_recipe
from model.contract.spec import load_pose_spec, write_spec
from model.loss_recipes import RceRecipe
from model.network_recipes import FasterPoseRecipe
from model.networks.fasterpose import FasterPose
from model.validation import draft_spec

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
    stride = recipe.codec.heatmap_stride
    assert codec.heatmap_size == (codec.input_size[0] // stride, codec.input_size[1] // stride)
    with torch.device("meta"):
        network = build_network(recipe)
    assert network.heatmap_stride == recipe.codec.heatmap_stride
    if isinstance(recipe.network, FasterPoseRecipe):
        assert isinstance(network, FasterPose)
        assert network.trunk.frozen_stages == recipe.network.frozen_stages
    assert build_loss(recipe.loss).heatmaps


def test_recipes_are_shipped() -> None:
    assert list(RECIPES.glob("*.toml"))


def test_what_a_recipe_leaves_out_has_the_papers_values(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, RECIPE))
    assert recipe.name == "mine"
    assert isinstance(recipe.loss, RceRecipe)
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
        ('"dark"', '"soft_argmax"', "codec: Value error, codec beta is None; soft_argmax needs a positive one"),
        ('"dark"', '"dark"\nbeta = 160', "codec: Value error, codec beta is 160.0; decoder dark takes none"),
        ('"resnet18"', '"resnet19"', "network.trunk: "),
        ("[96, 128]", "[96, 130]", "codec.input_size: Value error, [96, 130] does not fit; width and height must be"),
        ("[96, 128]", "[0, 128]", "codec.input_size: "),
        ("[96, 128]", "[96]", "codec.input_size"),
        ('"rce"', '"rce"\nalpha = 1.5', "loss.alpha: "),
        ('"rce"', '"rce"\ngamma = 0.5', "loss.gamma: Value error, must be 0 or at least 1"),
        ('"rce"', '"rse"', "loss: Input tag 'rse' found using 'kind' does not match any of the expected tags: 'rce'"),
        ('"rce"', '"mse"\nalpha = 0.7', "loss.alpha: unknown key"),
        ('"rce"', '"ohkm"\nhard_keypoints = 0', "loss.hard_keypoints: "),
        ('kind = "rce"', "alpha = 0.7", "loss: Unable to extract tag"),
        ('"resnet18"', '"resnet18"\nkind = "hrnet"', "network.width: Field required"),
        ('trunk = "resnet18"', 'kind = "hourglass"', "network: Input tag 'hourglass' found"),
        ('trunk = "resnet18"', "", "network.trunk: Field required"),
        (
            'trunk = "resnet18"',
            'kind = "grmi"',
            "the recipe: Value error, codec.heatmap_stride must be 8, that of grmi-resnet101",
        ),
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


def test_positions_cannot_be_read_off_rounded_targets(tmp_path: Path) -> None:
    text = RECIPE.replace('"rce"', '"integral"')
    assert read_recipe(write(tmp_path, text)).loss.kind == "integral"
    with pytest.raises(
        RecipeError, match=r"loss integral reads positions off the targets; codec\.centre must be exact"
    ):
        read_recipe(write(tmp_path, text.replace('"exact"', '"rounded"')))


def test_coarser_heatmaps_are_the_codecs_too(tmp_path: Path) -> None:
    text = RECIPE.replace('trunk = "resnet18"', 'kind = "grmi"').replace("sigma", "heatmap_stride = 8\nsigma")
    recipe = read_recipe(write(tmp_path, text))
    assert recipe.codec.build().heatmap_size == (96 // 8, 128 // 8)


@pytest.mark.parametrize(
    ("lines", "beta", "shift"),
    [
        ('alignment = "stride"\ndecoder = "quarter"', None, True),
        ('alignment = "stride"\ndecoder = "quarter"\nflip_shift = false', None, False),
        ('alignment = "udp"\ndecoder = "udp"', None, False),
        ('alignment = "half_pixel"\ndecoder = "soft_argmax"\nbeta = 160\nflip_shift = true', 160, True),
    ],
)
def test_decoder_and_flip_test_travel_into_the_spec(
    tmp_path: Path, lines: str, beta: float | None, shift: bool
) -> None:
    text = RECIPE.replace('alignment = "half_pixel"', lines).replace('decoder = "dark"\n', "")
    recipe = read_recipe(write(tmp_path, text))
    spec = draft_spec(recipe)
    (tmp_path / "bundle").mkdir()
    write_spec(tmp_path / "bundle", spec)
    assert load_pose_spec(tmp_path / "bundle") == spec
    assert (spec.codec.beta, spec.flip_shift) == (beta, shift)
    assert spec.codec.decoder == recipe.codec.decoder


@pytest.mark.parametrize("network", ['trunk = "resnet18"', 'kind = "lite_hrnet"\ndepth = 18'])
def test_a_recipe_survives_a_checkpoint(tmp_path: Path, network: str) -> None:
    recipe = read_recipe(write(tmp_path, RECIPE.replace('trunk = "resnet18"', network)))
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_checkpoints_from_before_there_were_kinds_still_read(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, RECIPE))
    content = recipe.model_dump(mode="json")
    content["network"] = {"trunk": "resnet18", "bias": True, "frozen_stages": 0}
    del content["codec"]["heatmap_stride"]
    assert Recipe.model_validate(content) == recipe


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


def test_a_setting_replaces_keys_table_by_table(tmp_path: Path) -> None:
    recipe, setting = write(tmp_path, RECIPE), tmp_path / "setting.toml"
    setting.write_text('seed = 9\n[codec]\nsigma = 1.0\n[[training]]\nannotations = "other.json"\nimages = "other"\n')
    plain, changed = read_recipe(recipe), read_recipe(recipe, setting)
    assert (changed.seed, changed.codec.sigma, changed.name) == (9, 1.0, "mine")
    assert [str(source.annotations) for source in changed.training] == ["other.json"]
    assert changed.codec.model_copy(update={"sigma": 1.5}) == plain.codec
    assert (changed.schedule, changed.network, changed.loss) == (plain.schedule, plain.network, plain.loss)


def test_a_setting_that_is_wrong_is_named(tmp_path: Path) -> None:
    setting = tmp_path / "setting.toml"
    setting.write_text("[codec]\nsgima = 1.0\n")
    with pytest.raises(RecipeError, match=r"mine\.toml with .*setting\.toml: codec\.sgima: unknown key"):
        read_recipe(write(tmp_path, RECIPE), setting)
    with pytest.raises(RecipeError, match=r"absent\.toml cannot be read"):
        read_recipe(write(tmp_path, RECIPE), tmp_path / "absent.toml")
