"""What two cores can do with the networks alone: the measure for a server around them."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from model.contract.arrays import ImageArray
from model.contract.crop import Box
from model.contract.image import decode_image
from service.bench.networks import Networks, items_per_second
from service.detector import fit_image
from service.estimator import cut_crops
from service.runtime.devices import available_cores

DETECTOR_BATCHES = (1, 2, 4)
POSE_BATCHES = (1, 2, 4, 8)
SECONDS = 0.2
"""For one batch size; at least two calls are made."""


@dataclass(frozen=True)
class RawRates:
    """Both networks called back to back, and the decoder.

    Attributes:
        detector: batch size -> images a second.
        pose: batch size -> people a second.
        decoder: images a second that all cores decode, if they do nothing else.
    """

    detector: dict[int, float]
    pose: dict[int, float]
    decoder: float


def images_per_second(rounds: Sequence[RawRates], people: int, *, detect: bool, decode: bool = False) -> list[float]:
    """Images a second in each round if nothing but the networks took time; or nothing but they and the decoder.

    Each network runs at the batch size that is best in the median over the rounds.

    Args:
        rounds: rates of several rounds.
        people: in an image.
        detect: whether the detector runs.
        decode: whether the images are decoded.
    """
    poses, detectors = [rates.pose for rates in rounds], [rates.detector for rates in rounds]
    seconds = [people / rate for rate in _at_best_batch(poses)]
    if detect:
        seconds = [own + 1 / rate for own, rate in zip(seconds, _at_best_batch(detectors), strict=True)]
    if decode:
        seconds = [own + 1 / rates.decoder for own, rates in zip(seconds, rounds, strict=True)]
    return [1 / own for own in seconds]


@dataclass(frozen=True)
class RawInputs:
    """What is computed in a request.

    Attributes:
        photograph: the file that is decoded.
        fitted: (1, H, W, 3) uint8, the letterboxed photograph.
        crops: (N, h, w, 3) uint8, one for each person in it.
    """

    photograph: bytes
    fitted: ImageArray
    crops: ImageArray


def raw_inputs(networks: Networks, photograph: bytes, boxes: Sequence[Box]) -> RawInputs:
    """The inputs of both networks for one photograph; at least one box."""
    image = decode_image(photograph)
    _, fitted = fit_image(networks.detector, image)
    _, crops = cut_crops(networks.pose.spec, image, boxes)
    return RawInputs(photograph, fitted[None], crops)


def measure_raw(networks: Networks, inputs: RawInputs) -> RawRates:
    """Measure both networks at several batch sizes, that of the photograph's people among them, and the decoder."""
    pose_batches = sorted({*POSE_BATCHES, len(inputs.crops)})
    detectors, poses = networks.detector.runtimes, networks.pose.runtimes
    return RawRates(
        {batch: items_per_second(detectors, inputs.fitted, batch, SECONDS) for batch in DETECTOR_BATCHES},
        {batch: items_per_second(poses, inputs.crops, batch, SECONDS) for batch in pose_batches},
        _decoded_per_second(inputs.photograph),
    )


def _decoded_per_second(photograph: bytes) -> float:
    def decode(_: int) -> float:
        calls, began = 0, time.perf_counter()
        while calls < 2 or time.perf_counter() - began < SECONDS:
            decode_image(photograph)
            calls += 1
        return calls / (time.perf_counter() - began)

    cores = available_cores()
    with ThreadPoolExecutor(cores) as threads:
        return sum(threads.map(decode, range(cores)))


def _at_best_batch(rounds: Sequence[dict[int, float]]) -> list[float]:
    best = max(rounds[0], key=lambda batch: statistics.median(rates[batch] for rates in rounds))
    return [rates[best] for rates in rounds]
