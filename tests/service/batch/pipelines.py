"""Pipelines on stand-in networks, for the worker processes of the tests: a process finds them by their names."""

import os
import signal
from typing import NoReturn

import numpy as np

from model.contract.arrays import FloatArray, ImageArray
from service.pipeline import Pipeline
from service.settings import SettingsError
from tests.service.fakes import FakeDetectorRuntime, make_pipeline

LETHAL = 7
"""Gray level of a picture that kills the process that looks at it."""


class LethalDetectorRuntime(FakeDetectorRuntime):
    """Dies of a picture that is all of one colour, as a process dies that takes too much memory."""

    def infer(self, batch: ImageArray) -> FloatArray:
        if any(np.median(image) == LETHAL for image in batch):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().infer(batch)


def lethal_pipeline() -> Pipeline:
    return make_pipeline(detector_runtime=LethalDetectorRuntime((160, 160)))


def refuse() -> NoReturn:
    raise SettingsError("no such bundle")


def die() -> NoReturn:
    os._exit(5)
