import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn

from model.networks.hrnet import HighResolutionModule, HRNet

PARTS = {
    "layer1": 286_208,
    "transition1": 221_376,
    "stage2": 390_848,
    "transition2": 73_984,
    "stage3": 6_821_632,
    "transition3": 295_424,
    "stage4": 20_407_232,
    "final_layer": 561,
}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def w32() -> HRNet:
    with torch.device("meta"):
        return HRNet(32, 17)


def test_parts_have_the_known_counts(w32: HRNet) -> None:
    children = dict(w32.named_children())
    assert {name: count(children[name]) for name in PARTS} == PARTS
    assert sum(count(children[name]) for name in ("conv1", "bn1", "conv2", "bn2")) == 38_848


def test_names_are_the_authors(w32: HRNet) -> None:
    released = {
        "layer1.0.downsample.1.running_mean",
        "transition1.0.0.weight",
        "transition1.1.0.0.weight",
        "stage2.0.fuse_layers.0.1.0.weight",
        "transition2.2.0.0.weight",
        "stage3.3.branches.2.3.bn2.bias",
        "stage3.0.fuse_layers.2.0.0.0.weight",
        "stage3.0.fuse_layers.2.0.1.1.weight",
        "transition3.3.0.1.weight",
        "stage4.2.fuse_layers.0.3.1.weight",
        "final_layer.bias",
    }
    assert released <= w32.state_dict().keys()
    assert not any(name.startswith("stage4.2.fuse_layers.1") for name in w32.state_dict())


def test_every_output_sums_all_branches() -> None:
    module = HighResolutionModule([2, 4, 8], outputs=3).eval()
    for name, parameter in module.named_parameters():
        if name.startswith("branches") and ".bn2." in name:
            nn.init.zeros_(parameter)  # branches pass their input, which is positive
    inputs = [torch.rand(1, 2 * 2**level, 16 >> level, 8 >> level) for level in range(3)]
    outputs = module(list(inputs))
    for target, output in enumerate(outputs):
        layers = module.fuse_layers[target]
        summands = [layer(maps) for layer, maps in zip(layers.children(), inputs, strict=True)]
        assert torch.equal(summands[target], inputs[target])
        torch.testing.assert_close(output, (summands[0] + summands[1] + summands[2]).relu())
