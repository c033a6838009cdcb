"""Person detector weights to a bundle: graphs, weights, and a spec with what was measured of them."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from model.contract.arrays import ImageArray
from model.contract.crop import Size
from model.contract.letterbox import Letterbox
from model.contract.spec import DetectorSpec, Provenance, keeps_ap, write_spec
from model.detector.boxes import BoxImage, read_person_boxes
from model.detector.evaluate import measure_graphs, read_image
from model.detector.network import ServedDetector, allow_any_batch, build_person_network, write_weights
from model.detector.scores import score_shifts, shift_scores
from model.graph import open_graph, quantize, trace, write_graph
from model.precisions import GRAPH, INT8_GRAPH, Accuracy, open_precisions
from model.program import HALVES, PROGRAM, in_half_precision, write_program

WEIGHTS = "model.safetensors"
OUTPUT = "boxes_scores"
ARCHITECTURE = "yolo11n-person"
LICENCE = "AGPL-3.0-only"
CALIBRATION_IMAGES = 200

STRIDE = 32
HEAD = r"/network/model\.23"
DECODE = (rf"{HEAD}/[^/]+$", rf"{HEAD}/dfl/.*")
"""Nodes that turn the head's convolutions into boxes and scores: coordinates of hundreds of pixels beside
probabilities, which one int8 scale cannot hold."""
LAST_CONVOLUTIONS = (rf"{HEAD}/cv[23]\.\d/cv[23]\.\d\.2/.*",)
"""The 1x1 convolutions whose outputs are decoded: boxes to a fraction of a pixel, scores near the threshold."""
ATTENTION = (r".*/attn/.*",)
"""The one attention block: its softmax and products are computed in float anyway, so int8 beside them only converts."""
FLOAT_NODES = (*DECODE, *LAST_CONVOLUTIONS, *ATTENTION)


@dataclass(frozen=True)
class DetectorExport:
    """What to export, and as what.

    Attributes:
        weights: a YOLO11n, of 80 classes or of persons alone.
        data: folder of person boxes; `train` calibrates int8, `val` measures.
        input_size: (width, height) of the letterboxed image, multiples of 32.
        version: the bundle's version.
        training: facts for the spec: data and its licence, initial weights, commands.
        int8: whether to make an int8 graph too.
        pt2: whether to make a program for CUDA too.
    """

    weights: Path
    data: Path
    input_size: Size
    version: str
    training: dict[str, Any]
    int8: bool = True
    pt2: bool = False


@dataclass(frozen=True)
class ExportReport:
    """What an export measured.

    Attributes:
        parity: relative L2 difference of the float graph to torch.
        accuracy: precision -> AP, AP50, recall@0.3 on the validation boxes.
        int8_kept: whether the int8 graph is in the bundle: it lost at most 0.005 AP.
    """

    parity: float
    accuracy: Accuracy
    int8_kept: bool


def export_detector(folder: Path, export: DetectorExport) -> ExportReport:
    """Write a bundle and measure it as it will be served.

    An int8 graph that loses more than 0.005 AP is left out.

    Args:
        folder: the bundle; its last name becomes the bundle's name.
        export: what to export.

    Raises:
        WeightsError: the weights do not fit.
        BoxDataError: the data cannot be read.
        ParityError: the graph differs from torch by more than a relative L2 of 1e-4.
    """
    photographs = read_person_boxes(export.data, "train")
    network = build_person_network(export.weights)
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(network, folder / WEIGHTS)
    detector = ServedDetector(network)
    examples = whole_examples(photographs, export.input_size)
    parity = write_graph(detector, examples, folder / GRAPH, OUTPUT, open_sides=True)
    (folder / INT8_GRAPH).unlink(missing_ok=True)
    if export.int8:
        _write_int8(folder, detector, examples, calibration_images(photographs, export.input_size))
    draft = detector_spec(folder.name, export)
    accuracy = measure_graphs(open_precisions(folder), read_person_boxes(export.data, "val"), draft)
    halves = _export_program(detector, examples, folder, export, draft)
    shipped = halves | _drop_poor_int8(folder, accuracy)
    write_spec(folder, replace(draft, provenance=replace(draft.provenance, accuracy=shipped)))
    return ExportReport(parity, halves | accuracy, "int8" in shipped)


def _export_program(
    detector: ServedDetector, images: ImageArray, folder: Path, export: DetectorExport, spec: DetectorSpec
) -> Accuracy:
    """Write `model.pt2`, if it is asked for; its accuracy in the precisions that only CUDA serves."""
    (folder / PROGRAM).unlink(missing_ok=True)
    if not export.pt2:
        return {}
    allow_any_batch(detector)
    write_program(detector, images, folder / PROGRAM)
    graphs = {precision: in_half_precision(detector, precision) for precision in HALVES}
    return measure_graphs(graphs, read_person_boxes(export.data, "val"), replace(spec, stride=0))  # its sides are fixed


def whole_examples(images: list[BoxImage], input_size: Size) -> ImageArray:
    """(2, height, width, 3) uint8: the first two photographs letterboxed into the largest input, to trace with."""
    return np.stack([Letterbox(image.size, input_size).fit_image(read_image(image)) for image in images[:2]])


def calibration_images(images: list[BoxImage], input_size: Size) -> list[ImageArray]:
    """At most 200 letterboxed training images, spread evenly over the set."""
    step = max(1, len(images) // CALIBRATION_IMAGES)
    chosen = images[::step][:CALIBRATION_IMAGES]
    return [Letterbox.within(image.size, input_size, STRIDE).fit_image(read_image(image)) for image in chosen]


def detector_spec(name: str, export: DetectorExport) -> DetectorSpec:
    """The spec of an exported detector before anything was measured; YOLO11n's boxes overlap."""
    provenance = Provenance(name, export.version, ARCHITECTURE, LICENCE, export.training, {})
    return DetectorSpec(provenance, export.input_size, needs_nms=True, stride=STRIDE)


def _write_int8(folder: Path, detector: ServedDetector, examples: ImageArray, images: list[ImageArray]) -> None:
    path = folder / INT8_GRAPH
    with tempfile.TemporaryDirectory() as work:
        plain = Path(work) / GRAPH
        trace(detector, examples, plain, OUTPUT, open_sides=True)
        quantize(plain, images, path, FLOAT_NODES, half_range="activations")
    shift_scores(path, score_shifts(open_graph(folder / GRAPH), open_graph(path), images))


def _drop_poor_int8(folder: Path, accuracy: Accuracy) -> Accuracy:
    """The accuracy of the graphs that stay; an int8 graph that loses too much is removed."""
    if "int8" not in accuracy or keeps_ap(accuracy["fp32"]["AP"], accuracy["int8"]["AP"]):
        return accuracy
    (folder / INT8_GRAPH).unlink()
    return {precision: figures for precision, figures in accuracy.items() if precision != "int8"}
