"""EfficientNet-PyTorch's names become torchvision's, tensor by tensor and by what the network computes."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor, nn
from torchvision.models import efficientnet_b0
from torchvision.ops.misc import Conv2dNormActivation

from model.build import load_initial_weights
from model.networks.fasterpose import FasterPose
from model.weight_names import to_torchvision


def in_lukemelas_names(features: nn.Sequential) -> dict[str, Tensor]:
    """torchvision's EfficientNet-B0 features under EfficientNet-PyTorch's names, by walking over its modules."""
    blocks = [block for stage in list(features)[1:8] for block in stage.children()]
    state = entries("_conv_stem", "_bn0", features[0]) | entries("_conv_head", "_bn1", features[8])
    for number, block in enumerate(blocks):
        *convolutions, excite, project = next(block.children()).children()
        prefix = f"_blocks.{number}."
        state |= entries(f"{prefix}_depthwise_conv", f"{prefix}_bn1", convolutions[-1])
        if len(convolutions) == 2:
            state |= entries(f"{prefix}_expand_conv", f"{prefix}_bn0", convolutions[0])
        state |= entries(f"{prefix}_project_conv", f"{prefix}_bn2", project)
        for ours, theirs in (("fc1", "_se_reduce"), ("fc2", "_se_expand")):
            state |= named(prefix + theirs, excite.get_submodule(ours))
    return state


def entries(convolution: str, norm: str, layer: nn.Module) -> dict[str, Tensor]:
    assert isinstance(layer, Conv2dNormActivation)
    return named(convolution, layer[0]) | named(norm, layer[1])


def named(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}


@pytest.fixture(scope="module")
def published() -> nn.Sequential:
    """EfficientNet-B0's features with statistics of their own."""
    features = efficientnet_b0().features
    for module in features.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.001, 2)
    return features.eval()


def test_every_name_is_torchvisions(published: nn.Sequential) -> None:
    weights = in_lukemelas_names(published)
    renamed = to_torchvision(weights)
    own = {f"features.{name}": value for name, value in published.state_dict().items()}
    assert len(weights) == len(own)
    assert renamed.keys() == own.keys()
    for name, tensor in renamed.items():
        if not name.endswith("running_var"):
            assert torch.equal(tensor, own[name]), name


def test_the_network_computes_what_it_computed_with_its_own_epsilon(published: nn.Sequential) -> None:
    network = efficientnet_b0().features.eval()
    renamed = to_torchvision(in_lukemelas_names(published))
    network.load_state_dict({name.removeprefix("features."): tensor for name, tensor in renamed.items()})
    for module in published.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(images), published(images), rtol=1e-3, atol=1e-4)


def test_golden_names() -> None:
    names = {
        "_conv_stem.weight": "features.0.0.weight",
        "_blocks.0._depthwise_conv.weight": "features.1.0.block.0.0.weight",
        "_blocks.0._se_expand.bias": "features.1.0.block.1.fc2.bias",
        "_blocks.1._expand_conv.weight": "features.2.0.block.0.0.weight",
        "_blocks.15._bn2.running_mean": "features.7.0.block.3.1.running_mean",
        "_conv_head.weight": "features.8.0.weight",
        "_fc.bias": "_fc.bias",
    }
    assert list(to_torchvision({name: torch.zeros(1) for name in names})) == list(names.values())


def test_the_encoder_at_hand_fills_all_sixteen_blocks(shared_dir: Path) -> None:
    network = FasterPose("efficientnet_b0", 17)
    line = load_initial_weights(network, shared_dir / "weights" / "efficientnet_b0_saliency_encoder.safetensors")
    assert line.startswith("352 of ")
    assert line.endswith("freshly initialised: features.8.0, features.8.1")


def test_the_resnet50_at_hand_fills_its_first_stages(shared_dir: Path) -> None:
    network = FasterPose("resnet50", 17)
    line = load_initial_weights(network, shared_dir / "weights" / "resnet50_imagenet_conv1_to_layer2.safetensors")
    lacking = line.partition("freshly initialised: ")[2].split(", ")
    assert lacking
    assert all(name.startswith(("layer3.", "layer4.")) for name in lacking)
