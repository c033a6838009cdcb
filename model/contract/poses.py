"""From heatmaps to people: mirror averaging, decoding, scores, suppression. Evaluation and serving call this."""

from collections.abc import Sequence

import numpy as np

from model.contract.arrays import FloatArray
from model.contract.coco import PersonPose
from model.contract.codec import HeatmapCodec
from model.contract.crop import Box, CropTransform, CropWindow
from model.contract.scoring import oks_nms, person_score
from model.contract.spec import PoseSpec


def average_with_mirrored(
    heatmaps: FloatArray, mirrored: FloatArray, mirror_order: Sequence[int], *, shift: bool
) -> FloatArray:
    """Flip test: the mean of a crop's heatmaps and of its mirror image's, turned back.

    Args:
        heatmaps: (N, K, h, w) of the crops.
        mirrored: (N, K, h, w) of the crops mirrored left to right.
        mirror_order: K indices, the skeleton's left-right exchange.
        shift: move the turned maps one pixel to the right (the `stride` alignment lags by 3/4 pixel).

    Returns:
        (N, K, h, w) float32.
    """
    turned = mirrored[:, list(mirror_order), :, ::-1]
    if shift:
        turned = np.concatenate([turned[..., :1], turned[..., :-1]], axis=-1)
    return np.asarray((heatmaps + turned) / 2, dtype=np.float32)


def poses_from_heatmaps(
    codec: HeatmapCodec,
    heatmaps: FloatArray,
    transforms: Sequence[CropTransform],
    boxes: Sequence[Box],
    box_scores: Sequence[float],
    keypoint_threshold: float = 0.2,
) -> list[PersonPose]:
    """Read one person from each crop's heatmaps.

    Args:
        codec: the bundle's codec.
        heatmaps: (N, K, h, w) float32.
        transforms: the N crops' transforms.
        boxes: the N people's boxes, image pixels.
        box_scores: the N boxes' scores, 0..1.
        keypoint_threshold: keypoints above it count for the person's score.

    Returns:
        N people with keypoints in image pixels, in the order given.
    """
    crop_points, keypoint_scores = codec.decode(heatmaps)
    return [
        PersonPose(
            box=box,
            box_score=box_score,
            score=person_score(box_score, scores, keypoint_threshold),
            keypoints=transform.points_to_image(points),
            keypoint_scores=scores,
        )
        for transform, points, scores, box, box_score in zip(
            transforms, crop_points, keypoint_scores, boxes, box_scores, strict=True
        )
    ]


def without_repeats(poses: Sequence[PersonPose], spec: PoseSpec) -> list[PersonPose]:
    """OKS-NMS among the detected people of one image: of poses that lie on one person, only the best is kept.

    The area is that of the padded, aspect-corrected box, as SimpleBaseline's.

    Returns:
        The kept people, highest score first.
    """
    if len(poses) < 2:
        return list(poses)
    points = np.stack([pose.keypoints for pose in poses])
    scores = np.array([pose.score for pose in poses])
    areas = np.array([_window_area(pose.box, spec) for pose in poses])
    return [poses[index] for index in oks_nms(points, scores, areas, spec.skeleton.sigmas)]


def _window_area(box: Box, spec: PoseSpec) -> float:
    window = CropWindow.around(box, spec.input_size[0] / spec.input_size[1], spec.box_padding)
    return window.width * window.height
