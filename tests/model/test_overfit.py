"""Every network learns 32 people by heart in a bounded number of steps: loss to near zero, OKS above 0.95."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn
from torch.optim import Adam

from model.build import PoseNetwork
from model.contract.arrays import DoubleArray, FloatArray, ImageArray
from model.contract.codec import HeatmapCodec
from model.contract.scoring import oks
from model.contract.skeleton import COCO_17
from model.data.dataset import Batch
from model.data.shares import Part, StepBatch
from model.engine import predictor, train_epoch
from model.losses import RegressiveCrossEntropy
from model.networks.normalise import Normalise
from tests.model.overfit import KEYPOINTS, NETWORKS, PEOPLE, SIDE, cut_down, draw_people

CPU = torch.device("cpu")
STEPS = 120
RATE = 0.02
WARMUP = 10
ALL = np.ones(KEYPOINTS, dtype=np.bool_)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_learns_32_people_by_heart(name: str) -> None:
    crops, points = draw_people()
    loss = RegressiveCrossEntropy()
    torch.manual_seed(0)
    with cut_down():
        network = NETWORKS[name](loss.initial_logit)
        codec = _codec(network.heatmap_stride)
        batch = _batch(codec, crops, points)
        losses = _learn(network, loss, batch)
        _settle_norms(network, batch)
        heatmaps = predictor(network, loss, CPU)(crops)
    assert losses[-1] < 0.1 * losses[0]
    assert _mean_oks(codec, heatmaps, points) > 0.95


def _codec(stride: int) -> HeatmapCodec:
    size = SIDE // stride
    return HeatmapCodec((SIDE, SIDE), (size, size), 6 / stride, "half_pixel", "exact", "udp")


def _batch(codec: HeatmapCodec, crops: ImageArray, points: DoubleArray) -> Batch:
    columns, rows, weights = codec.profiles(points, np.ones((PEOPLE, KEYPOINTS), dtype=np.bool_))
    heatmaps = (rows[..., :, None] * columns[..., None, :] * weights[..., None, None]).astype(np.float32)
    return Batch(torch.from_numpy(crops), torch.from_numpy(heatmaps), torch.from_numpy(weights))


def _learn(network: PoseNetwork, loss: RegressiveCrossEntropy, batch: Batch) -> list[float]:
    """The loss of every step; all people are in each."""
    network.to(memory_format=torch.channels_last)
    optimiser = Adam(network.parameters(), eps=1e-12, fused=True)
    steps = [StepBatch(PEOPLE, [Part(batch, 1.0)])] * STEPS
    taken = train_epoch(network, loss, optimiser, steps, _rates(), 0, device=CPU, bf16=False, averaged=None)
    return [step.loss for step in taken]


def _rates() -> Iterator[float]:
    for step in range(STEPS):
        yield RATE * min(1, (step + 1) / WARMUP) * (0.5 + 0.5 * math.cos(math.pi * step / STEPS))


def _settle_norms(network: PoseNetwork, batch: Batch) -> None:
    """Batch norms take the statistics of the trained network: some remember only a hundredth of each step."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        network.train()(Normalise()(batch.crops))


def _mean_oks(codec: HeatmapCodec, heatmaps: FloatArray, points: DoubleArray) -> float:
    """The area is the drawn figure's box times 0.53, COCO's usual share."""
    found, _ = codec.decode(heatmaps)
    areas = 0.53 * np.prod(np.ptp(points, axis=1), axis=1)
    people = zip(found, points, areas, strict=True)
    return float(np.mean([oks(ours, truth, float(area), COCO_17.sigmas, ALL) for ours, truth, area in people]))
