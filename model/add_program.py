"""`model.pt2` for a bundle that is there already, made of the weights in it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from pydantic import ValidationError
from torch import nn

from model.build import build_loss, build_network
from model.config import Recipe
from model.contract.arrays import ImageArray
from model.contract.spec import (
    SPEC_FILE,
    BundleError,
    DetectorSpec,
    PoseSpec,
    load_detector_spec,
    load_pose_spec,
    write_spec,
)
from model.detector.boxes import read_person_boxes
from model.detector.evaluate import find_all
from model.detector.evaluate import measure as measure_detector
from model.detector.export import WEIGHTS
from model.detector.network import ServedDetector, allow_any_batch, build_person_network
from model.engine import ServedNetwork
from model.export import GRAPH, measure
from model.graph import PARITY_LIMIT, ParityError, as_stored, open_graph, relative_difference, run_torch
from model.program import HALVES, PROGRAM, in_half_precision, write_program
from model.validation import read_validations


def add_program(bundle: Path, out: Path, data: Path | None) -> dict[str, dict[str, float]]:
    """Copy a bundle and add its program.

    Args:
        bundle: a pose or a detector bundle.
        out: the folder of the copy; not there yet.
        data: folder to measure fp16 and bf16 on: of a pose bundle what its recipe's paths are relative to, of a
            detector the folder of person boxes. Without it they are not measured, and `auto` takes fp32 on CUDA.

    Returns:
        What was measured, by precision.

    Raises:
        BundleError: not a bundle, or not one whose network can be built from it.
        ParityError: the program does not compute what the bundle's graph does.
        FileExistsError: the folder of the copy is there.
    """
    spec = _read_spec(bundle)
    served = _pose_network(bundle, spec) if isinstance(spec, PoseSpec) else _detector_network(bundle, spec)
    images = _noise(spec)
    _compare_with_graph(served, images, bundle)
    shutil.copytree(bundle, out)
    write_program(served, images, out / PROGRAM)
    measured = {} if data is None else _measure(served, spec, data)
    provenance = replace(spec.provenance, accuracy=measured | spec.provenance.accuracy)
    write_spec(out, replace(spec, provenance=provenance))
    return measured


def _read_spec(bundle: Path) -> PoseSpec | DetectorSpec:
    path = bundle / SPEC_FILE
    is_detector = path.is_file() and json.loads(path.read_text()).get("kind") == "detector"
    return load_detector_spec(bundle) if is_detector else load_pose_spec(bundle)


def _pose_network(bundle: Path, spec: PoseSpec) -> nn.Module:
    """The bundle's network with the folded weights of its ONNX graph, which keep torch's names."""
    recipe = _recipe(spec)
    served = as_stored(ServedNetwork(build_network(recipe), build_loss(recipe.loss)))
    graph = onnx.load(bundle / GRAPH).graph
    weights = {tensor.name.removesuffix("_half"): numpy_helper.to_array(tensor) for tensor in graph.initializer}
    missing = [name for name, _ in served.named_parameters() if name not in weights]
    if missing:
        raise BundleError(f"{GRAPH} of bundle {bundle.name} holds no weights {missing[0]}; export the run with --pt2")
    with torch.no_grad():
        for name, parameter in served.named_parameters():
            parameter.copy_(torch.from_numpy(np.array(weights[name], dtype=np.float32)))
    return served


def _recipe(spec: PoseSpec) -> Recipe:
    try:
        return Recipe.model_validate(spec.provenance.training.get("recipe"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BundleError(
            f"the spec of bundle {spec.provenance.name} holds no recipe that its network can be built of "
            f"({'.'.join(map(str, first['loc']))}: {first['msg']}); export the run with --pt2"
        ) from error


def _detector_network(bundle: Path, spec: DetectorSpec) -> nn.Module:
    detector = ServedDetector(build_person_network(bundle / WEIGHTS))
    run_torch(detector, _noise(spec))  # the anchors of this input size become constants of the program
    allow_any_batch(detector)
    return detector


def _noise(spec: PoseSpec | DetectorSpec) -> ImageArray:
    width, height = spec.input_size
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)


def _compare_with_graph(served: nn.Module, images: ImageArray, bundle: Path) -> None:
    difference = relative_difference(run_torch(served, images), open_graph(bundle / GRAPH)(images))
    if not difference <= PARITY_LIMIT:
        raise ParityError(f"the network built of bundle {bundle.name} differs from its {GRAPH} by {difference:.1e}")


def _measure(served: nn.Module, spec: PoseSpec | DetectorSpec, data: Path) -> dict[str, dict[str, float]]:
    graphs = {str(precision): in_half_precision(served, precision) for precision in HALVES}
    if isinstance(spec, PoseSpec):
        return measure(graphs, read_validations(data, _recipe(spec)))
    boxes = read_person_boxes(data, "val")
    return {precision: measure_detector(boxes, find_all(graph, boxes, spec)) for precision, graph in graphs.items()}
