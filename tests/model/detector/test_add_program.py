"""A detector bundle gets its program from its own weights."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ultralytics", reason="needs the train extra")

import torch

from model.add_program import add_program
from model.contract.spec import load_detector_spec
from model.detector.export import DetectorExport, export_detector
from model.detector.network import build_coco_network, keep_person_row, write_weights
from model.graph import PARITY_LIMIT, open_graph, relative_difference, run_torch

SIZE = (96, 64)


@pytest.fixture
def bundle(box_folder: Path, tmp_path: Path) -> Path:
    """An untrained detector for small images."""
    network = build_coco_network()
    keep_person_row(network)
    weights = tmp_path / "start.safetensors"
    write_weights(network, weights)
    export_detector(tmp_path / "bundle", DetectorExport(weights, box_folder, SIZE, "1", {}, int8=False))
    return tmp_path / "bundle"


def test_a_detector_gets_a_program_and_its_figures(bundle: Path, box_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert set(add_program(bundle, copy, box_folder)) == {"fp16", "bf16"}
    spec = load_detector_spec(copy)
    assert set(spec.provenance.accuracy) == {"fp32", "fp16", "bf16"}
    assert set(spec.provenance.files) == {"model.onnx", "model.pt2", "model.safetensors"}
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3), dtype=np.uint8)
    program, graph = torch.export.load(copy / "model.pt2").module(), open_graph(copy / "model.onnx")
    assert relative_difference(run_torch(program, images), graph(images)) < PARITY_LIMIT


def test_without_data_nothing_is_measured(bundle: Path, tmp_path: Path) -> None:
    assert add_program(bundle, tmp_path / "copy", None) == {}
    before, after = load_detector_spec(bundle), load_detector_spec(tmp_path / "copy")
    assert after.provenance.accuracy == before.provenance.accuracy
    assert "model.pt2" in after.provenance.files
