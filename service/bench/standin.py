"""Networks that only take time, and the server around them: what is measured then is the server alone.

`python -m service.bench.standin` runs it; its address and settings come from the environment, as for `serve`.
"""

import hashlib
import os
import time

import numpy as np
import uvicorn

from model.contract.arrays import FloatArray, ImageArray
from model.contract.codec import HeatmapCodec
from model.contract.crop import Size
from model.contract.skeleton import COCO_17
from model.contract.spec import DetectorSpec, PoseSpec, Provenance
from service.app import create_app
from service.bench.networks import Networks
from service.bundles import LoadedModel, Spec
from service.engine import build_pipeline
from service.logs import set_up_logs
from service.runtime.base import Precision
from service.settings import ServiceSettings, load_settings

STAND_IN = "PEER_STAND_IN"
"""The variable that asks a peer for these networks."""
BATCH_S = 0.001
"""A batch takes this long on a core of its own, whatever its size."""
TRIAL = 1000
"""Rounds of hashing whose time is taken, some 0.2 milliseconds."""
TRIALS = 20
CODEC = HeatmapCodec((48, 64), (12, 16), 2.0, "stride", "rounded", "argmax")
"""Small, so that reading the heatmaps takes next to nothing."""
DETECTOR_INPUT: Size = (64, 64)


class SpinRuntime:
    """Takes a millisecond of a core for a batch, as a network does: in one call, without the interpreter's lock."""

    name = "stand-in"
    device = "cpu"
    precision: Precision = "fp32"
    open_sides = False

    def __init__(self, input_size: Size, output_shape: tuple[int, ...]) -> None:
        """A network with inputs of `input_size` (width, height) and outputs of `output_shape` for each."""
        self.input_size = input_size
        self._output_shape = output_shape
        self._rounds = round(TRIAL * BATCH_S / min(_hash(TRIAL) for _ in range(TRIALS)))

    def infer(self, batch: ImageArray) -> FloatArray:
        """(N, height, width, 3) uint8 -> (N, *output_shape) float32 zeros, after the time of a batch."""
        _hash(self._rounds)
        return np.zeros((len(batch), *self._output_shape), dtype=np.float32)

    def warm_up(self, batch: ImageArray) -> None:
        """There is nothing to get ready."""


def _hash(rounds: int) -> float:
    """Hash so many times, and tell how many seconds it took."""
    began = time.perf_counter()
    hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)
    return time.perf_counter() - began


def stand_in_networks() -> Networks:
    """A detector that finds nobody, and a pose network."""
    width, height = CODEC.heatmap_size
    detector = DetectorSpec(_provenance("stand-in-detector"), DETECTOR_INPUT, needs_nms=False)
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    pose = PoseSpec(_provenance("stand-in-pose"), COCO_17, CODEC, 1.25, mean, std)
    heatmaps = (COCO_17.num_keypoints, height, width)
    return Networks(
        _loaded(detector, SpinRuntime(DETECTOR_INPUT, (1, 5))), _loaded(pose, SpinRuntime(CODEC.input_size, heatmaps))
    )


def serve_stand_in(settings: ServiceSettings) -> None:
    """Serve HTTP with the stand-in networks, with the application and the log of `fasterpose serve`."""
    set_up_logs(settings.log_format)
    networks = stand_in_networks()
    app = create_app(settings, lambda: build_pipeline(networks.detector, networks.pose, settings))
    uvicorn.run(
        app, host=settings.host, port=settings.http_port, log_config=None, access_log=False, server_header=False
    )


def _loaded(spec: Spec, runtime: SpinRuntime) -> LoadedModel[Spec]:
    return LoadedModel(spec, (runtime,), "", lambda _: runtime)


def _provenance(name: str) -> Provenance:
    return Provenance(name, "1", "none", "Apache-2.0", {}, {})


if __name__ == "__main__":
    serve_stand_in(load_settings({}, None, os.environ))
