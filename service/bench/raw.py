"""What two cores can do with the networks alone: the measure for a server around them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from model.contract.arrays import ImageArray
from model.contract.crop import Box
from model.contract.image import decode_image
from service.bench.networks import Networks, items_per_second
from service.detector import fit_image
from service.estimator import cut_crops

DETECTOR_BATCHES = (1, 2, 4)
POSE_BATCHES = (1, 2, 4, 8)
SECONDS = 0.2
"""For one batch size; at least two calls are made."""


@dataclass(frozen=True)
class RawRates:
    """Both networks called back to back.

    Attributes:
        detector: batch size -> images a second.
        pose: batch size -> people a second.
    """

    detector: dict[int, float]
    pose: dict[int, float]


def images_per_second(rounds: Sequence[RawRates], people: int, *, detect: bool) -> list[float]:
    """Images a second in each round if nothing but the networks took time.

    Each network runs at the batch size that is best in the median over the rounds.

    Args:
        rounds: rates of several rounds.
        people: in an image.
        detect: whether the detector runs.
    """
    poses, detectors = [rates.pose for rates in rounds], [rates.detector for rates in rounds]
    seconds = [people / rate for rate in _at_best_batch(poses)]
    if detect:
        seconds = [own + 1 / rate for own, rate in zip(seconds, _at_best_batch(detectors), strict=True)]
    return [1 / own for own in seconds]


@dataclass(frozen=True)
class RawInputs:
    """What the networks compute in a request.

    Attributes:
        fitted: (1, H, W, 3) uint8, the letterboxed photograph.
        crops: (N, h, w, 3) uint8, one for each person in it.
    """

    fitted: ImageArray
    crops: ImageArray


def raw_inputs(networks: Networks, photograph: bytes, boxes: Sequence[Box]) -> RawInputs:
    """The inputs of both networks for one photograph; at least one box."""
    image = decode_image(photograph)
    _, fitted = fit_image(networks.detector, image)
    _, crops = cut_crops(networks.pose.spec, image, boxes)
    return RawInputs(fitted[None], crops)


def measure_raw(networks: Networks, inputs: RawInputs) -> RawRates:
    """Measure both networks at several batch sizes, among them the number of people in the photograph."""
    pose_batches = sorted({*POSE_BATCHES, len(inputs.crops)})
    detectors, poses = networks.detector.runtimes, networks.pose.runtimes
    return RawRates(
        {batch: items_per_second(detectors, inputs.fitted, batch, SECONDS) for batch in DETECTOR_BATCHES},
        {batch: items_per_second(poses, inputs.crops, batch, SECONDS) for batch in pose_batches},
    )


def _at_best_batch(rounds: Sequence[dict[int, float]]) -> list[float]:
    best = max(rounds[0], key=lambda batch: statistics.median(rates[batch] for rates in rounds))
    return [rates[best] for rates in rounds]
