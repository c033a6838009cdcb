from pathlib import Path

import numpy as np
import pytest

from model.contract.image import ImageLimits
from model.contract.spec import BundleError, sha256_of
from service.bundles import load_detector_model, load_pose_model
from service.engine import load_pipeline
from service.jobs import ImageJob, PoseOptions
from service.settings import ServiceSettings
from service.zoo import find_bundle


def test_a_bundle_is_opened_with_its_hash(bundles: tuple[Path, Path]) -> None:
    pose, detector = bundles
    settings = ServiceSettings(model=str(pose), detector=str(detector), threads=1)
    model = load_pose_model(settings)
    assert (model.spec.provenance.name, model.runtime.precision) == ("tiny-pose", "fp32")
    assert model.sha256 == sha256_of(pose / "model.onnx")
    assert load_detector_model(settings).spec.provenance.name == "tiny-detector"


async def test_the_pipeline_runs_on_bundles(bundles: tuple[Path, Path], photo: bytes) -> None:
    settings = ServiceSettings(model=str(bundles[0]), detector=str(bundles[1]), threads=1)
    pipeline = load_pipeline(settings)
    (person,) = (await pipeline.run(ImageJob(photo), PoseOptions())).people
    assert person.box_score == pytest.approx(0.8)
    assert person.box == pytest.approx((40, 20, 120, 220))  # letterbox: half size, 20 pixels above
    pipeline.close()


def test_limits_of_the_settings_reach_the_decoder(bundles: tuple[Path, Path]) -> None:
    settings = ServiceSettings(model=str(bundles[0]), detector=str(bundles[1]), max_body_bytes=5, max_pixels=7)
    pipeline = load_pipeline(settings)
    assert pipeline.limits == ImageLimits(max_bytes=5, max_pixels=7)
    pipeline.close()


def test_an_unknown_bundle_is_refused() -> None:
    with pytest.raises(BundleError, match="'no-such' is neither an embedded bundle"):
        find_bundle("no-such")


def test_a_bundle_of_the_other_kind_is_refused(bundles: tuple[Path, Path]) -> None:
    with pytest.raises(BundleError, match="holds a detector network"):
        load_pose_model(ServiceSettings(model=str(bundles[1])))


def test_a_changed_graph_is_refused(bundles: tuple[Path, Path]) -> None:
    graph = bundles[0] / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\x00")
    with pytest.raises(BundleError, match="sha256"):
        load_pose_model(ServiceSettings(model=str(bundles[0])))


def test_a_lost_runtime_has_a_replacement_of_the_same_kind(bundles: tuple[Path, Path]) -> None:
    model = load_pose_model(ServiceSettings(model=str(bundles[0]), threads=1))
    replacement = model.reopen(0)
    assert replacement is not model.runtimes[0]
    crops = np.full((2, *reversed(replacement.input_size), 3), 51, np.uint8)
    np.testing.assert_array_equal(replacement.infer(crops), model.runtimes[0].infer(crops))
    assert (replacement.precision, replacement.device) == (model.runtime.precision, model.runtime.device)
