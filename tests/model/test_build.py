from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from pydantic import TypeAdapter
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Adam, AdamW

from model.build import build_architecture, build_loss, build_network, build_optimiser, load_initial_weights
from model.cli import RECIPES
from model.config import OptimiserRecipe, RecipeError, read_recipe
from model.cross_entropy import PixelCrossEntropy, SoftmaxCrossEntropy
from model.integral import DsntLoss, IntegralLoss
from model.loss_recipes import LossRecipe, MseRecipe, RceRecipe
from model.losses import HardKeypointMining, MeanSquaredError, RegressiveCrossEntropy
from model.network_recipes import FasterPoseRecipe, NetworkRecipe
from model.networks.backbones import ResNetTrunk
from model.networks.efficientpose import EfficientPose
from model.networks.fasterpose import FasterPose
from model.networks.grmi import GRmi
from model.networks.hrnet import HRNet
from model.networks.lite_hrnet import LiteHRNet
from model.networks.lpn import Lpn
from model.networks.simple_baseline import SimpleBaseline


@pytest.fixture
def network() -> FasterPose:
    return FasterPose("resnet18", 17)


def trunk_of(network: FasterPose) -> ResNetTrunk:
    assert isinstance(network.trunk, ResNetTrunk)
    return network.trunk


@pytest.fixture
def trunk_weights() -> dict[str, Tensor]:
    """Another trunk's weights in torchvision's names."""
    return {name: value.clone() for name, value in FasterPose("resnet18", 17).trunk.state_dict().items()}


def test_the_network_is_the_recipes() -> None:
    recipe = read_recipe(RECIPES / "coco-r50-256x192.toml")
    recipe = recipe.model_copy(update={"network": FasterPoseRecipe(trunk="resnet34", bias=False, frozen_stages=2)})
    with torch.device("meta"):
        network = build_network(recipe)
    assert isinstance(network, FasterPose)
    assert len(trunk_of(network).layer3) == 6
    assert network.regressor.conv.bias is None
    assert network.trunk.frozen_stages == 2
    assert network.regressor.conv.out_channels == 17 * 64


def test_the_loss_is_the_recipes() -> None:
    loss = build_loss(RceRecipe(kind="rce", alpha=0.6, gamma=2, positive_threshold=0.1))
    assert isinstance(loss, RegressiveCrossEntropy)
    assert (loss.alpha, loss.gamma, loss.positive_threshold) == (0.6, 2, 0.1)
    assert isinstance(build_loss(MseRecipe(kind="mse")), MeanSquaredError)


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ({"kind": "rce"}, RegressiveCrossEntropy),
        ({"kind": "mse"}, MeanSquaredError),
        ({"kind": "ohkm", "hard_keypoints": 5}, HardKeypointMining),
        ({"kind": "ce_one_hot", "alpha": 0.7}, PixelCrossEntropy),
        ({"kind": "ce_mask", "mask": "udp"}, PixelCrossEntropy),
        ({"kind": "ce_softmax"}, SoftmaxCrossEntropy),
        ({"kind": "integral"}, IntegralLoss),
        ({"kind": "dsnt", "regularisation": 0.5}, DsntLoss),
    ],
)
def test_every_kind_of_loss_is_built(table: dict[str, object], kind: type[nn.Module]) -> None:
    loss = build_loss(TypeAdapter(LossRecipe).validate_python(table))
    assert type(loss) is kind
    for name, value in table.items():
        assert getattr(loss, name, value) == value


@pytest.mark.parametrize(
    ("table", "kind", "architecture"),
    [
        ({"trunk": "lpn101"}, FasterPose, "fasterpose-lpn101"),
        ({"trunk": "mobilenet_v3_large"}, FasterPose, "fasterpose-mobilenet_v3_large"),
        (
            {"kind": "simple_baseline", "trunk": "resnet50", "deconvolutions": 1, "head": "conv"},
            SimpleBaseline,
            "simple-baseline-resnet50-d1-conv",
        ),
        ({"kind": "lpn", "trunk": "lpn50", "global_context": False}, Lpn, "lpn50-without-context"),
        ({"kind": "lite_hrnet", "depth": 30}, LiteHRNet, "lite-hrnet-30"),
        ({"kind": "hrnet", "width": 48}, HRNet, "hrnet-w48"),
        ({"kind": "efficientpose", "variant": "b"}, EfficientPose, "efficientpose-b"),
        ({"kind": "grmi"}, GRmi, "grmi-resnet101"),
    ],
)
def test_every_kind_of_network_is_built(table: dict[str, object], kind: type[nn.Module], architecture: str) -> None:
    recipe = TypeAdapter(NetworkRecipe).validate_python(table)
    with torch.device("meta"):
        network = build_architecture(recipe, 17)
    assert type(network) is kind
    assert network.heatmap_stride == recipe.heatmap_stride
    assert recipe.architecture == architecture


