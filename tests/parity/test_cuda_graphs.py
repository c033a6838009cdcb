"""How batches go through buffers and captured graphs, on stand-ins for CUDA. What CUDA itself does needs a GPU."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor

from model.contract.arrays import FloatArray, ImageArray
from service.runtime import cuda_graphs
from service.runtime.buckets import BUCKETS
from service.runtime.cuda_graphs import ROUNDS_BEFORE_CAPTURE, CudaGraphs

SIZE = (6, 4)


class FakeGraph:
    """Repeats what was computed while it was captured, on the same tensors."""

    def __init__(self) -> None:
        self.replay: Callable[[], object] = self.not_captured

    def not_captured(self) -> None:
        raise AssertionError("replayed before it was captured")


class FakeCuda:
    """Stands in for `torch.cuda`, and for the network: (N, 4, 6, 3) bytes -> (N, 2) mean and maximum."""

    def __init__(self) -> None:
        self.capturing: FakeGraph | None = None
        self.eager: list[int] = []
        self.captured: list[int] = []
        self.replayed: list[int] = []

    @contextmanager
    def graph(self, graph: FakeGraph, **options: object) -> Generator[None]:
        assert options["capture_error_mode"] == "thread_local"
        self.capturing = graph
        yield
        self.capturing = None

    def network(self, images: Tensor) -> Tensor:
        output = _mean_and_maximum(images)
        if self.capturing is None:
            self.eager.append(len(images))
            return output
        self.captured.append(len(images))

        def replay() -> None:
            self.replayed.append(len(images))
            output.copy_(_mean_and_maximum(images))

        self.capturing.replay = replay
        return output


class FakeStream:
    def __init__(self, device: torch.device) -> None:
        assert device.type == "cpu"

    def synchronize(self) -> None:
        pass


@contextmanager
def context(_: object) -> Generator[None]:
    yield


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    for name, value in {
        "Stream": FakeStream,
        "CUDAGraph": FakeGraph,
        "graph": fake.graph,
        "graph_pool_handle": lambda: (0, 0),
        "device": context,
        "stream": context,
        "synchronize": lambda: None,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(cuda_graphs, "pinned", lambda shape, dtype: torch.zeros(shape, dtype=dtype))  # pyright: ignore
    return fake


def _mean_and_maximum(images: Tensor) -> Tensor:
    rows = images.flatten(1).float()
    return torch.stack([rows.mean(1), rows.amax(1)], 1)


def expected(images: ImageArray) -> FloatArray:
    rows = images.reshape(len(images), -1).astype(np.float32)
    return np.stack([rows.mean(1), rows.max(1)], 1)


def photographs(count: int) -> ImageArray:
    return np.random.default_rng(count).integers(0, 256, (count, SIZE[1], SIZE[0], 3), dtype=np.uint8)


def test_every_bucket_is_warmed_up_and_captured_largest_first(cuda: FakeCuda) -> None:
    CudaGraphs(cuda.network, SIZE, torch.device("cpu"))
    assert cuda.captured == list(reversed(BUCKETS))
    assert cuda.eager == [bucket for bucket in reversed(BUCKETS) for _ in range(ROUNDS_BEFORE_CAPTURE)]


@pytest.mark.parametrize(
    ("count", "replayed"), [(1, [1]), (3, [4]), (64, [64]), (65, [128]), (129, [128, 1]), (300, [128, 128, 64])]
)
def test_a_batch_is_replayed_in_the_buckets_that_hold_it(cuda: FakeCuda, count: int, replayed: list[int]) -> None:
    graphs = CudaGraphs(cuda.network, SIZE, torch.device("cpu"))
    images = photographs(count)
    np.testing.assert_allclose(graphs(images), expected(images), rtol=1e-6)
    assert cuda.replayed == replayed


def test_rows_of_an_earlier_batch_do_not_show(cuda: FakeCuda) -> None:
    graphs = CudaGraphs(cuda.network, SIZE, torch.device("cpu"))
    first = graphs(np.full((4, SIZE[1], SIZE[0], 3), 255, np.uint8))
    second = graphs(np.zeros((3, SIZE[1], SIZE[0], 3), np.uint8))
    assert (first == 255).all()  # a copy: not overwritten by the second
    assert second.shape == (3, 2)
    assert (second == 0).all()


def test_fp32_is_not_tf32_and_the_process_keeps_its_settings(cuda: FakeCuda) -> None:
    before = torch.backends.cudnn.allow_tf32
    seen: set[bool] = set()

    def network(images: Tensor) -> Tensor:
        seen.add(torch.backends.cudnn.allow_tf32)
        return cuda.network(images)

    CudaGraphs(network, SIZE, torch.device("cpu"))
    assert seen == {False}
    assert torch.backends.cudnn.allow_tf32 is before
