from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor, nn
from torchvision.models import resnet

from model.networks.backbones import BUILDERS, ResNetTrunk, TrunkName
from model.networks.fasterpose import FasterPose


def stages(trunk: ResNetTrunk) -> list[list[nn.Module]]:
    return [[trunk.conv1, trunk.bn1], [trunk.layer1], [trunk.layer2], [trunk.layer3], [trunk.layer4]]


def resnet_of(network: FasterPose) -> ResNetTrunk:
    assert isinstance(network.trunk, ResNetTrunk)
    return network.trunk


def state_of(modules: list[nn.Module]) -> dict[str, Tensor]:
    return {f"{i}.{name}": value.clone() for i, m in enumerate(modules) for name, value in m.state_dict().items()}


@pytest.mark.parametrize("name", BUILDERS)
def test_the_trunk_has_torchvisions_names_and_shapes(name: TrunkName) -> None:
    with torch.device("meta"):
        trunk, published = ResNetTrunk(name).state_dict(), BUILDERS[name]().state_dict()
    assert {key: value.shape for key, value in trunk.items()} == {
        key: value.shape for key, value in published.items() if not key.startswith("fc.")
    }


def test_loaded_weights_compute_torchvisions_features() -> None:
    published = resnet.resnet18().eval()
    trunk = ResNetTrunk("resnet18").eval()
    missing, unexpected = trunk.load_state_dict(published.state_dict(), strict=False)
    assert (missing, unexpected) == ([], ["fc.weight", "fc.bias"])
    images = torch.randn(1, 3, 64, 32)
    pooled = nn.Sequential(*list(published.children())[:-2])(images)
    assert pooled.shape == (1, 512, 2, 1)
    assert torch.equal(trunk(images), pooled)


@pytest.mark.parametrize("frozen", [0, 2, 4, 5])
def test_frozen_stages_keep_weights_and_statistics_and_the_others_learn(frozen: int) -> None:
    network = FasterPose("resnet18", 2, frozen_stages=frozen)
    nn.init.normal_(network.regressor.conv.weight)  # else so little flows back that a rounded sum may not change
    parts: list[list[nn.Module]] = [*stages(resnet_of(network)), [network.regressor]]
    before = [state_of(part) for part in parts]
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    network.train()
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    optimiser.step()
    for index, (part, start) in enumerate(zip(parts, before, strict=True)):
        gradients = [parameter.grad for module in part for parameter in module.parameters()]
        after = state_of(part)
        changed = {name for name in start if not torch.equal(start[name], after[name])}
        if index < frozen:
            assert gradients == [None] * len(gradients)
            assert not changed
        else:
            assert all(gradient is not None for gradient in gradients)
            assert any("weight" in name for name in changed)
            assert any("running_mean" in name for name in changed) or part == [network.regressor]


def test_switching_to_training_and_back_leaves_frozen_stages_in_inference() -> None:
    network = FasterPose("resnet18", 2, frozen_stages=3).train()
    trunk = resnet_of(network)
    assert [trunk.bn1.training, trunk.layer2.training, trunk.layer3.training] == [0, 0, 1]
    assert not any(module.training for module in network.eval().modules())
    network.train()
    assert trunk.layer4.training
    assert not trunk.layer1.training


def test_the_partial_weights_at_hand_are_torchvisions(shared_dir: Path) -> None:
    from safetensors.torch import load_file  # noqa: PLC0415 - part of the train extra

    weights = load_file(shared_dir / "weights" / "resnet18_imagenet_partial.safetensors")
    names = ResNetTrunk("resnet18").state_dict().keys()
    assert {name for name in weights if name.startswith(("conv1.", "bn1.", "layer1.", "layer2.", "layer3."))} <= names
