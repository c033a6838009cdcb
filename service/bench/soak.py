"""`fasterpose benchmark soak`: hours of mixed traffic, and whether the server's memory and file descriptors grow."""

import asyncio
import random
import re
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from model.contract.arrays import DoubleArray
from service.bench.report import print_table
from service.bench.requests import Address
from service.bench.serve import running_server, started_server
from service.bench.soak_requests import make_stock
from service.bench.soak_slope import BLOCKS, Slope, fit_slope
from service.bench.soak_traffic import Tally, client_of, send_mixed
from service.errors import UnavailableError
from service.settings import ServiceSettings, SettingsError

MIB = 2**20
AT_REST = {"fasterpose_in_flight_requests": 1.0, "fasterpose_queue_depth": 0.0}
"""What the server's gauges show when only the question itself is in flight."""
REST_S = 30.0
LINGER_S = 0.3
"""For connections that were hung up to be closed by the server too."""


@dataclass(frozen=True)
class SoakPlan:
    """What is done.

    Attributes:
        minutes: of traffic in all.
        warm_up_minutes: of them, which do not count: every shape of image and every buffer is seen once.
        rate: requests a second.
        interval_s: seconds of traffic between two samples.
        seed: of everything that is drawn.

    Raises:
        SettingsError: too few samples for a slope.
    """

    minutes: float
    warm_up_minutes: float
    rate: float
    interval_s: float = 15.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a plan that cannot tell a slope."""
        counted = self.minutes - self.warm_up_minutes
        if 60 * counted / self.interval_s < 2 * BLOCKS + 1:
            raise SettingsError(
                f"{counted:g} minutes after the warm-up hold too few samples, one every {self.interval_s:g} s; "
                "give more --minutes, fewer --warm-up-minutes or a shorter --interval"
            )


@dataclass(frozen=True)
class Sample:
    """What the server holds at one time.

    Attributes:
        seconds: since the start.
        resident: memory, MiB.
        files: open file descriptors.
    """

    seconds: float
    resident: float
    files: float


@dataclass(frozen=True)
class Soak:
    """What was seen.

    Attributes:
        plan: what was done.
        samples: in order.
        tally: what came of the requests.
        stuck: gauges that did not come to rest at the end -> their values.
    """

    plan: SoakPlan
    samples: Sequence[Sample]
    tally: Tally
    stuck: dict[str, float]

    @property
    def resident(self) -> Slope:
        """Of memory after the warm-up, MiB an hour."""
        return fit_slope(self._counted("seconds"), self._counted("resident"))

    @property
    def files(self) -> Slope:
        """Of file descriptors after the warm-up, an hour."""
        return fit_slope(self._counted("seconds"), self._counted("files"))

    @property
    def passed(self) -> bool:
        """Whether nothing grew, nothing was answered wrongly and nothing was left over."""
        return not (self.resident.grows or self.files.grows or self.tally.surprises or self.stuck)

    def _counted(self, name: str) -> DoubleArray:
        warm = [sample for sample in self.samples if sample.seconds >= 60 * self.plan.warm_up_minutes]
        if len(warm) < 2 * BLOCKS:
            raise UnavailableError(f"only {len(warm)} samples after the warm-up: the server or the machine stood still")
        return np.array([getattr(sample, name) for sample in warm], dtype=np.float64)


def server_to_soak(settings: ServiceSettings, url: str | None, grpc: str | None) -> AbstractContextManager[Address]:
    """The server at these addresses, or one that is started for the time.

    Raises:
        SettingsError: one address without the other.
    """
    if url is None and grpc is None:
        return started_server(settings)
    if url is None or grpc is None:
        raise SettingsError("a running server is soaked over both transports: give --url and --grpc")
    return nullcontext(running_server(url, grpc))


async def run_soak(address: Address, plan: SoakPlan) -> Soak:
    """Send the traffic, and sample the server whenever it has come to rest.

    Under way, a sample would tell how busy the machine is: every open connection is a descriptor.

    Raises:
        UnavailableError: the server does not answer.
    """
    draw, tally, samples, stuck = random.Random(plan.seed), Tally(), list[Sample](), dict[str, float]()
    start = time.monotonic()
    async with client_of(address, make_stock(address, draw), draw) as client:
        while time.monotonic() - start < 60 * plan.minutes:
            await send_mixed(client.kinds(), plan.rate, plan.interval_s, draw, tally)
            text, stuck = await _at_rest(address)
            samples.append(_sample(text, time.monotonic() - start))
    return Soak(plan, samples, tally, stuck)


def print_soak(soak: Soak) -> None:
    """Print what came of each kind of request, and the slopes."""
    table = Table("request", title="Requests of the soak")
    for column in ("outcome", "times", "right"):
        table.add_column(column, justify="right")
    for (kind, outcome), count in sorted(soak.tally.outcomes.items()):
        right = "no" if (kind, outcome) in soak.tally.surprises else "yes"
        table.add_row(kind, outcome, str(count), right)
    print_table(table)
    sys.stdout.write(describe_soak(soak) + "\n")


def describe_soak(soak: Soak) -> str:
    """The verdict in a few lines."""
    last = soak.samples[-1]
    requests = sum(soak.tally.outcomes.values())
    lines = [
        f"{requests} requests in {last.seconds / 60:.0f} minutes, {soak.tally.held_back} held back, "
        f"{sum(soak.tally.surprises.values())} answered wrongly",
        f"memory: {last.resident:.0f} MiB at the end, slope {_shown(soak.resident)} MiB/h",
        f"file descriptors: {last.files:.0f} at the end, slope {_shown(soak.files)} an hour",
        *(f"left over: {name} is {value:g}" for name, value in soak.stuck.items()),
        "passed: nothing grew, nothing was left over" if soak.passed else "FAILED",
    ]
    return "\n".join(lines)


def soak_content(soak: Soak) -> dict[str, object]:
    """Everything, for JSON."""
    return {
        "plan": vars(soak.plan),
        "requests": {f"{kind}: {outcome}": count for (kind, outcome), count in sorted(soak.tally.outcomes.items())},
        "surprises": {f"{kind}: {outcome}": count for (kind, outcome), count in soak.tally.surprises.items()},
        "memory_mib_per_hour": [soak.resident.low, soak.resident.per_hour, soak.resident.high],
        "files_per_hour": [soak.files.low, soak.files.per_hour, soak.files.high],
        "samples": [vars(sample) for sample in soak.samples],
    }


def read_metric(text: str, name: str) -> float:
    """The sum of a metric's samples in Prometheus' text form."""
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))


def _shown(slope: Slope) -> str:
    return f"{slope.per_hour:+.2f} (95%: {slope.low:+.2f} to {slope.high:+.2f})"


def _sample(metrics: str, seconds: float) -> Sample:
    resident = read_metric(metrics, "process_resident_memory_bytes") / MIB
    return Sample(seconds, resident, read_metric(metrics, "process_open_fds"))


async def _at_rest(address: Address) -> tuple[str, dict[str, float]]:
    """The metrics of a server that has nothing to do, and the gauges that say otherwise after REST_S."""
    end = time.monotonic() + REST_S
    while True:
        await asyncio.sleep(LINGER_S)
        text = await _metrics(address)
        stuck = {name: value for name in AT_REST if (value := read_metric(text, name)) > AT_REST[name]}
        if not stuck or time.monotonic() > end:
            return text, stuck


async def _metrics(address: Address) -> str:
    try:
        reader, writer = await asyncio.open_connection(address.host, address.http_port)
        writer.write(f"GET /metrics HTTP/1.1\r\nHost: {address.host}\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
    except OSError as error:
        raise UnavailableError(f"the server at {address.host}:{address.http_port} is gone: {error}") from error
    return answer
