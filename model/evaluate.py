"""Evaluation: people of a validation file through a network, to COCO AP (OKS) or PCK@0.2."""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from model.contract.arrays import BoolArray, DoubleArray, FloatArray, ImageArray
from model.contract.coco import PERSON_CATEGORY, CocoPerson, PersonPose, to_result
from model.contract.crop import Box, CropTransform
from model.contract.poses import average_with_mirrored, poses_from_heatmaps, without_repeats
from model.contract.skeleton import COCO_17, Skeleton
from model.contract.spec import PoseSpec
from model.data.dataset import ImageStore, Sample

Predictor = Callable[[ImageArray], FloatArray]
"""(N, H, W, 3) uint8 RGB crops -> (N, K, h, w) float32 heatmaps, as a bundle's graph."""

BATCH = 32
PCK_SHARE = 0.2
STATS = ("AP", "AP50", "AP75", "AP_M", "AP_L", "AR", "AR50", "AR75", "AR_M", "AR_L")


def estimate_people(
    predict: Predictor,
    spec: PoseSpec,
    images: ImageStore,
    people: Sequence[tuple[Path, Box, float]],
    *,
    flip_test: bool = False,
) -> Iterator[PersonPose]:
    """Estimate people given by (photograph, box, box score), in order; the same steps as the server's."""
    for start in range(0, len(people), BATCH):
        chunk = people[start : start + BATCH]
        transforms = [CropTransform.from_box(box, spec.input_size, spec.box_padding) for _, box, _ in chunk]
        crops = np.stack([t.crop_image(images[path]) for t, (path, _, _) in zip(transforms, chunk, strict=True)])
        heatmaps = predict(crops)
        if flip_test:
            mirrored = predict(np.ascontiguousarray(crops[:, :, ::-1]))
            heatmaps = average_with_mirrored(heatmaps, mirrored, spec.skeleton.mirror_order, shift=spec.flip_shift)
        boxes, scores = [box for _, box, _ in chunk], [score for _, _, score in chunk]
        yield from poses_from_heatmaps(spec.codec, heatmaps, transforms, boxes, scores)


def points_on_boxes(
    predict: Predictor, spec: PoseSpec, images: ImageStore, samples: Sequence[Sample], *, flip_test: bool = False
) -> DoubleArray:
    """(N, K, 2) keypoints, image pixels, of the samples on their own boxes."""
    people = [(sample.image_path, sample.person.box, 1.0) for sample in samples]
    return np.stack([pose.keypoints for pose in estimate_people(predict, spec, images, people, flip_test=flip_test)])


def results_on_boxes(
    predict: Predictor, spec: PoseSpec, images: ImageStore, samples: Sequence[Sample], *, flip_test: bool = False
) -> list[dict[str, Any]]:
    """COCO results of the samples' own boxes (box score 1), without `bbox`, so that area comes from the keypoints."""
    people = [(sample.image_path, sample.person.box, 1.0) for sample in samples]
    poses = estimate_people(predict, spec, images, people, flip_test=flip_test)
    return [
        to_result(pose, sample.person.image_id, with_box=False, category_id=sample.person.category_id)
        for pose, sample in zip(poses, samples, strict=True)
    ]


def results_on_detections(
    predict: Predictor,
    spec: PoseSpec,
    images: ImageStore,
    detections: Sequence[tuple[int, Path, Box, float]],
    *,
    flip_test: bool = False,
    category_id: int = PERSON_CATEGORY,
) -> list[dict[str, Any]]:
    """COCO results of detected people (image id, photograph, box, box score), repeats of a person suppressed."""
    people = [(path, box, score) for _, path, box, score in detections]
    by_image: dict[int, list[PersonPose]] = {}
    for pose, (image_id, *_) in zip(
        estimate_people(predict, spec, images, people, flip_test=flip_test), detections, strict=True
    ):
        by_image.setdefault(image_id, []).append(pose)
    return [
        to_result(pose, image_id, with_box=False, category_id=category_id)
        for image_id, poses in by_image.items()
        for pose in without_repeats(poses, spec)
    ]


def coco_ap(annotations: Path, results: list[dict[str, Any]], skeleton: Skeleton = COCO_17) -> dict[str, float]:
    """The ten keypoint figures of COCO, each 0..1 (-1: nobody of that size), by faster-coco-eval; 0 for no results."""
    evaluation = evaluate_coco(annotations, results, skeleton)
    if evaluation is None:
        return dict.fromkeys(STATS, 0.0)
    return {name: float(value) for name, value in zip(STATS, evaluation.stats[: len(STATS)], strict=True)}


def evaluate_coco(annotations: Path, results: list[dict[str, Any]], skeleton: Skeleton) -> COCOeval_faster | None:
    """The evaluator after its evaluation, with the skeleton's sigmas; None for no results."""
    if not results:
        return None
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        sigmas = list(skeleton.sigmas)
        evaluation = COCOeval_faster(truth, truth.loadRes(results), "keypoints", kpt_oks_sigmas=sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def pck(samples: Sequence[Sample], results: Sequence[dict[str, Any]], skeleton: Skeleton = COCO_17) -> float:
    """PCK@0.2: share of labelled keypoints within 0.2 torso lengths of their label.

    The torso length is the mean of the labelled shoulder-to-opposite-hip diagonals (Yang and Ramanan); of a skeleton
    without shoulders and hips it is the longer side of the box. Joints that were labelled by a network
    (`pseudo_keypoints`) and people without a labelled diagonal do not count.
    """
    correct, counted = (marks.sum() for marks in pck_marks(samples, results, skeleton))
    return float(correct / counted) if counted else 0.0


def pck_marks(
    samples: Sequence[Sample], results: Sequence[dict[str, Any]], skeleton: Skeleton
) -> tuple[BoolArray, BoolArray]:
    """(N, K) which keypoints are within 0.2 torso lengths and (N, K) which count at all; see `pck`."""
    correct = np.zeros((len(samples), skeleton.num_keypoints), dtype=np.bool_)
    counted = np.zeros_like(correct)
    diagonals = _diagonals(skeleton)
    for row, (sample, result) in enumerate(zip(samples, results, strict=True)):
        torso = _torso_length(sample.person, diagonals)
        if torso is None:
            continue
        counted[row] = sample.person.labelled & ~sample.person.is_pseudo
        points = np.array(result["keypoints"]).reshape(-1, 3)[:, :2]
        distances = np.linalg.norm(points - sample.person.keypoints, axis=1)
        correct[row] = counted[row] & (distances <= PCK_SHARE * torso)
    return correct, counted


def _diagonals(skeleton: Skeleton) -> list[tuple[int, int]]:
    """Left shoulder and right hip, right shoulder and left hip; none for a skeleton that lacks one of them."""
    names = skeleton.keypoint_names
    pairs = [("left_shoulder", "right_hip"), ("right_shoulder", "left_hip")]
    if any(name not in names for pair in pairs for name in pair):
        return []
    return [(names.index(a), names.index(b)) for a, b in pairs]


def _torso_length(person: CocoPerson, diagonals: Sequence[tuple[int, int]]) -> float | None:
    if not diagonals:
        return max(person.box[2:])
    points, labelled = person.keypoints, person.labelled
    lengths = [float(np.linalg.norm(points[a] - points[b])) for a, b in diagonals if labelled[a] and labelled[b]]
    return float(np.mean(lengths)) if lengths else None
