"""A tiny run becomes a bundle; the bundle and the run are then measured like any other."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import onnx
import torch
from onnx import TensorProto
from rich.console import Console

from model.config import Recipe, read_recipe
from model.contract.coco import AnnotationError
from model.contract.spec import BundleError, PoseSpec, load_pose_spec
from model.data.dataset import DataError
from model.data.sources import read_training_samples
from model.export import CALIBRATION_CROPS, GRAPH, INT8_GRAPH, Identity, calibration_crops, export_run
from model.graph import PARITY_LIMIT, cpu_has_bf16, open_graph, relative_difference, run_torch
from model.measure import Measurement, measure_model, open_model
from model.program import PROGRAM
from model.train import LAST, WEIGHTS, TrainingOptions, train
from model.validation import draft_spec
from tests.model import drawn
from tests.model.narrow import use_narrow_trunks

IDENTITY = Identity("tiny", "0.1", "Apache-2.0", {"data": "drawn figures"})


@dataclass(frozen=True)
class Exported:
    """A finished run of one epoch and its bundle."""

    recipe: Recipe
    data: Path
    run: Path
    bundle: Path
    spec: PoseSpec
    console: str

    def measurement(self) -> Measurement:
        return Measurement(self.bundle, self.data / "val.json", self.data / "images")


@pytest.fixture(scope="module", autouse=True)
def _narrow() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_narrow_trunks(monkeypatch)
        yield


@pytest.fixture(scope="module")
def exported(_narrow: None, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("exported")
    (folder / "tiny.toml").write_text(drawn.RECIPE.replace("epochs = 4", "epochs = 1"))
    recipe, data = read_recipe(folder / "tiny.toml"), drawn.draw_set(folder / "data")
    train(recipe, TrainingOptions(data=data, output=folder / "run", workers=0), Console(quiet=True))
    console = Console(record=True, width=200, quiet=False, file=(folder / "log").open("w"))
    spec = export_run(folder / "run", data, folder / "bundle", IDENTITY, console, pt2=True)
    return Exported(recipe, data, folder / "run", folder / "bundle", spec, console.export_text())


def test_the_bundle_loads_with_the_recipes_facts(exported: Exported) -> None:
    spec = load_pose_spec(exported.bundle)
    assert spec.codec == exported.recipe.codec.build()
    assert (spec.box_padding, spec.flip_shift) == (1.25, False)
    assert spec.skeleton == exported.spec.skeleton
    provenance = spec.provenance
    assert (provenance.name, provenance.version, provenance.licence) == ("tiny", "0.1", "Apache-2.0")
    assert provenance.architecture == "fasterpose-resnet18"
    assert set(provenance.files) == {GRAPH, INT8_GRAPH, PROGRAM}
    training = provenance.training
    assert (training["data"], training["epochs"], training["steps"]) == ("drawn figures", 1, 3)
    assert Recipe.model_validate(training["recipe"]) == exported.recipe


def test_the_spec_holds_what_was_measured(exported: Exported) -> None:
    accuracy = load_pose_spec(exported.bundle).provenance.accuracy
    assert set(accuracy) == {"fp32", "int8", "bf16", "fp16"}
    assert {"AP", "AR_L", "pck/PCK@0.2"} <= set(accuracy["fp32"])
    measured = measure_model(exported.measurement()).figures
    assert accuracy["fp32"]["AP"] == pytest.approx(measured["AP"], abs=1e-4)
    assert accuracy["fp32"]["pck/PCK@0.2"] == pytest.approx(measured["PCK@0.2"], abs=1e-4)


def test_export_prints_the_difference_to_torch(exported: Exported) -> None:
    assert "model.onnx: relative L2 difference to torch" in exported.console
    assert "model.pt2: relative L2 difference to torch" in exported.console


def test_the_program_computes_what_the_graph_does(exported: Exported) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    program = torch.export.load(exported.bundle / PROGRAM).module()
    assert relative_difference(run_torch(program, crops), open_graph(exported.bundle / GRAPH)(crops)) < PARITY_LIMIT


def test_a_bundle_has_a_program_and_its_precisions_only_if_they_are_asked_for(
    exported: Exported, tmp_path: Path
) -> None:
    (tmp_path / PROGRAM).write_text("of an earlier export")
    spec = export_run(exported.run, exported.data, tmp_path, IDENTITY, Console(quiet=True))
    assert set(load_pose_spec(tmp_path).provenance.files) == {GRAPH, INT8_GRAPH}
    assert set(spec.provenance.accuracy) == {"fp32", "int8"} | ({"bf16"} if cpu_has_bf16() else set[str]())


def test_the_graphs_take_bytes_and_give_heatmaps(exported: Exported) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    full, small = open_graph(exported.bundle / GRAPH), open_graph(exported.bundle / INT8_GRAPH)
    assert full(crops).shape == small(crops).shape == (3, 17, 16, 16)
    assert np.abs(small(crops) - full(crops)).max() < 0.1
    assert full(crops).min() > 0
    assert full(crops).max() < 1


def test_int8_kernels_are_stored_as_int8(exported: Exported) -> None:
    graph = onnx.load(exported.bundle / INT8_GRAPH).graph
    assert {tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 4} == {TensorProto.INT8}
    constants = {tensor.name for tensor in graph.initializer}
    assert not [node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] in constants]


def test_a_run_and_its_bundle_measure_alike(exported: Exported) -> None:
    of_bundle = measure_model(exported.measurement())
    of_run = measure_model(replace(exported.measurement(), model=exported.run))
    assert of_run.figures["PCK@0.2"] == pytest.approx(of_bundle.figures["PCK@0.2"], abs=0.1)
    ours, theirs = (np.array([entry["keypoints"] for entry in of.results]) for of in (of_bundle, of_run))
    assert np.median(np.abs(ours - theirs)) < 0.2


def test_detections_are_measured_on_their_boxes(exported: Exported, tmp_path: Path) -> None:
    boxes = {1: [16.0, 8.0, 40.0, 80.0], 2: [58.0, 12.0, 40.0, 80.0]}
    entries = [{"image_id": i, "category_id": 1, "bbox": box, "score": 0.7} for i, box in boxes.items()]
    entries.append({"image_id": 1, "category_id": 17, "bbox": [0.0, 0.0, 9.0, 9.0], "score": 0.9})
    (tmp_path / "d.json").write_text(json.dumps(entries))
    measured = measure_model(replace(exported.measurement(), detections=tmp_path / "d.json"))
    assert [(entry["image_id"], entry["bbox_score"]) for entry in measured.results] == [(1, 0.7), (2, 0.7)]
    assert "PCK@0.2" not in measured.figures


@pytest.mark.parametrize(
    ("entry", "error", "named"),
    [
        ({"image_id": 9, "bbox": [0, 0, 5, 5]}, DataError, r"d\.json: image_id 9 is not among the images of .*val"),
        ({"image_id": 1, "bbox": [0, 0, 0, 5]}, AnnotationError, r"d\.json: entry 0: its bbox .* has no area"),
        ({"image_id": 1}, AnnotationError, r"d\.json: entry 0: the key 'bbox' is missing"),
    ],
)
def test_wrong_detections_are_named(
    exported: Exported, tmp_path: Path, entry: dict[str, object], error: type[Exception], named: str
) -> None:
    (tmp_path / "d.json").write_text(json.dumps([{"category_id": 1, "score": 1} | entry]))
    with pytest.raises(error, match=named):
        measure_model(replace(exported.measurement(), detections=tmp_path / "d.json"))


def test_missing_files_are_named(exported: Exported, tmp_path: Path) -> None:
    task = exported.measurement()
    with pytest.raises(AnnotationError, match=r"annotation file .*absent\.json cannot be read"):
        measure_model(replace(task, annotations=tmp_path / "absent.json"))
    with pytest.raises(AnnotationError, match=r"detections file .*absent\.json cannot be read"):
        measure_model(replace(task, detections=tmp_path / "absent.json"))
    with pytest.raises(DataError, match=r"photograph .*val-1\.png is missing"):
        measure_model(replace(task, images=tmp_path))


def test_a_graph_that_a_bundle_lacks_is_named(exported: Exported, tmp_path: Path) -> None:
    spec = json.loads((exported.bundle / "spec.json").read_text())
    spec["provenance"]["files"] = {GRAPH: spec["provenance"]["files"][GRAPH]}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    shutil.copy(exported.bundle / GRAPH, tmp_path / GRAPH)
    assert open_model(tmp_path, "fp32")[0] == load_pose_spec(tmp_path)
    with pytest.raises(BundleError, match=r"holds no model\.int8\.onnx"):
        open_model(tmp_path, "int8")


@pytest.mark.skipif(cpu_has_bf16(), reason="this CPU computes in bf16")
def test_bf16_is_not_measured_where_it_would_be_fp32(exported: Exported) -> None:
    with pytest.raises(BundleError, match="does not compute in bf16"):
        open_model(exported.bundle, "bf16")


def test_a_run_is_measured_in_fp32_alone(exported: Exported) -> None:
    with pytest.raises(DataError, match="export it to measure int8"):
        open_model(exported.run, "int8")


@pytest.mark.parametrize("damage", [None, b"", b"x" * 1000])
def test_missing_or_damaged_weights_are_named(exported: Exported, tmp_path: Path, damage: bytes | None) -> None:
    shutil.copy(exported.run / LAST, tmp_path / LAST)
    if damage is not None:
        (tmp_path / WEIGHTS).write_bytes(damage)
    with pytest.raises(DataError, match=r"weights\.safetensors"):
        export_run(tmp_path, exported.data, tmp_path / "bundle", IDENTITY, Console(quiet=True))
    assert not (tmp_path / "bundle").exists()


def test_calibration_crops_are_spread_over_the_whole_set(exported: Exported) -> None:
    samples = read_training_samples(exported.data, exported.recipe.training, draft_spec(exported.recipe).skeleton)
    assert calibration_crops(samples, exported.recipe).shape == (12, 64, 64, 3)
    many = [samples[0]] * (CALIBRATION_CROPS + 100) + [samples[-1]] * 100
    crops = calibration_crops(many, exported.recipe)
    assert CALIBRATION_CROPS / 2 < len(crops) <= CALIBRATION_CROPS
    assert np.array_equal(crops[0], crops[1])
    assert not np.array_equal(crops[0], crops[-1])


def test_the_spec_names_the_commit_of_the_code(exported: Exported) -> None:
    here = Path(__file__).parent
    git = subprocess.run(["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    commit = exported.spec.provenance.training["commit"]
    assert git.stdout.startswith(commit) if git.returncode == 0 else commit == "unknown"
