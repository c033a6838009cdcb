"""Which int8 graph a bundle gets."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import onnx
import torch
from torch import Tensor, nn

from model.graph import Graph
from model.int8 import ATTEMPTS, Int8, write_int8

CROPS = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)


class TwoConvolutions(nn.Module):
    """Pixels in, sixteen maps between, one map out."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3), nn.Conv2d(16, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.middle(self.first(images.permute(0, 3, 1, 2).float() / 255).relu()).relu()).sigmoid()


@pytest.fixture
def written(tmp_path: Path) -> Callable[[list[float], float | None], Int8]:
    """What is written where the attempts, one after another, have the AP given and float has `full`."""

    def write(aps: list[float], full: float | None) -> Int8:
        torch.manual_seed(0)
        left = iter(aps)

        def measure(_graph: Graph) -> dict[str, float]:
            return {"AP": next(left)}

        return write_int8(TwoConvolutions().eval(), CROPS, tmp_path / "int8.onnx", measure, full)

    return write


def test_the_first_graph_that_keeps_its_ap_is_taken(written: Callable[[list[float], float | None], Int8]) -> None:
    assert written([0.495], 0.5).attempt == ATTEMPTS[0]
    kept = written([0.490, 0.496], 0.5)
    assert (kept.attempt, kept.figures) == (ATTEMPTS[1], {"AP": 0.496})


def test_the_best_is_taken_where_none_keeps_its_ap(
    written: Callable[[list[float], float | None], Int8], tmp_path: Path
) -> None:
    assert written([0.1, 0.2, 0.4, 0.3], 0.5).attempt == ATTEMPTS[2]
    kernels = [t for t in onnx.load(tmp_path / "int8.onnx").graph.initializer if len(t.dims) == 4]
    assert sorted(t.data_type == onnx.TensorProto.INT8 for t in kernels) == [False, False, True]


def test_without_float_figures_the_first_attempt_stands(written: Callable[[list[float], float | None], Int8]) -> None:
    assert written([0.0], None).attempt == ATTEMPTS[0]
