"""`fasterpose benchmark serve`: the server under load over every transport, and its networks alone beside it."""

import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import groupby
from urllib.parse import urlsplit

from model.contract.crop import Box
from service.bench.figures import Figures, image_rate, median_ratio, summarize_rounds
from service.bench.job import LoadResult
from service.bench.networks import Networks, find_people
from service.bench.photographs import CROWD, crowd_photograph
from service.bench.raw import RawInputs, RawRates, images_per_second, measure_raw, raw_inputs
from service.bench.report import progress_bar
from service.bench.requests import Address, Photograph, Transport, load_job
from service.bench.servers import LOOPBACK, ServerProcess, free_port, log_folder, measure_load, settings_environment
from service.errors import UnavailableError
from service.settings import ServiceSettings, SettingsError

POSE_ONLY: tuple[Transport, ...] = ("raw", "grpc-stream")
"""Where the detector is skipped, these transports are enough: what differs is the server behind them."""


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
        return images_per_second(self.raw, len(self.inputs.crops), detect=self.detect)

    @property
    def decoded_rates(self) -> list[float]:
        """Images a second of the networks and the decoder, in each round: what is left for a server to reach."""
        return images_per_second(self.raw, len(self.inputs.crops), detect=self.detect, decode=True)

    @property
    def served_share(self) -> float | None:
        """The served rate as a share of the networks' own; 1 is a server that costs nothing."""
        return median_ratio([image_rate(result) for result in self.results], self.raw_rates)


def plan_loads(plan: ServePlan, networks: Networks) -> list[Load]:
    """The loads in the order in which they run in every round.

    Photographs are sent as they are, and the crowd's once more with the box of one person and with all boxes: then
    the detector is skipped, and the pose network is measured.
    """
    crowd = crowd_photograph(max(CROWD))
    boxes = _found_boxes(networks, crowd)
    photographs = [Photograph(name_people(count), crowd_photograph(count)) for count in CROWD]
    photographs += [Photograph(name_boxes(count), crowd, boxes[:count]) for count in sorted({1, len(boxes)})]
    inputs = [_inputs(networks, photograph) for photograph in photographs]
    return [
        Load(photograph, own, transport, concurrency)
        for concurrency in plan.concurrencies
        for photograph, own in zip(photographs, inputs, strict=True)
        for transport in _transports(plan, photograph)
    ]


def run_loads(plan: ServePlan, loads: Sequence[Load], address: Address, networks: Networks) -> None:
    """Run every load in every round, with a progress bar; the results are kept in the loads."""
    with progress_bar() as progress:
        task = progress.add_task("", total=plan.rounds * len(loads))
        for _ in range(plan.rounds):
            for _, group in groupby(loads, key=lambda load: (load.concurrency, load.photograph.name)):
                together = list(group)
                rates = measure_raw(networks, together[0].inputs)
                for load in together:
                    name = f"{load.photograph.name}, {load.transport}, c{load.concurrency}"
                    progress.update(task, description=name)
                    job = load_job(address, load.transport, load.photograph, load.concurrency, plan.seconds)
                    load.results.append(measure_load(job))
                    load.raw.append(rates)
                    progress.advance(task)


@contextmanager
def server_to_load(settings: ServiceSettings, url: str | None, grpc: str | None, plan: ServePlan) -> Generator[Address]:
    """The server at these addresses, or one that is started for the time.

    Raises:
        SettingsError: the addresses are not enough for the plan.
        UnavailableError: the server does not start.
    """
    if url is None:
        if grpc is not None:
            raise SettingsError("--grpc belongs to a running server; give --url too")
        with started_server(settings) as address:
            yield address
        return
    if grpc is None and any(name.startswith("grpc") for name in plan.transports):
        raise SettingsError("--url alone has no gRPC; give --grpc too, or --transports raw,multipart,json")
    yield running_server(url, grpc)


@contextmanager
def started_server(settings: ServiceSettings) -> Generator[Address]:
    """A server of its own process with these settings, on free ports of loopback.

    Raises:
        UnavailableError: it does not start.
    """
    address = Address(LOOPBACK, free_port(), free_port())
    ports = {"FASTERPOSE_HTTP_PORT": str(address.http_port), "FASTERPOSE_GRPC_PORT": str(address.grpc_port)}
    command = [sys.executable, "-m", "service.cli", "serve"]
    with log_folder() as folder:
        server = ServerProcess("the server", command, settings_environment(settings) | ports, folder / "server.log")
        try:
            server.wait_until_ready(address.http_port, "/readyz")
            yield address
        finally:
            server.stop()


def running_server(url: str, grpc: str | None) -> Address:
    """The address of a server that runs already.

    Args:
        url: of HTTP, for example `http://127.0.0.1:8000`.
        grpc: host and port of gRPC, for example `127.0.0.1:8001`, or None.

    Raises:
        SettingsError: an address that cannot be read.
    """
    parts = urlsplit(url)
    grpc_parts = urlsplit(f"//{grpc}") if grpc else None
    if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"}:
        raise SettingsError(f"--url {url} is not the address of a server; write http://HOST:PORT")
    if grpc_parts is not None and (grpc_parts.port is None or grpc_parts.hostname != parts.hostname):
        raise SettingsError(f"--grpc {grpc} is not HOST:PORT with the host of --url")
    return Address(parts.hostname, parts.port or 80, grpc_parts.port if grpc_parts else None)


def check_networks(address: Address, networks: Networks) -> None:
    """Refuse to compare a server with other networks than its own.

    Raises:
        UnavailableError: the server does not answer.
        SettingsError: its networks or precisions are not these.
    """
    connection = HTTPConnection(address.host, address.http_port, timeout=30)
    try:
        connection.request("GET", "/v1/models")
        listed = json.loads(connection.getresponse().read())["models"]
    except (OSError, ValueError, KeyError) as error:
        raise UnavailableError(f"{address.host}:{address.http_port} does not answer as fasterpose: {error}") from error
    finally:
        connection.close()
    served = {(entry["sha256"], entry["precision"]) for entry in listed}
    for model in (networks.detector, networks.pose):
        if (model.sha256, model.runtime.precision) not in served:
            name = model.spec.provenance.name
            raise SettingsError(
                f"the server does not run {name} in {model.runtime.precision}; "
                "give --model, --detector and --precision as it was given them"
            )


def _transports(plan: ServePlan, photograph: Photograph) -> Sequence[Transport]:
    if photograph.boxes is None:
        return plan.transports
    return [name for name in plan.transports if name in POSE_ONLY] or plan.transports[:1]


def _inputs(networks: Networks, photograph: Photograph) -> RawInputs:
    return raw_inputs(networks, photograph.data, photograph.boxes or _found_boxes(networks, photograph.data))


def _found_boxes(networks: Networks, photograph: bytes) -> tuple[Box, ...]:
    boxes = tuple(person.box for person in find_people(networks, photograph))
    if not boxes:
        raise SettingsError("the detector finds nobody in the benchmark's photograph; choose another --detector")
    return boxes


def name_people(count: int) -> str:
    """How tables call a photograph."""
    return "1 person" if count == 1 else f"{count} people"


def name_boxes(count: int) -> str:
    """How tables call a photograph with its people's boxes."""
    return "1 box" if count == 1 else f"{count} boxes"
