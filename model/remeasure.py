"""`fasterpose measure`: every precision of a pose bundle on its recipe's validation files, and what a call takes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model.bundle_facts import FACTS, Detector, accuracy_on_detections, gather_facts
from model.config import Recipe
from model.contract.spec import BundleError, PoseSpec, load_detector_spec, load_pose_spec
from model.export import measure
from model.precisions import Accuracy, Milliseconds, noise, open_precisions, record_accuracy, time_side_by_side
from model.validation import Validation, read_validations

TIMED_BATCHES = (1, 4)


@dataclass(frozen=True)
class Remeasured:
    """What was measured of a bundle.

    Attributes:
        accuracy: precision -> figures on the validation files.
        times: batch size -> precision -> time of one call.
        facts: what goes into the spec's training facts, see `model.bundle_facts`; None without a detector.
    """

    accuracy: Accuracy
    times: dict[int, dict[str, Milliseconds]]
    facts: dict[str, Any] | None


def measure_bundle(folder: Path, data: Path, threads: int = 0, detector: Path | None = None) -> Remeasured:
    """Measure a pose bundle as its export did, in each precision that this CPU computes in.

    Args:
        folder: the bundle.
        data: the folder that its recipe's paths are relative to.
        threads: CPU threads that are timed; 0 is one a core.
        detector: a detector bundle, to measure with its boxes too.

    Raises:
        BundleError: a bundle cannot be used, or names no recipe, or was not validated by AP, so that no detector can
            find its people.
        AnnotationError, DataError: a validation file or photograph is missing or broken.
    """
    spec = load_pose_spec(folder)
    recipe = recipe_of(spec)
    validations = read_validations(data, recipe)
    graphs = open_precisions(folder, threads)
    times = {count: time_side_by_side(graphs, noise(count, spec.input_size)) for count in TIMED_BATCHES}
    accuracy = measure(graphs, validations)
    if detector is None:
        return Remeasured(accuracy, times, None)
    finder = open_detector(detector)
    on_detections = accuracy_on_detections(graphs, spec, _validated_by_ap(validations, spec), finder)
    return Remeasured(accuracy, times, gather_facts(recipe, times, threads, on_detections, finder))


def record(folder: Path, measured: Remeasured) -> None:
    """Write what was measured into the bundle's spec."""
    spec = load_pose_spec(folder)
    if measured.facts is not None:
        training = spec.provenance.training | {FACTS: measured.facts}
        spec = replace(spec, provenance=replace(spec.provenance, training=training))
    record_accuracy(folder, spec, measured.accuracy)


def open_detector(folder: Path) -> Detector:
    """A detector's most exact graph.

    Raises:
        BundleError: the folder is no detector bundle.
    """
    return Detector(load_detector_spec(folder), "fp32", open_precisions(folder)["fp32"])


def recipe_of(spec: PoseSpec) -> Recipe:
    """The recipe that a bundle was trained by.

    Raises:
        BundleError: its spec holds none, or one that this release does not read.
    """
    try:
        return Recipe.model_validate(spec.provenance.training["recipe"])
    except (KeyError, ValidationError) as error:
        name = spec.provenance.name
        raise BundleError(f"the spec of bundle {name} holds no recipe that can be read; export it again") from error


def _validated_by_ap(validations: list[Validation], spec: PoseSpec) -> Validation:
    for validation in validations:
        if validation.source.metric == "ap":
            return validation
    name = spec.provenance.name
    raise BundleError(f"bundle {name} has no validation file that is measured by AP; leave --detector out")
