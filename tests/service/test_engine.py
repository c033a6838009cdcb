from dataclasses import replace

import numpy as np
import pytest

from model.contract.arrays import FloatArray, ImageArray
from model.contract.spec import BundleError
from service.engine import build_pipeline
from service.settings import ServiceSettings
from tests.service.fakes import FakeDetectorRuntime, FakePoseRuntime, detector_spec, loaded, pose_spec


class ShapedRuntime(FakeDetectorRuntime):
    """Takes rectangles, and remembers which."""

    open_sides = True

    def __init__(self) -> None:
        super().__init__((160, 160))
        self.shapes: set[tuple[int, ...]] = set()

    def infer(self, batch: ImageArray) -> FloatArray:
        self.shapes.add(batch.shape)
        return super().infer(batch)


def test_set_batches_and_common_shapes_are_computed_before_the_first_request() -> None:
    detector, pose = ShapedRuntime(), FakePoseRuntime((48, 64))
    settings = ServiceSettings(detector_batch=3, pose_batch=5)
    pipeline = build_pipeline(
        loaded(replace(detector_spec(), stride=32), detector), loaded(pose_spec(), pose), settings
    )
    pipeline.close()
    assert (pipeline.detector.limit.size, pipeline.estimator.limit.size) == (3, 5)
    assert pose.batches == [5, 1]  # the second is looked at
    assert detector.shapes == {(3, 128, 160, 3), (1, 128, 160, 3), (1, 160, 128, 3), (1, 160, 160, 3)}


class WrongPoseRuntime(FakePoseRuntime):
    """Its heatmaps are not what the spec says."""

    def __init__(self, *, missing: int = 0, value: float = 0.0) -> None:
        super().__init__((48, 64))
        self._missing, self._value = missing, value

    def infer(self, batch: ImageArray) -> FloatArray:
        return super().infer(batch)[:, self._missing :] + np.float32(self._value)


@pytest.mark.parametrize("runtime", [WrongPoseRuntime(missing=1), WrongPoseRuntime(value=float("nan"))])
def test_a_graph_that_does_not_fit_its_spec_is_refused_at_the_start(runtime: WrongPoseRuntime) -> None:
    detector = loaded(detector_spec(), FakeDetectorRuntime((160, 160)))
    with pytest.raises(BundleError, match="the graph of bundle fake-pose answers"):
        build_pipeline(detector, loaded(pose_spec(), runtime), ServiceSettings(detector_batch=1, pose_batch=1))
