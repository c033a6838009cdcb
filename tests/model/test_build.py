from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Adam, AdamW

from model.build import build_loss, build_network, build_optimiser, load_initial_weights
from model.cli import RECIPES
from model.config import LossRecipe, NetworkRecipe, OptimiserRecipe, RecipeError, read_recipe
from model.losses import MeanSquaredError, RegressiveCrossEntropy
from model.networks.fasterpose import FasterPose


@pytest.fixture
def network() -> FasterPose:
    return FasterPose("resnet18", 17)


@pytest.fixture
def trunk_weights() -> dict[str, Tensor]:
    """Another trunk's weights in torchvision's names."""
    return {name: value.clone() for name, value in FasterPose("resnet18", 17).trunk.state_dict().items()}


def test_the_network_is_the_recipes() -> None:
    recipe = read_recipe(next(RECIPES.glob("*.toml")))
    recipe = recipe.model_copy(update={"network": NetworkRecipe(trunk="resnet34", bias=False, frozen_stages=2)})
    with torch.device("meta"):
        network = build_network(recipe)
    assert len(network.trunk.layer3) == 6
    assert network.regressor.conv.bias is None
    assert network.trunk.frozen_stages == 2
    assert network.regressor.conv.out_channels == 17 * 64


def test_the_loss_is_the_recipes() -> None:
    loss = build_loss(LossRecipe(kind="rce", alpha=0.6, gamma=2, positive_threshold=0.1))
    assert isinstance(loss, RegressiveCrossEntropy)
    assert (loss.alpha, loss.gamma, loss.positive_threshold) == (0.6, 2, 0.1)
    assert isinstance(build_loss(LossRecipe(kind="mse")), MeanSquaredError)


def test_the_optimiser_is_the_recipes_and_leaves_frozen_stages_alone(network: FasterPose) -> None:
    adam = build_optimiser(OptimiserRecipe(kind="adam", learning_rate=2e-3), network)
    assert isinstance(adam, Adam)
    assert (adam.param_groups[0]["lr"], adam.param_groups[0]["eps"]) == (2e-3, 1e-8)
    network.trunk.layer1.requires_grad_(requires_grad=False)
    adamw = build_optimiser(OptimiserRecipe(kind="adamw", weight_decay=0.05, epsilon=1e-11), network)
    assert isinstance(adamw, AdamW)
    assert (adamw.param_groups[0]["weight_decay"], adamw.param_groups[0]["eps"]) == (0.05, 1e-11)
    assert len(adamw.param_groups[0]["params"]) < len(adam.param_groups[0]["params"])


def test_a_whole_network_loads(network: FasterPose, tmp_path: Path) -> None:
    other = FasterPose("resnet18", 17)
    save_file(other.state_dict(), tmp_path / "w.safetensors")
    line = load_initial_weights(network, tmp_path / "w.safetensors")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())
    count = len(network.state_dict())
    assert line == f"{count} of {count} tensors from w.safetensors; freshly initialised: none"


def test_half_precision_is_widened(network: FasterPose, trunk_weights: dict[str, Tensor], tmp_path: Path) -> None:
    halves = {name: value.half() if value.is_floating_point() else value for name, value in trunk_weights.items()}
    save_file(halves, tmp_path / "w.safetensors")
    load_initial_weights(network, tmp_path / "w.safetensors")
    weight = network.state_dict()["trunk.layer2.0.conv1.weight"]
    assert weight.dtype == torch.float32
    assert torch.equal(weight, trunk_weights["layer2.0.conv1.weight"].half().float())


def test_a_folded_shortcut_becomes_a_convolution_and_a_batch_norms_bias(network: FasterPose, tmp_path: Path) -> None:
    """As the partial ResNet-18 at hand stores its last stage."""
    weight, bias = torch.randn(512, 256, 1, 1), torch.randn(512)
    folded = {"layer4.0.downsample.folded.weight": weight, "layer4.0.downsample.folded.bias": bias}
    save_file(folded, tmp_path / "w.safetensors")
    line = load_initial_weights(network, tmp_path / "w.safetensors")
    shortcut = network.get_submodule("trunk.layer4.0.downsample")
    features = torch.randn(1, 256, 4, 4)
    expected = torch.nn.functional.conv2d(features, weight, bias, stride=2)
    torch.testing.assert_close(shortcut.eval()(features), expected, rtol=1e-4, atol=1e-4)
    assert line.startswith("2 of ")
    assert "layer4.0.conv1" in line


def test_what_the_file_lacks_stays_fresh_and_is_named(
    network: FasterPose, trunk_weights: dict[str, Tensor], tmp_path: Path
) -> None:
    partial = {name: value for name, value in trunk_weights.items() if not name.startswith("layer4.1.conv2")}
    before = network.state_dict()["trunk.layer4.1.conv2.weight"].clone()
    save_file(partial | {"fc.weight": torch.zeros(1000, 512)}, tmp_path / "w.safetensors")
    line = load_initial_weights(network, tmp_path / "w.safetensors")
    assert torch.equal(network.state_dict()["trunk.layer4.1.conv2.weight"], before)
    assert line.endswith("freshly initialised: layer4.1.conv2")


def test_another_shape_is_named(network: FasterPose, trunk_weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(trunk_weights | {"layer1.0.conv1.weight": torch.zeros(64, 64, 1, 1)}, tmp_path / "w.safetensors")
    before = network.trunk.conv1.weight.clone()
    with pytest.raises(RecipeError, match=r"w\.safetensors do not fit .*layer1\.0\.conv1\.weight"):
        load_initial_weights(network, tmp_path / "w.safetensors")
    assert torch.equal(network.trunk.conv1.weight, before)


def test_strange_names_are_refused(network: FasterPose, tmp_path: Path) -> None:
    save_file({"_conv_stem.weight": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(RecipeError, match="no tensor has its name"):
        load_initial_weights(network, tmp_path / "w.safetensors")


def test_a_missing_or_damaged_file_is_named(network: FasterPose, tmp_path: Path) -> None:
    (tmp_path / "damaged.safetensors").write_bytes(b"not weights at all")
    for name in ("absent", "damaged"):
        with pytest.raises(RecipeError, match=rf"{name}\.safetensors cannot be read"):
            load_initial_weights(network, tmp_path / f"{name}.safetensors")
