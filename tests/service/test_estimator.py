import numpy as np

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Box, CropTransform
from service.estimator import LARGEST_BATCH, Estimator
from tests.service.fakes import FakePoseRuntime, loaded, pose_spec


class BrightnessRuntime(FakePoseRuntime):
    """Heatmap k is the crop's red channel at a quarter of the size, plus k / 100: the order is visible."""

    def infer(self, batch: ImageArray) -> FloatArray:
        self.batches.append(len(batch))
        red = batch[:, ::4, ::4, 0].astype(np.float32) / 255
        offsets = np.arange(17, dtype=np.float32)[None, :, None, None] / np.float32(100)
        return (red[:, None] + offsets).astype(np.float32)


def make_estimator() -> tuple[Estimator, BrightnessRuntime]:
    runtime = BrightnessRuntime((48, 64))
    return Estimator(loaded(pose_spec(), runtime)), runtime


def test_crops_are_the_contracts_byte_for_byte(scene: ImageArray) -> None:
    estimator, _ = make_estimator()
    boxes: list[Box] = [(40.0, 60.0, 60.0, 140.0), (-20.0, 200.0, 90.0, 90.0)]
    transforms, crops = estimator.crop(scene, boxes)
    assert (crops.shape, crops.dtype) == ((2, 64, 48, 3), np.uint8)
    for box, crop, transform in zip(boxes, crops, transforms, strict=True):
        expected = CropTransform.from_box(box, (48, 64), 1.25)
        np.testing.assert_array_equal(crop, expected.crop_image(scene))
        np.testing.assert_array_equal(transform.matrix, expected.matrix)


def test_a_crowd_is_split_into_batches_in_order() -> None:
    estimator, runtime = make_estimator()
    crops = np.zeros((2 * LARGEST_BATCH + 3, 64, 48, 3), np.uint8)
    crops[:, :, :, 0] = np.arange(len(crops))[:, None, None]
    heatmaps = estimator.heatmaps(crops, flip_test=False)
    assert runtime.batches == [LARGEST_BATCH, LARGEST_BATCH, 3]
    np.testing.assert_allclose(heatmaps[:, 0, 0, 0], np.arange(len(crops)) / 255, rtol=1e-5)


def test_the_flip_test_averages_with_the_mirror_image_turned_back() -> None:
    estimator, _ = make_estimator()
    crops = np.full((1, 64, 48, 3), 100, np.uint8)
    left_eye, right_eye = estimator.heatmaps(crops, flip_test=True)[0, 1:3]
    # Both maps of a uniform crop are its brightness plus the mean of the pair's offsets.
    np.testing.assert_allclose(left_eye, 100 / 255 + 0.015, rtol=1e-5)
    np.testing.assert_allclose(right_eye, 100 / 255 + 0.015, rtol=1e-5)
