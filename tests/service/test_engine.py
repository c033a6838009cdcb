from dataclasses import replace

from model.contract.arrays import FloatArray, ImageArray
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
    assert pose.batches == [5]
    assert detector.shapes == {(3, 128, 160, 3), (1, 128, 160, 3), (1, 160, 128, 3), (1, 160, 160, 3)}
