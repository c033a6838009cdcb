import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.contract.arrays import FloatArray, ImageArray
from model.contract.spec import DetectorSpec, Provenance, load_detector_spec, write_spec
from model.graph import Graph
from model.precisions import WARM_UP, noise, open_precisions, record_accuracy, time_side_by_side

SPEC = DetectorSpec(
    Provenance("d", "1", "a", "MIT", {"data": "drawn"}, {"int8": {"AP": 0.3}, "fp32": {"AP": 0.4}}),
    (64, 32),
    needs_nms=True,
)


def test_recording_replaces_what_was_measured_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"graph")
    write_spec(tmp_path, SPEC)
    spec = load_detector_spec(tmp_path)
    record_accuracy(tmp_path, spec, {"fp32": {"AP": 0.5}, "bf16": {"AP": 0.45}})
    expected = {"fp32": {"AP": 0.5}, "bf16": {"AP": 0.45}, "int8": {"AP": 0.3}}
    assert load_detector_spec(tmp_path) == replace(spec, provenance=replace(spec.provenance, accuracy=expected))
    recorded = json.loads((tmp_path / "spec.json").read_text())["provenance"]["accuracy"]
    assert list(recorded) == ["fp32", "bf16", "int8"]


def test_graphs_take_turns_on_the_same_images() -> None:
    calls: list[str] = []

    def graph(name: str) -> Graph:
        def run(images: ImageArray) -> FloatArray:
            assert images.shape == (2, 32, 64, 3)
            calls.append(name)
            return np.zeros(1, dtype=np.float32)

        return run

    times = time_side_by_side({"a": graph("a"), "b": graph("b")}, noise(2, (64, 32)), rounds=4)
    assert calls == ["a", "b"] * (4 + WARM_UP)
    assert all(0 <= took.best <= took.median for took in times.values())


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no graph at .*model\.onnx"):
        open_precisions(tmp_path)
