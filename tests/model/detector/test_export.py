from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ultralytics", reason="needs the train extra")
pytest.importorskip("openvino", reason="needs the train extra")

import torch

from model.contract.spec import load_detector_spec
from model.detector.boxes import read_person_boxes
from model.detector.evaluate import open_detector
from model.detector.export import GRAPH, OUTPUT, DetectorExport, calibration_images, export_detector
from model.detector.network import ServedDetector, build_coco_network, keep_person_row, write_weights
from model.graph import run_torch, write_graph

SIZE = (96, 64)


def test_a_small_graph_equals_torch_at_any_batch(tmp_path: Path) -> None:
    network = build_coco_network()
    keep_person_row(network)
    detector = ServedDetector(network)
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    assert write_graph(detector, images[:2], tmp_path / GRAPH, OUTPUT) <= 1e-4
    rows = open_detector(tmp_path / GRAPH)(images)
    assert rows.shape == (3, 126, 5)
    np.testing.assert_allclose(rows, run_torch(detector, images), rtol=1e-3, atol=1e-3)


def test_calibration_images_are_letterboxed(box_folder: Path) -> None:
    images = calibration_images(read_person_boxes(box_folder, "train"), SIZE)
    assert [image.shape for image in images] == [(64, 96, 3), (64, 96, 3)]
    assert images[1][0, 0, 0] == 114  # the border of the tall photograph
    assert images[1][32, 48, 0] == 90


def test_an_export_is_a_bundle_with_what_was_measured(box_folder: Path, tmp_path: Path) -> None:
    network = build_coco_network()
    keep_person_row(network)
    write_weights(network, tmp_path / "start.safetensors")
    bundle = tmp_path / "small"
    export = DetectorExport(tmp_path / "start.safetensors", box_folder, SIZE, "1.2.3", {"data": "drawn"}, int8=False)
    report = export_detector(bundle, export)
    spec = load_detector_spec(bundle)
    assert report.parity <= 1e-4
    assert (spec.input_size, spec.needs_nms) == (SIZE, True)
    assert (spec.provenance.name, spec.provenance.licence) == ("small", "AGPL-3.0-only")
    assert spec.provenance.training == {"data": "drawn"}
    assert spec.provenance.accuracy == report.accuracy == {"fp32": {"AP": 0.0, "AP50": 0.0, "recall@0.3": 0.0}}
    assert set(spec.provenance.files) == {"model.onnx", "model.safetensors"}


def test_a_program_serves_any_batch_and_is_measured_in_its_precisions(box_folder: Path, tmp_path: Path) -> None:
    network = build_coco_network()
    keep_person_row(network)
    write_weights(network, tmp_path / "start.safetensors")
    bundle = tmp_path / "small"
    export = DetectorExport(tmp_path / "start.safetensors", box_folder, SIZE, "1", {}, int8=False, pt2=True)
    report = export_detector(bundle, export)
    spec = load_detector_spec(bundle)
    assert set(spec.provenance.files) == {"model.onnx", "model.pt2", "model.safetensors"}
    assert set(spec.provenance.accuracy) == set(report.accuracy) == {"fp32", "fp16", "bf16"}
    program = torch.export.load(bundle / "model.pt2").module()
    for count in (1, 3):
        images = np.random.default_rng(count).integers(0, 256, (count, 64, 96, 3), dtype=np.uint8)
        rows = run_torch(program, images)
        np.testing.assert_allclose(rows, open_detector(bundle / GRAPH)(images), rtol=1e-3, atol=1e-3)
    constants = {name.rsplit(".", 1)[-1] for name in torch.export.load(bundle / "model.pt2").constants}
    assert constants == {"anchors", "strides"}  # else a GPU would compute them anew for each batch, and wait for it
