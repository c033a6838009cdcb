import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from model.contract.arrays import DoubleArray, FloatArray, ImageArray
from model.contract.coco import CocoPerson, read_keypoints
from model.contract.codec import HeatmapCodec
from model.contract.crop import CropTransform
from model.contract.skeleton import COCO_17
from model.contract.spec import PoseSpec, Provenance
from model.data.dataset import ImageStore, Sample, read_image
from model.data.sources import usable_samples
from model.evaluate import BATCH, STATS, coco_ap, pck, results_on_boxes, results_on_detections
from tests.model.drawn import annotation, coco_file, figure_at

CODEC = HeatmapCodec((96, 128), (24, 32), 1.5, "half_pixel", "exact", "dark")
SPEC = PoseSpec(Provenance("n", "", "", "", {}, {}), COCO_17, CODEC, 1.25, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))


def write_people(path: Path, people: Sequence[DoubleArray], per_image: int = 3) -> Path:
    """An annotation file of people on photographs of 1000 x 1000 pixels."""
    count = -(-len(people) // per_image)
    images = [{"id": i, "file_name": f"{i}.png", "width": 1000, "height": 1000} for i in range(count)]
    annotations = [annotation(i + 1, i // per_image, points) for i, points in enumerate(people)]
    path.write_text(json.dumps(coco_file(images, annotations)))
    return path


def results(people: Sequence[DoubleArray], scores: Sequence[float], per_image: int = 3) -> list[dict[str, Any]]:
    return [
        {
            "image_id": i // per_image,
            "category_id": 1,
            "score": score,
            "keypoints": np.column_stack([points, np.ones(17)]).flatten().tolist(),
        }
        for i, (points, score) in enumerate(zip(people, scores, strict=True))
    ]


def crowd(count: int, seed: int = 0) -> list[DoubleArray]:
    rng = np.random.default_rng(seed)
    return [figure_at(*rng.uniform(0, 700, 2), scale=float(rng.uniform(0.6, 2.5))) for _ in range(count)]


def test_perfect_results_score_one(tmp_path: Path) -> None:
    people = crowd(12)
    figures = coco_ap(write_people(tmp_path / "truth.json", people), results(people, [0.9] * 12))
    assert tuple(figures) == STATS
    assert list(figures.values()) == pytest.approx([1.0] * 10)


def test_no_results_score_zero(tmp_path: Path) -> None:
    assert coco_ap(write_people(tmp_path / "truth.json", crowd(3)), []) == dict.fromkeys(STATS, 0.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_figures_agree_with_pycocotools(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = crowd(40, seed)
    path = write_people(tmp_path / "truth.json", people)
    jittered = [points + rng.normal(0, rng.choice([1, 4, 12]), points.shape) for points in people]
    entries = results(jittered, list(rng.uniform(0, 1, len(people))))
    entries += results(crowd(9, seed + 100), list(rng.uniform(0, 1, 9)))
    figures = coco_ap(path, entries)
    assert list(figures.values()) == pytest.approx(published_figures(path, entries), abs=1e-6)
    assert 0.1 < figures["AP"] < 0.9


def published_figures(path: Path, entries: list[dict[str, Any]]) -> list[float]:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        evaluation = COCOeval(truth, cast("Any", truth).loadRes(entries), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in cast("Any", evaluation).stats]


def sample(points: DoubleArray, hidden: Sequence[int] = (), pseudo: Sequence[int] = ()) -> Sample:
    visibility = np.full(17, 2)
    visibility[list(hidden)] = 0
    is_pseudo = np.isin(np.arange(17), pseudo)
    person = CocoPerson(1, 0, (0.0, 0.0, 50.0, 90.0), 4000.0, points, visibility, iscrowd=False, is_pseudo=is_pseudo)
    return Sample(Path("a.png"), person)


def moved(points: DoubleArray, joints: Sequence[int], distance: float) -> list[dict[str, Any]]:
    shifted = points.copy()
    shifted[list(joints), 0] += distance
    return results([shifted], [1.0])


def test_pck_counts_joints_within_a_fifth_of_the_torso() -> None:
    points = figure_at(0, 0)
    torso = float(np.linalg.norm(points[5] - points[12]))  # the figure is symmetric: both diagonals are as long
    assert torso == pytest.approx(np.hypot(17, 24))
    assert pck([sample(points)], moved(points, [0, 9, 10], 0.199 * torso)) == 1
    assert pck([sample(points)], moved(points, [0, 9, 10], 0.201 * torso)) == pytest.approx(14 / 17)


def test_pck_leaves_out_unlabelled_and_pseudo_labelled_joints() -> None:
    points = figure_at(0, 0)
    wrong = moved(points, [0, 1, 2, 9], 50)
    assert pck([sample(points, hidden=[0, 1], pseudo=[2])], wrong) == pytest.approx(13 / 14)


def test_pck_takes_the_diagonal_that_is_labelled_and_skips_who_has_none() -> None:
    points = figure_at(0, 0)
    points[12] += (0, 40)  # one diagonal is far longer: alone it allows more
    far = moved(points, [9], 8)
    assert pck([sample(points, hidden=[6])], far) == 1
    assert pck([sample(points, hidden=[5])], far) == pytest.approx(15 / 16)
    nobody = sample(points, hidden=[5, 6])
    assert pck([nobody], far) == 0
    assert pck([nobody, sample(points, hidden=[6])], far * 2) == 1


@pytest.fixture
def drawn(data: Path) -> tuple[Path, list[Sample], ImageStore]:
    path = data / "train.json"
    samples = usable_samples(read_keypoints(path), data / "images", COCO_17)
    return path, samples, ImageStore([each.image_path for each in samples], 10**8)


class Oracle:
    """Knows every person by its crop and answers with the right heatmaps; a mirrored crop with mirrored ones."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.answers: dict[bytes, FloatArray] = {}
        self.batches: list[int] = []
        for each in samples:
            transform = CropTransform.from_box(each.person.box, CODEC.input_size, SPEC.box_padding)
            crop = transform.crop_image(read_image(each.image_path))
            labels = np.ones(17, dtype=np.bool_)
            heatmaps, _ = CODEC.encode(transform.points_to_crop(each.person.keypoints), labels)
            self.answers[crop.tobytes()] = heatmaps
            self.answers[crop[:, ::-1].tobytes()] = heatmaps[list(COCO_17.mirror_order), :, ::-1]

    def __call__(self, crops: ImageArray) -> FloatArray:
        self.batches.append(len(crops))
        return np.stack([self.answers[crop.tobytes()] for crop in crops])


@pytest.mark.parametrize("flip_test", [False, True])
def test_an_oracle_on_the_own_boxes_scores_one(
    drawn: tuple[Path, list[Sample], ImageStore], *, flip_test: bool
) -> None:
    path, samples, images = drawn
    entries = results_on_boxes(Oracle(samples), SPEC, images, samples, flip_test=flip_test)
    assert [entry["image_id"] for entry in entries] == [each.person.image_id for each in samples]
    assert all("bbox" not in entry for entry in entries)
    assert coco_ap(path, entries)["AP"] == pytest.approx(1)
    assert pck(samples, entries) == 1


def test_people_are_estimated_in_batches(drawn: tuple[Path, list[Sample], ImageStore]) -> None:
    _, samples, images = drawn
    oracle = Oracle(samples)
    entries = results_on_boxes(oracle, SPEC, images, samples * 6)
    assert oracle.batches == [BATCH, 36 - BATCH]
    assert entries[:6] == entries[6:12]


def test_of_repeated_detections_the_best_is_kept(drawn: tuple[Path, list[Sample], ImageStore]) -> None:
    path, samples, images = drawn
    once = [(each.person.image_id, each.image_path, each.person.box, 0.8) for each in samples]
    again = [(image_id, name, box, 0.5) for image_id, name, box, _ in once[:2]]
    entries = results_on_detections(Oracle(samples), SPEC, images, [*again, *once])
    assert sorted(entry["bbox_score"] for entry in entries) == [0.8] * 6
    assert coco_ap(path, entries)["AP"] == pytest.approx(1)


def test_a_person_who_is_turned_left_to_right_scores_less(drawn: tuple[Path, list[Sample], ImageStore]) -> None:
    path, samples, images = drawn
    order = list(COCO_17.mirror_order)
    turned = [replace(each, person=replace(each.person, keypoints=each.person.keypoints[order])) for each in samples]
    assert coco_ap(path, results_on_boxes(Oracle(turned), SPEC, images, samples))["AP"] < 0.1


Detection = tuple[int, Path, tuple[float, float, float, float], float]


def detected_crowd(folder: Path, rng: np.random.Generator) -> tuple[Path, list[Detection], FloatArray]:
    """A crowd's file, boxes around everybody (shaken, a third twice, some low), and the heatmaps of each box."""
    people = crowd(30, 5)
    path = write_people(folder / "truth.json", people, per_image=6)
    cv2.imwrite(str(folder / "0.png"), np.zeros((20, 20, 3), np.uint8))
    detections: list[Detection] = []
    heatmaps: list[FloatArray] = []
    for index in [*range(30), *range(0, 30, 3)]:
        x, y, width, height = annotation(1, 0, people[index])["bbox"]
        shake = rng.normal(0, 0.03 * height, 4)
        box = (x + shake[0], y + shake[1], width + abs(shake[2]), height + abs(shake[3]))
        points = people[index] + rng.normal(0, 0.02 * height, (17, 2))
        transform = CropTransform.from_box(box, CODEC.input_size, SPEC.box_padding)
        maps, _ = CODEC.encode(transform.points_to_crop(points), np.ones(17, dtype=np.bool_))
        heatmaps.append(maps * rng.uniform(0.05, 1, (17, 1, 1)).astype(np.float32))
        detections.append((index // 6, folder / "0.png", box, float(rng.uniform(0, 1))))
    return path, detections, np.stack(heatmaps)


def published_entries(detections: Sequence[Detection], heatmaps: FloatArray) -> list[dict[str, Any]]:
    """Rescoring and OKS-NMS as SimpleBaseline's coco.py and nms.py write them, person by person."""
    people: dict[int, list[dict[str, Any]]] = {}
    for (image_id, _, box, box_score), maps in zip(detections, heatmaps, strict=True):
        transform = CropTransform.from_box(box, CODEC.input_size, SPEC.box_padding)
        points, confidences = CODEC.decode(maps[None])
        counted = [value for value in confidences[0].tolist() if value > 0.2]
        width = max(box[2], box[3] * 0.75) * 1.25
        people.setdefault(image_id, []).append(
            {
                "points": transform.points_to_image(points[0]),
                "score": box_score * sum(counted) / len(counted) if counted else 0.0,
                "area": width * width / 0.75,
            }
        )
    kept: list[tuple[int, dict[str, Any]]] = []
    for image_id, waiting in people.items():
        order = sorted(waiting, key=lambda person: -person["score"])
        while order:
            best = order.pop(0)
            kept.append((image_id, best))
            order = [other for other in order if published_oks(best, other) <= 0.9]
    return [
        {
            "image_id": image_id,
            "category_id": 1,
            "score": person["score"],
            "keypoints": np.column_stack([person["points"], np.ones(17)]).flatten().tolist(),
        }
        for image_id, person in kept
    ]


def published_oks(one: dict[str, Any], other: dict[str, Any]) -> float:
    terms: list[float] = []
    for joint, sigma in enumerate(COCO_17.sigmas):
        dx, dy = other["points"][joint] - one["points"][joint]
        area = (one["area"] + other["area"]) / 2 + np.spacing(1)
        terms.append(float(np.exp(-(dx**2 + dy**2) / (sigma * 2) ** 2 / area / 2)))
    return sum(terms) / len(terms)


def test_detected_people_score_as_published(tmp_path: Path) -> None:
    path, detections, heatmaps = detected_crowd(tmp_path, np.random.default_rng(8))
    waiting = iter(heatmaps)
    entries = results_on_detections(
        lambda crops: np.stack([next(waiting) for _ in crops]),
        SPEC,
        ImageStore([tmp_path / "0.png"], 10**6),
        detections,
    )
    expected = published_entries(detections, heatmaps)
    assert len(expected) < len(detections)  # some repeats were suppressed
    assert len(entries) == len(expected)
    assert list(coco_ap(path, entries).values()) == pytest.approx(published_figures(path, expected), abs=0.002)
    assert sorted(entry["score"] for entry in entries) == pytest.approx(
        sorted(entry["score"] for entry in expected), abs=1e-6
    )


def test_figures_by_oks_follow_the_skeletons_own_sigmas(tmp_path: Path) -> None:
    people = crowd(10)
    path = write_people(tmp_path / "truth.json", people)
    entries = results([points + 2.0 for points in people], [0.9] * 10)
    lenient = replace(COCO_17, name="lenient", sigmas=(0.3,) * 17)
    assert coco_ap(path, entries, lenient)["AP"] > coco_ap(path, entries)["AP"] + 0.05
