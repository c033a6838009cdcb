from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import numpy as np
from rich.console import Console

from model.build import build_network
from model.bundle_facts import Detector, accuracy_on_detections
from model.cli import main
from model.config import read_recipe
from model.contract.arrays import FloatArray, ImageArray
from model.contract.letterbox import Letterbox
from model.contract.spec import BundleError, DetectorSpec, PoseSpec, Provenance, load_pose_spec, write_spec
from model.cost import count_cost
from model.export import Identity, export_run
from model.precisions import open_precisions, record_accuracy
from model.remeasure import recipe_of
from model.train import TrainingOptions, train
from model.validation import read_validations
from tests.model import drawn
from tests.model.narrow import use_narrow_trunks


@pytest.fixture
def exported(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PoseSpec:
    """The spec of `tmp_path/bundle`, of a network trained for one epoch."""
    use_narrow_trunks(monkeypatch)
    (tmp_path / "tiny.toml").write_text(drawn.RECIPE.replace("epochs = 4", "epochs = 1"))
    quiet = Console(quiet=True)
    train(read_recipe(tmp_path / "tiny.toml"), TrainingOptions(data=data, output=tmp_path / "run", workers=0), quiet)
    return export_run(tmp_path / "run", data, tmp_path / "bundle", Identity("tiny", "1", "MIT", {}), quiet)


def test_measure_finds_what_the_export_measured(
    exported: PoseSpec, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    before = (bundle / "spec.json").read_text()
    record_accuracy(bundle, load_pose_spec(bundle), {precision: {} for precision in exported.provenance.accuracy})
    assert load_pose_spec(bundle).provenance.accuracy["fp32"] == {}
    with pytest.raises(SystemExit) as ended:
        main(["measure", "--model", str(bundle), "--data", str(data), "--write"])
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert f"fp32: AP {exported.provenance.accuracy['fp32']['AP']:.4g}" in printed
    assert "int8: 4 crop(s) in " in printed
    assert load_pose_spec(bundle).provenance.accuracy == exported.provenance.accuracy
    assert (bundle / "spec.json").read_text() == before


def test_a_detector_adds_cost_time_and_accuracy_on_its_boxes(
    exported: PoseSpec, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    arguments = ["measure", "--model", str(bundle), "--data", str(data), "--detector", "person-detector", "--write"]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code
    measured = load_pose_spec(bundle).provenance.training["measured"]
    network = build_network(recipe_of(exported))
    assert measured["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert measured["gmacs"] == round(count_cost(network, (64, 64)).gmacs, 3) > 0
    assert set(measured["milliseconds"]) == set(measured["on_detections"]) == set(exported.provenance.accuracy)
    assert all(set(times) == {"1", "4"} for times in measured["milliseconds"].values())
    assert "AP 0 with the boxes of person-detector" in capsys.readouterr().out  # drawn figures are no people to it


def test_the_boxes_of_a_detector_are_what_is_estimated(exported: PoseSpec, data: Path, tmp_path: Path) -> None:
    """A detector that finds everybody's own box gets exactly the accuracy of own boxes."""
    validation = read_validations(data, recipe_of(exported))[0]
    spec = DetectorSpec(Provenance("d", "1", "a", "MIT", {}, {}), (128, 128), needs_nms=False)
    photographs = iter({sample.person.image_id: sample.image_path for sample in validation.samples})

    def find_all(_images: ImageArray) -> FloatArray:
        image_id = next(photographs)
        samples = [sample for sample in validation.samples if sample.person.image_id == image_id]
        height, width = validation.images[samples[0].image_path].shape[:2]
        letterbox = Letterbox.within((width, height), spec.input_size, spec.stride)
        x, y, w, h = np.array([sample.person.box for sample in samples]).T
        corners = np.stack([x, y, x + w, y + h], axis=1) * letterbox.scale
        corners += (letterbox.left, letterbox.top, letterbox.left, letterbox.top)
        return np.insert(corners, 4, 1.0, axis=1)[None].astype(np.float32)

    graphs = {"fp32": open_precisions(tmp_path / "bundle")["fp32"]}
    found = accuracy_on_detections(graphs, exported, validation, Detector(spec, "fp32", find_all))
    own = {name: exported.provenance.accuracy["fp32"][name] for name in found["fp32"]}
    assert found["fp32"] == pytest.approx(own, abs=0.02)


def test_a_bundle_without_recipe_cannot_be_measured(exported: PoseSpec, tmp_path: Path) -> None:
    write_spec(tmp_path, replace(exported, provenance=replace(exported.provenance, training={})))
    with pytest.raises(BundleError, match="the spec of bundle tiny holds no recipe that can be read"):
        recipe_of(load_pose_spec(tmp_path))
