from collections.abc import Iterator

import numpy as np
import pytest

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Box, CropTransform
from service.estimator import Estimator
from tests.service.fakes import FakePoseRuntime, make_estimator


class BrightnessRuntime(FakePoseRuntime):
    """Heatmap k is the crop's red channel at a quarter of the size, plus k / 100: the order is visible."""

    def infer(self, batch: ImageArray) -> FloatArray:
        self.batches.append(len(batch))
        red = batch[:, ::4, ::4, 0].astype(np.float32) / 255
        offsets = np.arange(17, dtype=np.float32)[None, :, None, None] / np.float32(100)
        return (red[:, None] + offsets).astype(np.float32)


@pytest.fixture
def runtime() -> BrightnessRuntime:
    return BrightnessRuntime((48, 64))


@pytest.fixture
def estimator(runtime: BrightnessRuntime) -> Iterator[Estimator]:
    estimator = make_estimator(runtime, batch=16)
    yield estimator
    estimator.batcher.close()


def test_crops_are_the_contracts_byte_for_byte(estimator: Estimator, scene: ImageArray) -> None:
    boxes: list[Box] = [(40.0, 60.0, 60.0, 140.0), (-20.0, 200.0, 90.0, 90.0)]
    transforms, crops = estimator.crop(scene, boxes)
    assert (crops.shape, crops.dtype) == ((2, 64, 48, 3), np.uint8)
    for box, crop, transform in zip(boxes, crops, transforms, strict=True):
        expected = CropTransform.from_box(box, (48, 64), 1.25)
        np.testing.assert_array_equal(crop, expected.crop_image(scene))
        np.testing.assert_array_equal(transform.matrix, expected.matrix)


async def test_a_crowd_is_split_into_batches_in_order(estimator: Estimator, runtime: BrightnessRuntime) -> None:
    crops = np.zeros((2 * 16 + 3, 64, 48, 3), np.uint8)
    crops[:, :, :, 0] = np.arange(len(crops))[:, None, None]
    heatmaps, _ = await estimator.infer(crops)
    assert runtime.batches == [16, 16, 3]
    np.testing.assert_allclose(heatmaps[:, 0, 0, 0], np.arange(len(crops)) / 255, rtol=1e-5)


async def test_the_flip_test_averages_with_the_mirror_image_turned_back(estimator: Estimator) -> None:
    crops = np.full((1, 64, 48, 3), 100, np.uint8)
    heatmaps, _ = await estimator.infer(estimator.with_mirrored(crops))
    left_eye, right_eye = estimator.average(heatmaps)[0, 1:3]
    # Both maps of a uniform crop are its brightness plus the mean of the pair's offsets.
    np.testing.assert_allclose(left_eye, 100 / 255 + 0.015, rtol=1e-5)
    np.testing.assert_allclose(right_eye, 100 / 255 + 0.015, rtol=1e-5)


def test_mirrored_crops_follow_the_crops(estimator: Estimator) -> None:
    crops = np.zeros((2, 64, 48, 3), np.uint8)
    crops[0, :, 0], crops[1, :, -1] = 7, 9
    both = estimator.with_mirrored(crops)
    np.testing.assert_array_equal(both[:2], crops)
    assert (both[2, :, -1] == 7).all()
    assert (both[3, :, 0] == 9).all()
