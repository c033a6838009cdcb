"""Stand-ins for the networks: they look at the pixels they are given, so that geometry is tested for real."""

import asyncio
import threading

import numpy as np

from model.contract.arrays import FloatArray, ImageArray
from model.contract.codec import HeatmapCodec
from model.contract.crop import Size
from model.contract.image import ImageLimits
from model.contract.skeleton import COCO_17
from model.contract.spec import DetectorSpec, PoseSpec, Provenance
from service.batching.limit import BatchLimit
from service.bundles import LoadedModel, Spec
from service.detector import Detector
from service.estimator import Estimator
from service.pipeline import Pipeline
from service.runtime.base import Precision, Runtime

CODEC = HeatmapCodec((48, 64), (12, 16), 2.0, "stride", "exact", "dark")
FIGURE = (200, 40, 40)
"""Colour of a drawn person, RGB."""
SPOT = (40, 250, 40)
"""Colour of the spot where the stand-in sees all keypoints of a person, RGB."""


class FakeRuntime:
    """Has the attributes of a runtime; counts its calls."""

    name = "fake"
    device = "cpu"
    precision: Precision = "fp32"
    open_sides = False

    def __init__(self, input_size: Size) -> None:
        self.input_size = input_size
        self.batches: list[int] = []

    def warm_up(self, batch: ImageArray) -> None:
        self.infer(batch)

    def infer(self, batch: ImageArray) -> FloatArray:
        raise NotImplementedError


class Gate:
    """Holds a runtime back until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    def pass_through(self) -> None:
        self.begun.set()
        assert self.go.wait(20)

    async def reached(self) -> None:
        """Wait until a runtime stands before the gate."""
        assert await asyncio.to_thread(self.begun.wait, 20)


class FakeDetectorRuntime(FakeRuntime):
    """Sees a person in the bounding box of what is coloured as one, on the left and on the right half."""

    def infer(self, batch: ImageArray) -> FloatArray:
        self.batches.append(len(batch))
        return np.stack([self._rows(image) for image in batch])

    def _rows(self, image: ImageArray) -> FloatArray:
        rows = np.zeros((4, 5), dtype=np.float32)
        middle = image.shape[1] // 2
        for i, (left, right, score) in enumerate(((0, middle, 0.9), (middle, image.shape[1], 0.6))):
            ys, xs = np.nonzero(_is_figure(image[:, left:right]))
            if len(xs) > 4:
                rows[i] = (xs.min() + left, ys.min(), xs.max() + left + 1, ys.max() + 1, score)
        return rows


class FakePoseRuntime(FakeRuntime):
    """Sees every keypoint on the green spot of a crop; sees none where there is no spot."""

    def infer(self, batch: ImageArray) -> FloatArray:
        self.batches.append(len(batch))
        return np.stack([self._heatmaps(crop) for crop in batch])

    def _heatmaps(self, crop: ImageArray) -> FloatArray:
        ys, xs = np.nonzero(_is_spot(crop))
        seen = len(xs) > 0
        place = np.array([xs.mean(), ys.mean()]) if seen else np.array([24.0, 32.0])
        points = np.repeat(place[None], COCO_17.num_keypoints, axis=0)
        heatmaps, _ = CODEC.encode(points, np.ones(COCO_17.num_keypoints, dtype=np.bool_))
        return heatmaps * np.float32(0.9 if seen else 0.05)


def _is_figure(image: ImageArray) -> np.ndarray:
    red, green, blue = (image[..., i].astype(int) for i in range(3))
    return ((red > 150) & (green < 110) & (blue < 110)) | _is_spot(image)


def _is_spot(image: ImageArray) -> np.ndarray:
    red, green, blue = (image[..., i].astype(int) for i in range(3))
    return (green > 150) & (red < 110) & (blue < 110)


def provenance(name: str) -> Provenance:
    return Provenance(name, "1.2.3", "fake", "Apache-2.0", {}, {"fp32": {"AP": 0.5}}, {"model.onnx": "ab" * 32})


def pose_spec() -> PoseSpec:
    return PoseSpec(provenance("fake-pose"), COCO_17, CODEC, 1.25, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), flip_shift=True)


def detector_spec() -> DetectorSpec:
    return DetectorSpec(provenance("fake-detector"), (160, 160), needs_nms=False)


def loaded(spec: Spec, runtime: Runtime, sha256: str = "ab" * 32) -> LoadedModel[Spec]:
    """A bundle with one runtime, which also stands in for its own replacement."""
    return LoadedModel(spec, (runtime,), sha256, lambda _: runtime)


def make_detector(runtime: Runtime | None = None, batch: int = 4) -> Detector:
    model = loaded(detector_spec(), runtime or FakeDetectorRuntime((160, 160)))
    return Detector(model, BatchLimit(batch, {}))


def make_estimator(runtime: Runtime | None = None, batch: int = 4) -> Estimator:
    model = loaded(pose_spec(), runtime or FakePoseRuntime((48, 64)), "cd" * 32)
    return Estimator(model, BatchLimit(batch, {}))


def make_pipeline(
    limits: ImageLimits | None = None, pose_runtime: Runtime | None = None, detector_runtime: Runtime | None = None
) -> Pipeline:
    return Pipeline(make_detector(detector_runtime), make_estimator(pose_runtime), limits or ImageLimits())


class GatedPoseRuntime(FakePoseRuntime):
    """Waits at a gate before each batch."""

    def __init__(self) -> None:
        super().__init__((48, 64))
        self.gate = Gate()

    def infer(self, batch: ImageArray) -> FloatArray:
        self.gate.pass_through()
        return super().infer(batch)
