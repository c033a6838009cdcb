"""`fasterpose benchmark serve`: the server under load over every transport, and its networks alone beside it."""

import json
import statistics
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from itertools import groupby
from urllib.parse import urlsplit

from rich.table import Table

from service.bench.figures import Figures, image_rate, median_ratio, percentile, summarize_rounds
from service.bench.job import LoadResult
from service.bench.networks import Networks, find_people
from service.bench.photographs import CROWD, crowd_photograph
from service.bench.raw import RawInputs, RawRates, images_per_second, measure_raw, raw_inputs
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
        return images_per_second(self.raw, len(self.inputs.crops), detect=self.detect)

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
    boxes = tuple(person.box for person in find_people(networks, crowd))
    photographs = [Photograph(_people(count), crowd_photograph(count)) for count in CROWD]
    photographs += [Photograph(_boxes(1), crowd, boxes[:1]), Photograph(_boxes(len(boxes)), crowd, boxes)]
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


def print_loads(loads: Sequence[Load], networks: Networks, plan: ServePlan) -> None:
    """Print one row for each load."""
    title = f"{networks.describe()}; medians of {plan.rounds} rounds of {plan.seconds:g} s; {machine_line()}"
    table = Table("photograph", "transport", title=title)
    for column in (
        "concurrency",
        "images/s",
        "people/s",
        "p50 ms",
        "p99 ms",
        "errors",
        "networks alone, images/s",
        "served share",
    ):
        table.add_column(column, justify="right")
    for load in loads:
        figures = load.figures
        table.add_row(
            load.photograph.name,
            load.transport,
            str(load.concurrency),
            cell(figures.images_per_second),
            cell(figures.people_per_second),
            cell(figures.p50_ms),
            cell(figures.p99_ms),
            errors_cell(figures.errors),
            cell(statistics.median(load.raw_rates)),
            cell(load.served_share, 2),
        )
    print_table(table)


def print_raw(loads: Sequence[Load]) -> None:
    """Print what the networks do alone, by batch size."""
    crowd = max(loads, key=lambda load: len(load.inputs.crops))
    table = Table("network alone", "batch", title="The networks called back to back in the same run, medians")
    for column in ("items/s", "ms an item"):
        table.add_column(column, justify="right")
    for name, rounds in (
        ("detector", [rates.detector for rates in crowd.raw]),
        ("pose", [rates.pose for rates in crowd.raw]),
    ):
        for batch in rounds[0]:
            rate = statistics.median(rates[batch] for rates in rounds)
            table.add_row(name, str(batch), cell(rate), cell(1000 / rate, 2))
    print_table(table)


def serve_targets(loads: Sequence[Load]) -> list[Target]:
    """The speeds to reach; those whose loads were not chosen are left out."""
    crowd = max(len(load.inputs.crops) for load in loads)
    targets = [
        Target(
            f"{load.transport}, {_boxes(crowd)}, c{BUSY}: served share of the pose rate",
            load.served_share,
            SERVED_SHARE,
        )
        for load in loads
        if not load.detect and load.concurrency == BUSY and len(load.inputs.crops) == crowd
    ]
    for detect in (False, True):
        for few in (load for load in loads if load.detect is detect and load.concurrency == 1):
            targets += _extra_person(few, loads)
    targets += [
        Target(f"grpc-stream, 1 person, c{BUSY}: frames a second", load.figures.images_per_second, STREAM_FRAMES)
        for load in loads
        if load.detect and load.transport == "grpc-stream" and load.concurrency == BUSY and len(load.inputs.crops) == 1
    ]
    return targets


def loads_content(loads: Sequence[Load], networks: Networks, plan: ServePlan) -> dict[str, object]:
    """Every figure for a JSON file."""
    return {
        "benchmark": "serve",
        "networks": networks.describe(),
        "plan": asdict(plan),
        "loads": [_load_content(load) for load in loads],
        "targets": [asdict(target) | {"met": target.met} for target in serve_targets(loads)],
    }


def _load_content(load: Load) -> dict[str, object]:
    rounds = [
        {"images_per_second": image_rate(result), "people": result.people, **asdict(result), "networks_alone": alone}
        for result, alone in zip(load.results, load.raw_rates, strict=True)
    ]
    return {
        "photograph": load.photograph.name,
        "transport": load.transport,
        "concurrency": load.concurrency,
        "figures": asdict(load.figures),
        "served_share": load.served_share,
        "rounds": rounds,
    }


def _extra_person(few: Load, loads: Sequence[Load]) -> list[Target]:
    """What one more person costs over the same transport, in crops of the network alone at that batch size."""
    many = next((load for load in loads if _is_crowd_of(load, few)), None)
    if many is None:
        return []
    count, base = len(many.inputs.crops), len(few.inputs.crops)
    latencies = zip(many.results, few.results, strict=True)
    costs = [
        ((percentile(more, 50) or 0.0) - (percentile(less, 50) or 0.0)) / (count - base) for more, less in latencies
    ]
    crop_ms = [1000 / rates.pose[count] for rates in many.raw]
    text = f"{few.transport}, {few.photograph.name} to {many.photograph.name}, c1: an extra person / a crop alone"
    return [Target(text, median_ratio(costs, crop_ms), EXTRA_PERSON, at_least=False)]


def _is_crowd_of(load: Load, few: Load) -> bool:
    same = (load.detect, load.transport, load.concurrency) == (few.detect, few.transport, few.concurrency)
    return same and len(load.inputs.crops) > len(few.inputs.crops)


def _transports(plan: ServePlan, photograph: Photograph) -> Sequence[Transport]:
    if photograph.boxes is None:
        return plan.transports
    return [name for name in plan.transports if name in POSE_ONLY] or plan.transports[:1]


def _inputs(networks: Networks, photograph: Photograph) -> RawInputs:
    boxes = photograph.boxes or [person.box for person in find_people(networks, photograph.data)]
    return raw_inputs(networks, photograph.data, boxes)


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _boxes(count: int) -> str:
    return "1 box" if count == 1 else f"{count} boxes"
