"""Evaluation: people of a validation file through a network, to COCO AP (OKS) or PCK@0.2."""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from model.contract.arrays import DoubleArray, FloatArray, ImageArray
from model.contract.coco import PersonPose, to_result
from model.contract.crop import Box, CropTransform
from model.contract.poses import average_with_mirrored, poses_from_heatmaps, without_repeats
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


def results_on_boxes(
    predict: Predictor, spec: PoseSpec, images: ImageStore, samples: Sequence[Sample], *, flip_test: bool = False
) -> list[dict[str, Any]]:
    """COCO results of the samples' own boxes (box score 1), without `bbox`, so that area comes from the keypoints."""
    people = [(sample.image_path, sample.person.box, 1.0) for sample in samples]
    poses = estimate_people(predict, spec, images, people, flip_test=flip_test)
    return [
        to_result(pose, sample.person.image_id, with_box=False) for pose, sample in zip(poses, samples, strict=True)
    ]


def results_on_detections(
    predict: Predictor,
    spec: PoseSpec,
    images: ImageStore,
    detections: Sequence[tuple[int, Path, Box, float]],
    *,
    flip_test: bool = False,
) -> list[dict[str, Any]]:
    """COCO results of detected people (image id, photograph, box, box score), repeats of a person suppressed."""
    people = [(path, box, score) for _, path, box, score in detections]
    by_image: dict[int, list[PersonPose]] = {}
    for pose, (image_id, *_) in zip(
        estimate_people(predict, spec, images, people, flip_test=flip_test), detections, strict=True
    ):
        by_image.setdefault(image_id, []).append(pose)
    return [
        to_result(pose, image_id, with_box=False)
        for image_id, poses in by_image.items()
        for pose in without_repeats(poses, spec)
    ]


def coco_ap(annotations: Path, results: list[dict[str, Any]]) -> dict[str, float]:
    """The ten keypoint figures of COCO, each 0..1 (-1: nobody of that size), by faster-coco-eval; 0 for no results."""
    if not results:
        return dict.fromkeys(STATS, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        evaluation = COCOeval_faster(truth, truth.loadRes(results), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(value) for name, value in zip(STATS, evaluation.stats[: len(STATS)], strict=True)}


def pck(samples: Sequence[Sample], results: Sequence[dict[str, Any]]) -> float:
    """PCK@0.2: share of labelled keypoints within 0.2 torso lengths of their label.

    The torso length is the mean of the labelled shoulder-to-opposite-hip diagonals (Yang and Ramanan). Joints that
    were labelled by a network (`pseudo_keypoints`) and people without a labelled diagonal do not count.
    """
    correct, total = 0, 0
    for sample, result in zip(samples, results, strict=True):
        person = sample.person
        torso = _torso_length(person.keypoints, person.visibility > 0)
        if torso is None:
            continue
        counted = (person.visibility > 0) & ~person.is_pseudo
        points = np.array(result["keypoints"]).reshape(-1, 3)[:, :2]
        distances = np.linalg.norm(points - person.keypoints, axis=1)[counted]
        correct += int((distances <= PCK_SHARE * torso).sum())
        total += len(distances)
    return correct / total if total else 0.0


def _torso_length(points: DoubleArray, labelled: np.ndarray) -> float | None:
    diagonals = [(5, 12), (6, 11)]  # left shoulder - right hip, right shoulder - left hip
    lengths = [float(np.linalg.norm(points[a] - points[b])) for a, b in diagonals if labelled[a] and labelled[b]]
    return float(np.mean(lengths)) if lengths else None
