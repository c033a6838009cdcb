"""Measures a served detector graph: AP, AP50 and recall at the score that the server keeps."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from model.contract.arrays import BoolArray, ImageArray
from model.contract.boxes import box_overlaps
from model.contract.detections import ScoredBox, read_people
from model.contract.image import decode_image
from model.contract.letterbox import Letterbox
from model.contract.spec import DetectorSpec
from model.detector.boxes import PERSON_CATEGORY, BoxDataError, BoxImage
from model.graph import Graph
from model.precisions import Accuracy

RECALL_SCORE = 0.3
RECALL_IOU = 0.5
MOST_PEOPLE = 100


def measure_graphs(graphs: Mapping[str, Graph], images: list[BoxImage], spec: DetectorSpec) -> Accuracy:
    """AP, AP50 and recall@0.3 of each precision's graph on annotated photographs.

    Raises:
        BoxDataError: a photograph whose size is not the annotated one.
    """
    return {precision: measure(images, find_all(graph, images, spec)) for precision, graph in graphs.items()}


def find_people(graph: Graph, image: ImageArray, spec: DetectorSpec) -> list[ScoredBox]:
    """Find the people of one (H, W, 3) uint8 RGB image, down to the spec's score floor."""
    height, width = image.shape[:2]
    letterbox = Letterbox.within((width, height), spec.input_size, spec.stride)
    return read_people(spec, graph(letterbox.fit_image(image)[None])[0], letterbox, spec.score_floor, MOST_PEOPLE)


def find_all(graph: Graph, images: Iterable[BoxImage], spec: DetectorSpec) -> dict[int, list[ScoredBox]]:
    """Find the people of every image; keyed by image id.

    Raises:
        BoxDataError: an image whose size is not the annotated one.
    """
    return {image.image_id: find_people(graph, read_image(image), spec) for image in images}


def read_image(image: BoxImage) -> ImageArray:
    """Decode an annotated image, as stored, to (H, W, 3) uint8 RGB.

    Raises:
        ImageError: not an image.
        BoxDataError: its size is not the annotated one.
    """
    pixels = decode_image(image.path.read_bytes(), apply_orientation=False)
    if (pixels.shape[1], pixels.shape[0]) != image.size:
        found, expected = f"{pixels.shape[1]}x{pixels.shape[0]}", f"{image.size[0]}x{image.size[1]}"
        raise BoxDataError(f"{image.path} is {found}, its annotation says {expected}")
    return pixels


def measure(images: list[BoxImage], found: dict[int, list[ScoredBox]]) -> dict[str, float]:
    """AP over IoU 0.5..0.95, AP50, and the share of persons found at score 0.3 and IoU 0.5."""
    precision, precision_at_half = average_precision(images, found)
    recall = recall_at(images, found, RECALL_SCORE, RECALL_IOU)
    return {"AP": round(precision, 4), "AP50": round(precision_at_half, 4), "recall@0.3": round(recall, 4)}


def average_precision(images: list[BoxImage], found: dict[int, list[ScoredBox]]) -> tuple[float, float]:
    """COCO's AP and AP50 of person boxes, by faster-coco-eval; at most 100 boxes an image."""
    results = _to_results(found)
    if not results:
        return 0.0, 0.0
    truth = COCO(_to_dataset(images))
    evaluation = cast("Any", COCOeval_faster(truth, truth.loadRes(results), iouType="bbox"))
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return float(evaluation.stats[0]), float(evaluation.stats[1])


def recall_at(images: list[BoxImage], found: dict[int, list[ScoredBox]], score: float, iou: float) -> float:
    """Share of annotated persons that have a box of their own, at or above a score and an IoU."""
    total = sum(len(image.boxes) for image in images)
    hits = sum(_count_matches(image, found[image.image_id], score, iou) for image in images)
    return hits / total if total else 0.0


def _count_matches(image: BoxImage, people: list[ScoredBox], score: float, iou: float) -> int:
    """Pairs of annotated and found boxes, the best found box choosing first."""
    if not image.boxes:
        return 0
    overlaps = box_overlaps([person.box for person in people if person.score >= score], image.boxes)
    free: BoolArray = np.ones(len(image.boxes), dtype=np.bool_)
    for row in overlaps:
        best = int(np.argmax(np.where(free, row, -1.0)))
        if free[best] and row[best] >= iou:
            free[best] = False
    return int((~free).sum())


def _to_dataset(images: list[BoxImage]) -> dict[str, Any]:
    boxes = [(image.image_id, box) for image in images for box in image.boxes]
    return {
        "images": [{"id": image.image_id, "width": image.size[0], "height": image.size[1]} for image in images],
        "categories": [{"id": PERSON_CATEGORY, "name": "person"}],
        "annotations": [
            {"id": number, "image_id": image_id, "bbox": list(box), "area": box[2] * box[3]} | _PERSON
            for number, (image_id, box) in enumerate(boxes, start=1)
        ],
    }


def _to_results(found: dict[int, list[ScoredBox]]) -> list[dict[str, Any]]:
    return [
        {"image_id": image_id, "category_id": PERSON_CATEGORY, "bbox": list(person.box), "score": person.score}
        for image_id, people in found.items()
        for person in people
    ]


_PERSON = {"category_id": PERSON_CATEGORY, "iscrowd": 0}
