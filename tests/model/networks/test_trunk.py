import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torchvision import models

from model.networks.backbones import ResNetTrunk, TorchvisionTrunk, TrunkName, build_trunk
from model.networks.fasterpose import FasterPose
from model.networks.lpn import LpnTrunk

TRUNKS = [
    ("mobilenet_v3_small", 576),
    ("mobilenet_v3_large", 960),
    ("mobilenet_v2", 1280),
    ("efficientnet_b0", 1280),
    ("convnext_tiny", 768),
    ("densenet121", 1024),
    ("regnet_y_400mf", 440),
    ("shufflenet_v2_x1_0", 1024),
    ("mnasnet1_0", 1280),
    ("resnext50_32x4d", 2048),
]


@pytest.mark.parametrize(("name", "channels"), TRUNKS)
def test_a_torchvision_trunk_has_its_names_and_measures_itself(name: str, channels: int) -> None:
    trunk = build_trunk(name)
    assert isinstance(trunk, TorchvisionTrunk)
    assert (trunk.out_channels, trunk.stride) == (channels, 32)
    published = {key: value.shape for key, value in models.get_model(name).state_dict().items()}
    own = {key: value.shape for key, value in trunk.state_dict().items()}
    assert own.items() <= published.items()
    rest = published.keys() - own.keys()
    assert all(key.startswith(("classifier.", "fc.")) for key in rest)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet0_5"])
def test_loaded_weights_compute_torchvisions_features(name: str) -> None:
    published = models.get_model(name).eval()
    trunk = build_trunk(name).eval()
    trunk.load_state_dict(published.state_dict(), strict=False)
    features = trunk(images := torch.randn(2, 3, 64, 64))
    classifier = dict(published.named_children()).get("classifier") or dict(published.named_children())["fc"]
    assert torch.equal(classifier(features.mean([2, 3])), published(images))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vit_b_16", "no convolutional features"),
        ("googlenet", "no convolutional features"),
        ("swin_t", "no stride explains"),
        ("squeezenet1_1", "no stride explains"),
        ("resnet19", "no network 'resnet19'"),
    ],
)
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
def test_what_is_no_trunk_is_refused_by_name(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build_trunk(name)


def test_each_name_gives_its_class() -> None:
    with torch.device("meta"):
        assert isinstance(build_trunk("resnet34"), ResNetTrunk)
        assert isinstance(build_trunk("lpn101"), LpnTrunk)


@pytest.mark.parametrize(("name", "stages"), [("mobilenet_v3_small", 13), ("lpn50", 5)])
def test_any_trunk_freezes_its_first_stages(name: str, stages: int) -> None:
    network = FasterPose(name, 2, frozen_stages=2)
    trunk = network.train().trunk
    assert len(trunk.stages()) == stages
    frozen = [module for stage in trunk.stages()[:2] for module in stage]
    learning = [module for stage in trunk.stages()[2:] for module in stage]
    assert not any(part.training for module in frozen for part in module.modules())
    assert not any(parameter.requires_grad for module in frozen for parameter in module.parameters())
    assert all(parameter.requires_grad for module in learning for parameter in module.parameters())
    network(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(p.grad is None for module in frozen for p in module.parameters())
    assert all(p.grad is not None for module in learning for p in module.parameters())


def test_more_frozen_stages_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match="frozen_stages is 6; this trunk has 5 stages"):
        build_trunk("resnet18", frozen_stages=6)


@pytest.mark.parametrize("name", ["resnet50", "resnet101"])
def test_a_dilated_resnet_keeps_an_eighth_and_dilates_twice(name: TrunkName) -> None:
    with torch.device("meta"):
        trunk = ResNetTrunk(name, dilated=True)
        assert trunk(torch.empty(1, 3, 352, 256)).shape == (1, 2048, 44, 32)
    assert trunk.stride == 8
    convolutions = dict(trunk.named_modules())
    assert [convolutions[f"{stage}.1.conv2"].dilation for stage in ("layer3", "layer4")] == [(2, 2), (4, 4)]
