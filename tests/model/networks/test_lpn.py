import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn

from model.networks.lpn import GlobalContext, Lpn


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parts_have_the_known_counts() -> None:
    with torch.device("meta"):
        network = Lpn("lpn50", 17)
    assert count(network.trunk) == 2_761_376
    assert count(network.head) + count(network.predictor) == 149_777
    assert sum(count(module) for module in network.modules() if isinstance(module, GlobalContext)) == 178_464


def test_the_abstracts_count_is_that_without_global_context() -> None:
    with torch.device("meta"):
        assert count(Lpn("lpn50", 17, global_context=False)) == 2_732_689


def test_the_grouped_deconvolutions_have_the_known_shapes() -> None:
    with torch.device("meta"):
        layers = [m for m in Lpn("lpn50", 17).modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(tuple(layer.weight.shape), layer.groups) for layer in layers] == [
        ((512, 1, 4, 4), 256),
        ((256, 1, 4, 4), 256),
    ]


def test_global_context_starts_as_the_identity() -> None:
    features = torch.randn(2, 64, 5, 3)
    assert torch.equal(GlobalContext(64)(features), features)


def test_global_context_adds_the_attended_mean_everywhere() -> None:
    context = GlobalContext(64)
    nn.init.normal_(context.expand.weight)
    features = torch.randn(2, 64, 5, 3)
    added = context(features) - features
    torch.testing.assert_close(added, added[:, :, :1, :1].expand_as(added), rtol=0, atol=1e-5)
    weights = context.attention(features).flatten(1).softmax(dim=1).view(2, 1, 5, 3)
    mean = (features * weights).sum(dim=(2, 3), keepdim=True)
    expected = context.expand(context.norm(context.reduce(mean)).relu())
    torch.testing.assert_close(added[:, :, :1, :1], expected, rtol=1e-4, atol=1e-5)
