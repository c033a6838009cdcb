"""From heatmaps to people."""

from dataclasses import replace

import numpy as np
import pytest

from model.contract.coco import PersonPose
from model.contract.codec import HeatmapCodec
from model.contract.crop import CropTransform
from model.contract.poses import average_with_mirrored, poses_from_heatmaps, without_repeats
from model.contract.skeleton import COCO_17
from model.contract.spec import PoseSpec, Provenance

CODEC = HeatmapCodec((96, 128), (24, 32), 1.5, "half_pixel", "exact", "dark")
SPEC = PoseSpec(Provenance("p", "1", "a", "MIT", {}, {}), COCO_17, CODEC, 1.25, (0, 0, 0), (1, 1, 1))
BOX = (100.0, 50.0, 60.0, 120.0)


def keypoints_in_box(rng: np.random.Generator) -> np.ndarray:
    return np.array(BOX[:2]) + rng.uniform(0.1, 0.9, (17, 2)) * np.array(BOX[2:])


def encode(keypoints: np.ndarray, transform: CropTransform) -> np.ndarray:
    return CODEC.encode(transform.points_to_crop(keypoints), np.ones(17, dtype=np.bool_))[0]


def test_keypoints_come_back_to_the_image() -> None:
    keypoints = keypoints_in_box(np.random.default_rng(0))
    transform = CropTransform.from_box(BOX, CODEC.input_size, 1.25)
    (pose,) = poses_from_heatmaps(CODEC, encode(keypoints, transform)[None], [transform], [BOX], [0.8])
    np.testing.assert_allclose(pose.keypoints, keypoints, atol=0.1)
    assert pose.box == BOX
    assert pose.score == pytest.approx(0.8 * pose.keypoint_scores.mean(), abs=1e-6)


def test_the_mirrored_crop_of_the_same_person_changes_nothing() -> None:
    keypoints = keypoints_in_box(np.random.default_rng(1))
    transform = CropTransform.from_box(BOX, CODEC.input_size, 1.25)
    straight = encode(keypoints, transform)[None]
    crop_points = transform.points_to_crop(keypoints)[list(COCO_17.mirror_order)]
    crop_points[:, 0] = CODEC.input_size[0] - 1 - crop_points[:, 0]
    mirrored = CODEC.encode(crop_points, np.ones(17, dtype=np.bool_))[0][None]
    averaged = average_with_mirrored(straight, mirrored, COCO_17.mirror_order, shift=False)
    np.testing.assert_allclose(averaged, straight, atol=1e-6)


def test_the_shift_moves_the_turned_map_right_and_keeps_its_first_column() -> None:
    zero, ramp = np.zeros((1, 1, 1, 4), np.float32), np.array([[[[4, 3, 2, 1]]]], np.float32)
    shifted = average_with_mirrored(zero, ramp, [0], shift=True)
    assert (2 * shifted[0, 0, 0]).tolist() == [1, 1, 2, 3]


def pose(keypoints: np.ndarray, score: float) -> PersonPose:
    return PersonPose(BOX, score, score, keypoints, np.full(17, score, np.float32))


def test_of_two_poses_on_one_person_the_better_is_kept() -> None:
    keypoints = keypoints_in_box(np.random.default_rng(2))
    better, worse, other = pose(keypoints, 0.9), pose(keypoints + 0.5, 0.6), pose(keypoints + 300, 0.5)
    assert without_repeats([worse, other, better], SPEC) == [better, other]


def test_one_person_or_nobody_is_left_alone() -> None:
    alone = pose(keypoints_in_box(np.random.default_rng(3)), 0.1)
    assert without_repeats([alone], SPEC) == [alone]
    assert without_repeats([], SPEC) == []


def test_the_padding_counts_for_the_area() -> None:
    keypoints = keypoints_in_box(np.random.default_rng(4))
    near = keypoints + 4.0
    wide = replace(SPEC, box_padding=4.0)
    assert len(without_repeats([pose(keypoints, 0.9), pose(near, 0.8)], SPEC)) == 2
    assert len(without_repeats([pose(keypoints, 0.9), pose(near, 0.8)], wide)) == 1
