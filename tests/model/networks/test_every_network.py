"""What holds of every network: its heatmaps, where it starts, that it learns everywhere, that it can be exported."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor, nn

from model.build import PoseNetwork
from model.engine import ServedNetwork
from model.graph import as_stored, fold_norms, write_graph
from model.losses import RegressiveCrossEntropy
from model.networks.layers import PRIOR_LOGIT
from tests.model.every_network import every_network

KEYPOINTS = 5
NETWORKS = every_network(KEYPOINTS)
EVERY = pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)


def as_if_trained(network: PoseNetwork) -> PoseNetwork:
    """Weights and statistics of ordinary size: fresh ones make heatmaps that all but vanish."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(cast("Tensor", module.running_var), 0.5, 2)
            nn.init.normal_(cast("Tensor", module.running_mean), std=0.1)
            nn.init.uniform_(module.weight, 0.5, 1)
    return network.eval()


@EVERY
def test_it_starts_at_the_logit_with_heatmaps_of_its_stride(build: Callable[[float], PoseNetwork]) -> None:
    network = build(PRIOR_LOGIT).eval()
    with torch.inference_mode():
        logits = network(torch.randn(2, 3, 64, 32))
    assert logits.shape == (2, KEYPOINTS, 64 // network.heatmap_stride, 32 // network.heatmap_stride)
    torch.testing.assert_close(logits, torch.full_like(logits, PRIOR_LOGIT), rtol=0, atol=0.2)


@EVERY
def test_every_parameter_learns(build: Callable[[float], PoseNetwork]) -> None:
    network = build(0.0).train()
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@EVERY
def test_batch_norms_fold_into_convolutions_as_the_export_does_it(build: Callable[[float], PoseNetwork]) -> None:
    network = as_if_trained(build(0.0))
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        logits, folded = network(images), fold_norms(network)(images)
    assert float((folded - logits).norm() / logits.norm()) < 1e-4
    assert float(logits.std()) > 0


@pytest.mark.parametrize("name", ["lpn50", "lite-hrnet-18", "fasterpose-yolo11n"])
def test_networks_that_are_no_chain_of_layers_become_graphs(name: str, tmp_path: Path) -> None:
    network = as_if_trained(NETWORKS[name](0.0))
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    served = as_stored(ServedNetwork(network, RegressiveCrossEntropy()))
    assert write_graph(served, crops, tmp_path / "model.onnx", "heatmaps") < 1e-4
