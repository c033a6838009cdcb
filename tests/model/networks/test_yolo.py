"""The trunk computes what ultralytics' own network computes up to its head, and can be frozen from the front."""

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor, nn

from model.detector.network import build_coco_network
from model.networks.backbones import build_trunk
from model.networks.fasterpose import FasterPose
from model.networks.normalise import Normalise
from model.networks.yolo import YoloTrunk
from model.weight_names import to_torchvision

HEAD = 23


@pytest.fixture(scope="module")
def published() -> nn.Module:
    """Ultralytics' YOLO11n with statistics of its own in the first batch norm."""
    torch.manual_seed(0)
    network = build_coco_network()
    norm = network.get_submodule("model.0.bn")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    norm.running_mean.uniform_(-1, 1)
    return network


def renamed(published: nn.Module) -> dict[str, Tensor]:
    return {
        name: tensor
        for name, tensor in to_torchvision(published.state_dict()).items()
        if not name.startswith(f"layers.{HEAD}.")
    }


def test_the_maps_are_those_that_ultralytics_gives_its_head(published: nn.Module) -> None:
    seen: list[Tensor] = []
    head = published.get_submodule(f"model.{HEAD}")
    handle = head.register_forward_pre_hook(lambda _, inputs: seen.extend(m.clone() for m in inputs[0]))
    trunk = YoloTrunk().eval()
    trunk.load_state_dict(
        {
            name.replace("model.", "layers.", 1): tensor
            for name, tensor in published.state_dict().items()
            if not name.startswith(f"model.{HEAD}.")
        }
    )
    images = torch.rand(1, 3, 96, 64)
    with torch.no_grad():
        published(images)
        features = trunk(images)
    handle.remove()
    assert features.shape == (1, 448, 12, 8)
    assert torch.equal(features[:, :64], seen[0])
    assert torch.equal(features[:, 64:192, ::2, 1::2], seen[1])
    assert torch.equal(features[:, 192:, 3::4, ::4], seen[2])


def test_renamed_weights_fill_the_trunk_and_read_normalised_pixels(published: nn.Module) -> None:
    trunk = YoloTrunk().eval()
    trunk.load_state_dict(renamed(published))
    crops = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        ours = trunk.layers[0](Normalise()(crops))
        theirs = published.get_submodule("model.0")(crops.permute(0, 3, 1, 2) / 255)
    assert torch.allclose(ours[:, :, 1:-1, 1:-1], theirs[:, :, 1:-1, 1:-1], atol=1e-4)


def test_frozen_stages_take_no_gradient_and_the_rest_does() -> None:
    network = FasterPose("yolo11n", 17, frozen_stages=2).train()
    network(torch.rand(2, 3, 64, 32)).sum().backward()
    trained = {name for name, parameter in network.trunk.named_parameters() if parameter.grad is not None}
    frozen = {name for name, parameter in network.trunk.named_parameters() if not parameter.requires_grad}
    assert {name.split(".")[1] for name in frozen} == {"0", "1", "2"}
    assert trained.isdisjoint(frozen)
    assert {name.split(".")[1] for name in trained} >= {"3", "10", "22"}


def test_every_stage_can_be_frozen() -> None:
    trunk = build_trunk("yolo11n", frozen_stages=6)
    assert not any(parameter.requires_grad for parameter in trunk.parameters())
    assert not trunk(torch.rand(1, 3, 64, 32)).requires_grad
    with pytest.raises(ValueError, match="has 6 stages"):
        build_trunk("yolo11n", frozen_stages=7)


def test_heatmaps_are_a_quarter_of_the_input() -> None:
    assert FasterPose("yolo11n", 17).eval()(torch.rand(1, 3, 64, 32)).shape == (1, 17, 16, 8)


def test_it_is_built_on_the_meta_device_to_count_its_cost() -> None:
    with torch.device("meta"):
        network = FasterPose("yolo11n", 17)
    assert {parameter.device.type for parameter in network.parameters()} == {"meta"}
