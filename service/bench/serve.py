"""`fasterpose benchmark serve`: the server under load over every transport, and its networks alone beside it."""

import json
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from urllib.parse import urlsplit

from rich.table import Table

from service.bench.figures import Figures, image_rate, median_ratio, percentile, summarize_rounds
from service.bench.job import LoadResult
from service.bench.networks import Networks, find_people
from service.bench.photographs import crowd_photograph
from service.bench.raw import RawInputs, RawRates, measure_raw, raw_inputs
from service.bench.report import Target, cell, errors_cell, machine_line, print_table, progress_bar
from service.bench.requests import Address, Photograph, Transport, load_job
from service.bench.servers import LOOPBACK, ServerProcess, free_port, log_folder, measure_load, settings_environment
from service.errors import UnavailableError
from service.settings import ServiceSettings, SettingsError

POSE_ONLY: tuple[Transport, ...] = ("raw", "grpc-stream")
"""Where the detector is skipped, these transports are enough: what differs is the server behind them."""
SERVED_SHARE = 0.9
EXTRA_PERSON = 1.1
STREAM_FRAMES = 30.0
BUSY = 8
"""The concurrency at which the server is held against its networks."""


@dataclass(frozen=True)
class ServePlan:
    """What is measured.

    Attributes:
        transports: how requests are sent.
        concurrencies: how many are under way.
        seconds: for each load in each round.
        rounds: how often everything is repeated, one after the other.
    """

    transports: tuple[Transport, ...]
    concurrencies: tuple[int, ...]
    seconds: float
    rounds: int


@dataclass(frozen=True)
class Load:
    """One row of the table.

    Attributes:
        photograph: what is sent.
        inputs: what the networks compute for it.
        transport: how it is sent.
        concurrency: how many are under way.
        results: of each round.
        raw: the networks alone, in each round just before.
    """

    photograph: Photograph
    inputs: RawInputs
    transport: Transport
    concurrency: int
    results: list[LoadResult] = field(default_factory=list[LoadResult])
    raw: list[RawRates] = field(default_factory=list[RawRates])

    @property
    def detect(self) -> bool:
        """Whether the detector runs."""
        return self.photograph.boxes is None

    @property
    def figures(self) -> Figures:
        """Medians over the rounds."""
        return summarize_rounds(self.results)

    @property
    def raw_rates(self) -> list[float]:
        """Images a second of the networks alone, in each round."""
        return [rates.images_per_second(len(self.inputs.crops), self.detect) for rates in self.raw]

    @property
    def served_share(self) -> float | None:
        """The served rate as a share of the networks' own; 1 is a server that costs nothing."""
        return median_ratio([image_rate(result) for result in self.results], self.raw_rates)
