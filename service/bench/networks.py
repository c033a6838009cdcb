"""The two networks without a server around them: their inputs, and how fast they are alone."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from model.contract.arrays import ImageArray
from model.contract.detections import ScoredBox, read_people
from model.contract.image import decode_image
from model.contract.spec import DetectorSpec, PoseSpec
from service.bundles import LoadedModel, load_detector_model, load_pose_model
from service.detector import fit_image
from service.jobs import PoseOptions
from service.runtime.base import Runtime
from service.settings import ServiceSettings


@dataclass(frozen=True)
class Networks:
    """A detector and a pose network, ready to compute.

    Attributes:
        detector: finds people.
        pose: finds keypoints.
    """

    detector: LoadedModel[DetectorSpec]
    pose: LoadedModel[PoseSpec]

    def describe(self) -> str:
        """Names, input sizes, runtimes and precisions."""
        return f"{describe_model(self.detector)}, {describe_model(self.pose)}"


def load_networks(settings: ServiceSettings) -> Networks:
    """The networks that the settings name, in the precisions that a server with these settings chooses.

    Raises:
        BundleError: a bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run it as asked.
    """
    return Networks(load_detector_model(settings), load_pose_model(settings))


def describe_model(model: LoadedModel[DetectorSpec] | LoadedModel[PoseSpec]) -> str:
    """Name, input size, runtime and precision."""
    width, height = model.spec.input_size
    return f"{model.spec.provenance.name} {width}x{height} {model.runtime.name} {model.runtime.precision}"


def find_people(networks: Networks, photograph: bytes) -> list[ScoredBox]:
    """The people that the server finds in a photograph with default options."""
    options = PoseOptions()
    fitting, fitted = fit_image(networks.detector, decode_image(photograph))
    rows = networks.detector.runtime.infer(fitted[None])[0]
    return read_people(networks.detector.spec, rows, fitting, options.person_threshold, options.max_persons)


def items_per_second(runtimes: Sequence[Runtime], items: ImageArray, batch: int, seconds: float) -> float:
    """Call a network back to back, all its runtimes at once, each on a thread.

    Args:
        runtimes: of one network.
        items: (N, H, W, 3) uint8 inputs, repeated to fill a batch.
        batch: inputs in a call.
        seconds: for how long; at least two calls are made.

    Returns:
        Inputs a second, all runtimes together.
    """
    inputs = np.resize(items, (batch, *items.shape[1:]))
    with ThreadPoolExecutor(len(runtimes)) as threads:
        return sum(threads.map(partial(_rate, inputs=inputs, seconds=seconds), runtimes))


def _rate(runtime: Runtime, inputs: ImageArray, seconds: float) -> float:
    runtime.infer(inputs)  # the first call of a batch size prepares it
    calls, began = 0, time.perf_counter()
    while calls < 2 or time.perf_counter() - began < seconds:
        runtime.infer(inputs)
        calls += 1
    return calls * len(inputs) / (time.perf_counter() - began)
