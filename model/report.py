"""`fasterpose evaluate --report`: one HTML page with nothing outside it, and its pictures.

Figures, a table by joint, precision over recall, the training curves of a run, and the people who came out worst.
"""

import base64
import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure

from model.contract.arrays import DoubleArray, ImageArray
from model.contract.scoring import oks
from model.data.dataset import read_image
from model.data.drawing import draw_person, lay_out
from model.evaluate import evaluate_coco, pck_marks
from model.measure import Measured, Measurement
from model.metrics_file import METRICS

PAGE = "report.html"
WORST = 24
COLUMNS = 6
STYLE = (
    "body{font:15px sans-serif;max-width:75em;margin:2em auto}"
    "td,th{padding:.2em 1em;text-align:right}img{max-width:100%}"
)


@dataclass(frozen=True)
class JointScore:
    """A joint over all people who have it labelled.

    Attributes:
        name: the keypoint.
        count: people.
        similarity: mean of its term of OKS, 0..1.
        pck: share within 0.2 torso lengths, 0..1; -1 where nobody counts.
        error: median distance to the label, image pixels.
    """

    name: str
    count: int
    similarity: float
    pck: float
    error: float


def write_report(task: Measurement, measured: Measured, folder: Path) -> Path:
    """Write `report.html` into a folder, which is made.

    Returns:
        The page's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    body = "\n".join(_sections(task, measured))
    title = html.escape(f"{task.model.name} on {task.annotations.name}")
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title}</h1>\n{body}\n</html>\n"
    )
    return path


def joint_scores(measured: Measured) -> list[JointScore]:
    """Every joint of the skeleton, in its order; of people measured on their own boxes."""
    spec, samples = measured.spec, measured.samples
    points = _points(measured)
    correct, counted = pck_marks(samples, measured.results, spec.skeleton)
    labelled = np.stack([sample.person.labelled for sample in samples])
    truth = np.stack([sample.person.keypoints for sample in samples])
    squared = ((points - truth) ** 2).sum(axis=2)  # (N, K)
    areas = np.array([sample.person.area for sample in samples])
    similarity = np.exp(-squared / (2 * areas[:, None] * (2 * np.array(spec.skeleton.sigmas)) ** 2))
    scores: list[JointScore] = []
    for joint, name in enumerate(spec.skeleton.keypoint_names):
        mine = labelled[:, joint]
        share = correct[:, joint].sum() / counted[:, joint].sum() if counted[:, joint].any() else -1.0
        mean, error = (
            (similarity[mine, joint].mean(), np.sqrt(np.median(squared[mine, joint]))) if mine.any() else (-1, -1)
        )
        scores.append(JointScore(name, int(mine.sum()), float(mean), float(share), float(error)))
    return scores


def _sections(task: Measurement, measured: Measured) -> Iterator[str]:
    yield _figures_table(measured)
    if task.ground_truth is None:
        yield from _precision_recall(task, measured)
    if (task.model / METRICS).is_file():
        yield from _training_curves(task.model / METRICS)
    if not measured.samples:
        yield "<p>The boxes were detected: no estimate belongs to one person of the file, so joints are not listed.</p>"
        return
    yield _joint_table(joint_scores(measured))
    yield from _worst_cases(measured)


def _figures_table(measured: Measured) -> str:
    rows = "".join(f"<tr><th>{html.escape(name)}<td>{value:.4f}" for name, value in measured.figures.items())
    return f"<h2>Figures</h2><table>{rows}</table>"


def _joint_table(scores: list[JointScore]) -> str:
    head = "<tr><th>keypoint<th>people<th>mean similarity (OKS)<th>PCK@0.2<th>median error, pixels"
    rows = "".join(
        f"<tr><th>{html.escape(score.name)}<td>{score.count}<td>{score.similarity:.3f}<td>{score.pck:.3f}"
        f"<td>{score.error:.1f}"
        for score in scores
    )
    return f"<h2>By keypoint</h2><table>{head}{rows}</table>"


def _precision_recall(task: Measurement, measured: Measured) -> Iterator[str]:
    evaluation = evaluate_coco(task.annotations, measured.results, measured.spec.skeleton)
    if evaluation is None:
        return
    precision: DoubleArray = np.asarray(evaluation.eval["precision"])[:, :, 0, 0, -1]  # thresholds x recalls
    recalls, thresholds = evaluation.params.recThrs, evaluation.params.iouThrs
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    for row in (0, 5, 8):
        axes.plot(recalls, precision[row], label=f"OKS {thresholds[row]:.2f}: AP {precision[row].mean():.3f}")
    axes.plot(recalls, precision.mean(axis=0), "k--", label=f"mean of ten: AP {precision.mean():.3f}")
    axes.legend()
    yield "<h2>Precision over recall</h2>" + _plot(figure, "precision over recall")


def _training_curves(path: Path) -> Iterator[str]:
    entries: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    losses = [(entry["step"], entry["loss"]) for entry in entries if "loss" in entry]
    validations = [entry for entry in entries if "epoch" in entry]
    figure = Figure(figsize=(11, 4), layout="constrained")
    left = figure.add_subplot(1, 2, 1, xlabel="step", ylabel="loss", yscale="log")
    left.plot(*zip(*losses, strict=True))
    right = figure.add_subplot(1, 2, 2, xlabel="epoch", ylabel="figure", ylim=(0, 1))
    for name in _curve_names(validations):
        right.plot([e["epoch"] for e in validations], [e[name] for e in validations], marker=".", label=name)
    right.legend()
    yield "<h2>Training</h2>" + _plot(figure, "loss and figures over training")


def _curve_names(validations: list[dict[str, Any]]) -> list[str]:
    """AP, PCK and PCKh's mean of each validation file: the others follow them."""
    names = validations[-1] if validations else {}
    return [name for name in names if name.rpartition("/")[2] in {"AP", "PCK@0.2", "Mean"}]


def _worst_cases(measured: Measured) -> Iterator[str]:
    skeleton, points = measured.spec.skeleton, _points(measured)
    scores = np.array(
        [
            oks(found, sample.person.keypoints, sample.person.area, skeleton.sigmas, sample.person.labelled)
            for found, sample in zip(points, measured.samples, strict=True)
        ]
    )
    tiles: list[ImageArray] = []
    for index in np.argsort(scores, kind="stable")[:WORST]:
        person, image = measured.samples[index].person, read_image(measured.samples[index].image_path)
        caption = f"{person.id}  OKS {scores[index]:.2f}"
        everything = np.ones(skeleton.num_keypoints, dtype=np.bool_)
        found = draw_person(image, person.box, points[index], everything, skeleton, caption)
        label = draw_person(image, person.box, person.keypoints, person.labelled, skeleton, "label")
        tiles += [found, label]
    picture = cv2.imencode(".jpg", np.ascontiguousarray(lay_out(tiles, COLUMNS)[..., ::-1]))[1].tobytes()
    yield "<h2>Worst</h2><p>Lowest OKS first; beside each estimate its label.</p>" + _image(
        picture, "jpeg", "worst cases"
    )


def _points(measured: Measured) -> DoubleArray:
    """(N, K, 2) estimated keypoints, image pixels."""
    flat = np.array([result["keypoints"] for result in measured.results], dtype=np.float64)
    return flat.reshape(len(flat), -1, 3)[..., :2]


def _plot(figure: Figure, description: str) -> str:
    file = BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return _image(file.getvalue(), "png", description)


def _image(content: bytes, kind: str, description: str) -> str:
    return f'<img alt="{description}" src="data:image/{kind};base64,{base64.b64encode(content).decode()}">'
