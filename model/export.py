"""A finished run to a bundle: graph, int8 graph, program for CUDA, measured accuracy, spec."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from safetensors import SafetensorError
from safetensors.torch import load_file

from model.build import PoseNetwork, build_loss, build_network
from model.checkpoint import Progress, load_checkpoint
from model.config import Recipe
from model.contract.arrays import ImageArray
from model.contract.crop import CropTransform
from model.contract.spec import PoseSpec, Provenance, write_spec
from model.data.dataset import DataError, Sample, read_image
from model.data.sources import read_training_samples
from model.engine import ServedNetwork
from model.graph import Graph, as_stored, write_graph
from model.int8 import write_int8
from model.precisions import GRAPH, INT8_GRAPH, Accuracy, open_precisions
from model.program import HALVES, PROGRAM, in_half_precision, write_program
from model.train import LAST, WEIGHTS
from model.validation import Validation, draft_spec, read_validations

CALIBRATION_CROPS = 300


@dataclass(frozen=True)
class Identity:
    """What a bundle is called and how it may be used.

    Attributes:
        name: the bundle's name.
        version: its version.
        licence: SPDX expression of the weights.
        notes: free facts for the spec's `training`: data, their licences, initial weights, how it was run.
    """

    name: str
    version: str
    licence: str
    notes: dict[str, str]


def export_run(
    run: Path, data: Path, out: Path, identity: Identity, console: Console, *, pt2: bool = False
) -> PoseSpec:
    """Write the bundle of a training run.

    Args:
        run: the run's output folder: its last checkpoint names the recipe, its weights are exported.
        data: the folder that the recipe's paths are relative to, for calibration and measuring.
        out: the bundle folder to write.
        identity: name, version, licence and notes.
        console: progress and figures go here.
        pt2: write the program for CUDA too, and measure it in fp16 and bf16.

    Returns:
        The spec that was written.

    Raises:
        CheckpointError, AnnotationError, DataError: an input is missing or broken.
        ParityError: a graph does not compute what torch computes.
    """
    recipe, progress, _ = load_checkpoint(run / LAST)
    served = as_stored(ServedNetwork(load_network(run / WEIGHTS, recipe), build_loss(recipe.loss)))
    crops = calibration_crops(read_training_samples(data, recipe.training, draft_spec(recipe).skeleton), recipe)
    out.mkdir(parents=True, exist_ok=True)
    difference = write_graph(served, crops[:8], out / GRAPH, "heatmaps")
    console.print(f"{GRAPH}: relative L2 difference to torch {difference:.1e}")
    (out / INT8_GRAPH).unlink(missing_ok=True)
    graphs = open_precisions(out)
    (out / PROGRAM).unlink(missing_ok=True)
    if pt2:
        difference = write_program(served, crops[:8], out / PROGRAM)
        console.print(f"{PROGRAM}: relative L2 difference to torch {difference:.1e}")
        graphs = {precision: in_half_precision(served, precision) for precision in HALVES} | graphs
    validations = read_validations(data, recipe)
    accuracy = measure(graphs, validations)
    int8 = write_int8(
        served, crops, out / INT8_GRAPH, lambda graph: _figures(graph, validations), accuracy["fp32"].get("AP")
    )
    console.print(f"{INT8_GRAPH}: {int8.attempt}")
    accuracy["int8"] = int8.figures
    for precision, figures in accuracy.items():
        console.print(f"{precision}: " + "  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    spec = replace(draft_spec(recipe), provenance=_provenance(recipe, progress, identity, accuracy, str(int8.attempt)))
    write_spec(out, spec)
    return spec


def load_network(weights: Path, recipe: Recipe) -> PoseNetwork:
    """The recipe's network with a run's weights.

    Raises:
        DataError: there are none, or they are not the recipe's network's.
    """
    if not weights.is_file():
        raise DataError(f"there are no weights {weights}; has the run finished an epoch?")
    network = build_network(recipe)
    try:
        network.load_state_dict(load_file(weights))
    except (OSError, SafetensorError, RuntimeError) as error:  # torch's error for names or shapes that do not fit
        raise DataError(f"weights {weights} are damaged or another network's: {error}") from error
    return network


def calibration_crops(samples: list[Sample], recipe: Recipe) -> ImageArray:
    """(N, H, W, 3) upright crops of training people, spread evenly over the set."""
    size, padding = recipe.codec.input_size, recipe.codec.box_padding
    chosen = samples[:: -(-len(samples) // CALIBRATION_CROPS)]
    crops = [
        CropTransform.from_box(sample.person.box, size, padding).crop_image(read_image(sample.image_path))
        for sample in chosen
    ]
    return np.stack(crops)


def measure(graphs: Mapping[str, Graph], validations: list[Validation]) -> Accuracy:
    """Accuracy of a bundle's graphs, precision -> figures.

    The ten COCO figures carry no file name (own boxes, the recipe's first `ap` file); the others are `name/metric`.
    """
    return {precision: _figures(graph, validations) for precision, graph in graphs.items()}


def _figures(graph: Graph, validations: list[Validation]) -> dict[str, float]:
    primary = next((v.source.name for v in validations if v.source.metric == "ap"), "")
    figures = {name: value for validation in validations for name, value in validation.figures(graph).items()}
    return {name.removeprefix(f"{primary}/"): round(value, 4) for name, value in figures.items()}


def _provenance(recipe: Recipe, progress: Progress, identity: Identity, accuracy: Accuracy, int8: str) -> Provenance:
    training = {
        **identity.notes,
        "recipe": recipe.model_dump(mode="json"),
        "epochs": progress.epoch,
        "steps": progress.step,
        "hours": round(progress.seconds / 3600, 2),
        "commit": _commit(),
        "int8": int8,
    }
    return Provenance(
        identity.name, identity.version, recipe.network.architecture, identity.licence, training, accuracy
    )


def _commit() -> str:
    """The commit of this code, whatever folder the command was called in; `unknown` outside a clone or without git."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
