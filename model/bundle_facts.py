"""What `fasterpose measure --write` adds to a pose bundle's spec: size, cost, time, accuracy on detected boxes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from model.build import build_network
from model.config import Recipe
from model.contract.machine import processor_name
from model.contract.spec import DetectorSpec, PoseSpec
from model.cost import count_cost
from model.detector.evaluate import find_people
from model.evaluate import coco_ap, results_on_detections
from model.graph import Graph
from model.precisions import Milliseconds
from model.validation import Validation

FACTS = "measured"
"""The key of a spec's `provenance.training` that holds them."""


@dataclass(frozen=True)
class Detector:
    """A detector's graph, to find the people with.

    Attributes:
        spec: its spec.
        precision: of the graph.
        graph: (N, H, W, 3) uint8 RGB -> (N, M, 5) float32 boxes and scores.
    """

    spec: DetectorSpec
    precision: str
    graph: Graph


@dataclass(frozen=True)
class BundleFacts:
    """Figures of a bundle that are not its accuracy on given boxes.

    Attributes:
        parameters: numbers that training changed, batch norms not yet folded.
        gmacs: true multiply-adds of one crop, 10^9.
        milliseconds: precision -> batch size -> best time of one call, OpenVINO.
        processor: where that was timed.
        threads: threads that computed.
        on_detections: precision -> COCO figures with detected boxes.
        detector: name, version and precision of the detector that found them.
    """

    parameters: int
    gmacs: float
    milliseconds: dict[str, dict[str, float]]
    processor: str
    threads: int
    on_detections: dict[str, dict[str, float]]
    detector: str


def gather_facts(
    recipe: Recipe,
    times: Mapping[int, Mapping[str, Milliseconds]],
    threads: int,
    on_detections: dict[str, dict[str, float]],
    detector: Detector,
) -> dict[str, Any]:
    """The facts as a spec holds them.

    Args:
        recipe: builds the network that is counted.
        times: batch size -> precision -> time.
        threads: threads that computed.
        on_detections: see `BundleFacts`.
        detector: what found the people.
    """
    with torch.device("meta"):
        cost = count_cost(build_network(recipe), recipe.codec.input_size)
    precisions = next(iter(times.values()))
    milliseconds = {
        precision: {str(count): round(of_batch[precision].best, 2) for count, of_batch in times.items()}
        for precision in precisions
    }
    found_by = f"{detector.spec.provenance.name} {detector.spec.provenance.version}, {detector.precision}"
    facts = BundleFacts(
        cost.parameters, round(cost.gmacs, 3), milliseconds, processor_name(), threads, on_detections, found_by
    )
    return asdict(facts)


def accuracy_on_detections(
    graphs: Mapping[str, Graph], spec: PoseSpec, validation: Validation, detector: Detector
) -> dict[str, dict[str, float]]:
    """COCO figures of each precision with the boxes that a detector finds, down to its score floor.

    Args:
        graphs: precision -> pose graph.
        spec: the pose bundle's.
        validation: an `ap` validation file; only photographs with labelled people are looked at.
        detector: finds the people.
    """
    photographs = {sample.person.image_id: sample.image_path for sample in validation.samples}
    people = [
        (image_id, path, person.box, person.score)
        for image_id, path in photographs.items()
        for person in find_people(detector.graph, validation.images[path], detector.spec)
    ]
    category = validation.samples[0].person.category_id
    return {
        precision: {
            name: round(value, 4)
            for name, value in coco_ap(
                validation.annotations,
                results_on_detections(graph, spec, validation.images, people, category_id=category),
                spec.skeleton,
            ).items()
        }
        for precision, graph in graphs.items()
    }
