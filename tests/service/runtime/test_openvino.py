from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, cast

import numpy as np
import pytest

from model.contract.arrays import FloatArray
from service.runtime.base import RuntimeUnavailableError
from service.runtime.openvino import OpenVinoGraph, OpenVinoRuntime, cores_of, fast_precisions, supports_bf16
from tests.service.onnx_files import detector_graph, pose_graph


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(pose_graph(48, 64, 17))
    return path


def open_one(graph: Path) -> OpenVinoRuntime:
    return OpenVinoGraph(graph, "fp32", "cpu", threads=1, streams=1, largest=(48, 64)).open_runtime()


def test_a_graph_runs_on_batches_of_any_size(graph: Path) -> None:
    runtime = open_one(graph)
    assert (runtime.name, runtime.device, runtime.precision, runtime.input_size) == (
        "openvino",
        "cpu",
        "fp32",
        (48, 64),
    )
    for count in (1, 3, 2):
        heatmaps = runtime.infer(np.full((count, 64, 48, 3), 51, np.uint8))
        assert (heatmaps.shape, heatmaps.dtype) == ((count, 17, 16, 12), np.float32)
        np.testing.assert_allclose(heatmaps, 0.2, rtol=1e-5)


def test_a_graph_with_open_sides_takes_any_rectangle(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(detector_graph("width", "height", [[1, 2, 3, 4, 0.5]]))
    runtime = OpenVinoGraph(path, "fp32", "cpu", threads=1, streams=1, largest=(64, 96)).open_runtime()
    assert (runtime.input_size, runtime.open_sides) == ((64, 96), True)
    for height, width in ((96, 64), (32, 64), (96, 32)):
        np.testing.assert_allclose(runtime.infer(np.ones((2, height, width, 3), np.uint8)), [[[1, 2, 3, 4, 0.5]]] * 2)


def test_an_answer_is_not_overwritten_by_the_next(graph: Path) -> None:
    runtime = open_one(graph)
    first = runtime.infer(np.full((1, 64, 48, 3), 255, np.uint8))
    runtime.infer(np.zeros((1, 64, 48, 3), np.uint8))
    np.testing.assert_allclose(first, 1.0, rtol=1e-5)


def test_streams_compute_side_by_side_and_do_not_mix_their_batches(graph: Path) -> None:
    compiled = OpenVinoGraph(graph, "fp32", "cpu", threads=2, streams=2, largest=(48, 64))
    start = Barrier(2)

    def work(value: int) -> list[FloatArray]:
        runtime = compiled.open_runtime()
        crops = np.full((value, 64, 48, 3), value, np.uint8)
        start.wait(20)
        return [runtime.infer(crops) for _ in range(50)]

    with ThreadPoolExecutor(2) as threads:
        for value, answers in zip((2, 5), threads.map(work, (2, 5)), strict=True):
            np.testing.assert_allclose(np.stack(answers), np.full((50, value, 17, 16, 12), value / 255), rtol=1e-5)


@pytest.mark.parametrize("streams", [1, 2])
def test_a_graph_has_the_streams_and_threads_that_were_asked_for(graph: Path, streams: int) -> None:
    runtime = OpenVinoGraph(graph, "fp32", "cpu", threads=2, streams=streams, largest=(48, 64)).open_runtime()
    assert_streams(cast("Any", runtime)._request, streams)
    assert_streams(cast("Any", runtime)._request_alone, 1)


def assert_streams(request: Any, streams: int) -> None:
    compiled = request.get_compiled_model()
    assert compiled.get_property("NUM_STREAMS") == streams
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 2


def test_a_batch_that_is_alone_has_all_cores_and_one_beside_another_has_a_stream(graph: Path) -> None:
    """Another network of the process counts too: the cores are the same."""
    runtime = OpenVinoGraph(graph, "fp32", "cpu", threads=2, streams=2, largest=(48, 64)).open_runtime()
    used: list[str] = []
    for name in ("_request", "_request_alone"):
        setattr(runtime, name, Recorder(name, getattr(runtime, name), used))
    crops = np.zeros((1, 64, 48, 3), np.uint8)
    runtime.infer(crops)
    with cores_of("cpu").occupied() as alone:
        assert alone
        runtime.infer(crops)
    runtime.infer(crops)
    assert used == ["_request_alone", "_request", "_request_alone"]
    runtime.warm_up(crops)
    assert sorted(used[3:]) == ["_request", "_request_alone"]


class Recorder:
    """An infer request that notes its name."""

    def __init__(self, name: str, request: Any, used: list[str]) -> None:
        self._name, self._request, self._used = name, request, used

    def infer(self, *arguments: Any, **named: Any) -> Any:
        self._used.append(self._name)
        return self._request.infer(*arguments, **named)


def test_a_failed_inference_leaves_the_cores_free(graph: Path) -> None:
    runtime = open_one(graph)
    with pytest.raises(Exception, match="shape"):
        runtime.infer(np.zeros((1, 7, 7, 3), np.uint8))
    with cores_of("cpu").occupied() as alone:
        assert alone


def test_an_unknown_device_is_refused_with_those_that_are_there(graph: Path) -> None:
    with pytest.raises(RuntimeUnavailableError, match="no device 'tpu' here; it finds: cpu"):
        OpenVinoGraph(graph, "fp32", "tpu", threads=1, streams=1, largest=(48, 64))


def test_bf16_is_refused_where_the_cpu_has_none(graph: Path) -> None:
    if supports_bf16("cpu"):
        runtime = OpenVinoGraph(graph, "bf16", "cpu", threads=1, streams=1, largest=(48, 64)).open_runtime()
        assert (runtime.precision, fast_precisions("cpu")) == ("bf16", ("int8", "bf16"))
        return
    assert fast_precisions("cpu") == ("int8",)
    with pytest.raises(RuntimeUnavailableError, match="does not compute in bf16"):
        OpenVinoGraph(graph, "bf16", "cpu", threads=1, streams=1, largest=(48, 64))