@pytest.mark.parametrize(("loss", "heatmap"), [("rce", 0.01), ("mse", 0.0), ("ce_mask", 0.01)])
def test_the_last_bias_starts_where_the_loss_wants_it(loss: str, heatmap: float) -> None:
    recipe = read_recipe(RECIPES / "small-data-r18-128x96.toml")
    recipe = recipe.model_copy(update={"loss": TypeAdapter(LossRecipe).validate_python({"kind": loss})})
    network = build_network(recipe)
    assert isinstance(network, FasterPose)
    assert network.regressor.conv.bias is not None
    heatmaps = build_loss(recipe.loss).heatmaps(network.regressor.conv.bias.detach())
    torch.testing.assert_close(heatmaps, torch.full_like(heatmaps, heatmap))


@pytest.mark.parametrize(
    ("network", "named"),
    [
        ({"trunk": "vit_b_16"}, "vit_b_16 has no convolutional features"),
        ({"trunk": "resnet18", "frozen_stages": 7}, "frozen_stages is 7; this trunk has 5 stages"),
    ],
)
def test_a_network_that_cannot_be_built_is_named(network: dict[str, object], named: str) -> None:
    recipe = read_recipe(RECIPES / "small-data-r18-128x96.toml")
    recipe = recipe.model_copy(update={"network": FasterPoseRecipe.model_validate(network)})
    with pytest.raises(RecipeError, match=f"recipe small-data-r18-128x96: network: .*{named}"):
        build_network(recipe)


def test_the_optimiser_is_the_recipes_and_leaves_frozen_stages_alone(network: FasterPose) -> None:
    adam = build_optimiser(OptimiserRecipe(kind="adam", learning_rate=2e-3), network)
    assert isinstance(adam, Adam)
    assert (adam.param_groups[0]["lr"], adam.param_groups[0]["eps"]) == (2e-3, 1e-8)
    trunk_of(network).layer1.requires_grad_(requires_grad=False)
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


def test_a_network_without_a_trunk_loads_by_its_own_names(tmp_path: Path) -> None:
    """As HRNet's ImageNet weights do; what else the file holds is a classifier's."""
    other, network = HRNet(8, 5), HRNet(8, 17)
    weights = {name: value for name, value in other.state_dict().items() if not name.startswith("final_layer.")}
    save_file(weights | {"classifier.weight": torch.zeros(2)}, tmp_path / "w.safetensors")
    line = load_initial_weights(network, tmp_path / "w.safetensors")
    assert line.endswith("freshly initialised: final_layer")
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in weights.items())


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
    before = trunk_of(network).conv1.weight.clone()
    with pytest.raises(RecipeError, match=r"w\.safetensors do not fit .*layer1\.0\.conv1\.weight"):
        load_initial_weights(network, tmp_path / "w.safetensors")
    assert torch.equal(trunk_of(network).conv1.weight, before)


def test_strange_names_are_refused(network: FasterPose, tmp_path: Path) -> None:
    save_file({"_conv_stem.weight": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(RecipeError, match="no tensor has its name"):
        load_initial_weights(network, tmp_path / "w.safetensors")


def test_a_missing_or_damaged_file_is_named(network: FasterPose, tmp_path: Path) -> None:
    (tmp_path / "damaged.safetensors").write_bytes(b"not weights at all")
    for name in ("absent", "damaged"):
        with pytest.raises(RecipeError, match=rf"{name}\.safetensors cannot be read"):
            load_initial_weights(network, tmp_path / f"{name}.safetensors")
