from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from rich.console import Console

from model.cli import main
from model.config import read_recipe
from model.contract.spec import BundleError, PoseSpec, load_pose_spec, write_spec
from model.export import Identity, export_run
from model.precisions import record_accuracy
from model.remeasure import recipe_of
from model.train import TrainingOptions, train
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


def test_a_bundle_without_recipe_cannot_be_measured(exported: PoseSpec, tmp_path: Path) -> None:
    write_spec(tmp_path, replace(exported, provenance=replace(exported.provenance, training={})))
    with pytest.raises(BundleError, match="the spec of bundle tiny holds no recipe that can be read"):
        recipe_of(load_pose_spec(tmp_path))
