"""`fasterpose evaluate`: a bundle or a training run on any COCO-format file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from model.build import build_loss
from model.checkpoint import load_checkpoint
from model.contract.coco import (
    AnnotationError,
    CocoDetection,
    CocoKeypoints,
    read_detections,
    to_result,
)
from model.contract.crop import Box
from model.contract.spec import SPEC_FILE, BundleError, PoseSpec, load_pose_spec
from model.data.dataset import DataError, ImageStore, Sample
from model.data.mpii import read_pckh_truth
from model.data.sources import check_skeleton, read_annotations, read_mpii_samples, usable_samples
from model.engine import open_device, predictor
from model.evaluate import Predictor, coco_ap, estimate_people, pck, results_on_boxes, results_on_detections
from model.export import load_network
from model.graph import cpu_has_bf16, open_graph
from model.pckh import pckh
from model.precisions import GRAPH, INT8_GRAPH
from model.train import LAST, WEIGHTS
from model.validation import draft_spec

IMAGE_BUDGET = 2**31


@dataclass(frozen=True)
class Measurement:
    """What is measured on what.

    Attributes:
        model: a bundle folder, or the output folder of a training run.
        annotations: COCO keypoint annotation file.
        images: folder of its photographs.
        detections: COCO detections file, or None for the annotations' own boxes.
        flip_test: average with the mirrored crop.
        precision: the bundle's graph; a run is measured in torch fp32.
        ground_truth: MPII's `gt_valid.mat`: the annotations are MPII's JSON list and the measure is PCKh.
        device: torch's name of what a run is measured on; a bundle's graph runs on the CPU.
    """

    model: Path
    annotations: Path
    images: Path
    detections: Path | None = None
    flip_test: bool = False
    precision: Literal["fp32", "bf16", "int8"] = "fp32"
    ground_truth: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Measured:
    """COCO results entries and the figures made of them, each 0..1.

    Attributes:
        results: the entries.
        figures: name -> value.
        spec: of the network that was measured.
        samples: the people, one for each entry; empty where the boxes were detected.
    """

    results: list[dict[str, Any]]
    figures: dict[str, float]
    spec: PoseSpec
    samples: list[Sample]


def measure_model(task: Measurement) -> Measured:
    """Estimate the people of an annotation file and score them.

    Raises:
        BundleError, CheckpointError, AnnotationError, DataError: an input is missing or broken, and which.
    """
    spec, predict = open_model(task.model, task.precision, task.device)
    if task.ground_truth is not None:
        return _measure_mpii(task, task.ground_truth, spec, predict)
    annotations = read_annotations(task.annotations)
    if task.detections is not None:
        check_skeleton(annotations, spec.skeleton)
        people = _detected_people(task.detections, annotations, task.images)
        store = ImageStore((path for _, path, _, _ in people), IMAGE_BUDGET)
        results = results_on_detections(
            predict, spec, store, people, flip_test=task.flip_test, category_id=annotations.category_id
        )
        return Measured(results, coco_ap(task.annotations, results, spec.skeleton), spec, [])
    samples = usable_samples(annotations, task.images, spec.skeleton)
    store = ImageStore((sample.image_path for sample in samples), IMAGE_BUDGET)
    results = results_on_boxes(predict, spec, store, samples, flip_test=task.flip_test)
    figures = coco_ap(task.annotations, results, spec.skeleton) | {"PCK@0.2": pck(samples, results, spec.skeleton)}
    return Measured(results, figures, spec, samples)


def _measure_mpii(task: Measurement, ground_truth: Path, spec: PoseSpec, predict: Predictor) -> Measured:
    if task.detections is not None:
        raise DataError("PCKh is measured on MPII's own people; it takes no detections file")
    truth = read_pckh_truth(ground_truth)
    samples = read_mpii_samples(task.annotations, task.images, spec.skeleton)
    store = ImageStore((sample.image_path for sample in samples), IMAGE_BUDGET)
    people = [(sample.image_path, sample.person.box, 1.0) for sample in samples]
    poses = list(estimate_people(predict, spec, store, people, flip_test=task.flip_test))
    points = np.stack([pose.keypoints for pose in poses])
    results = [
        to_result(pose, sample.person.image_id, with_box=False) for pose, sample in zip(poses, samples, strict=True)
    ]
    return Measured(results, pckh(points, truth), spec, samples)


def open_model(
    folder: Path, precision: Literal["fp32", "bf16", "int8"], device: str = "cpu"
) -> tuple[PoseSpec, Predictor]:
    """The spec and the predictor of a bundle (OpenVINO) or of a training run (torch, on a device that it names).

    Raises:
        BundleError, CheckpointError, DataError: the folder is neither, or cannot be used.
    """
    if (folder / SPEC_FILE).is_file():
        return load_pose_spec(folder), _open_bundle_graph(folder, precision)
    if precision != "fp32":
        raise DataError(f"{folder} is a training run, which is measured in fp32; export it to measure {precision}")
    recipe, _, _ = load_checkpoint(folder / LAST)
    network = load_network(folder / WEIGHTS, recipe)
    return draft_spec(recipe), predictor(network, build_loss(recipe.loss), open_device(device))


def _open_bundle_graph(folder: Path, precision: Literal["fp32", "bf16", "int8"]) -> Predictor:
    path = folder / (INT8_GRAPH if precision == "int8" else GRAPH)
    if not path.is_file():
        raise BundleError(f"bundle {folder.name} holds no {path.name}; it cannot be measured in {precision}")
    if precision == "bf16" and not cpu_has_bf16():
        raise BundleError(f"this CPU does not compute in bf16; measure bundle {folder.name} in fp32 or int8")
    return open_graph(path, "bf16" if precision == "bf16" else "f32")


def _detected_people(path: Path, annotations: CocoKeypoints, folder: Path) -> list[tuple[int, Path, Box, float]]:
    detections = _read_detections(path)
    unknown = next((d.image_id for d in detections if d.image_id not in annotations.images), None)
    if unknown is not None:
        raise DataError(f"{path}: image_id {unknown} is not among the images of {annotations.path}")
    return [
        (detection.image_id, folder / annotations.images[detection.image_id].file_name, detection.box, detection.score)
        for detection in detections
        if detection.category_id == annotations.category_id
    ]


def _read_detections(path: Path) -> list[CocoDetection]:
    try:
        detections = read_detections(path)
    except OSError as error:
        raise AnnotationError(f"detections file {path} cannot be read: {error.strerror}") from error
    flat = next((number for number, d in enumerate(detections) if not (d.box[2] > 0 and d.box[3] > 0)), None)
    if flat is not None:
        raise AnnotationError(f"{path}: entry {flat}: its bbox {list(detections[flat].box)} has no area")
    return detections
