"""`fasterpose benchmark peers`: other servers with the same networks and the same form, and ours, turn by turn."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.progress import Progress
from rich.table import Table

from service.bench.figures import Figures, image_rate, median_ratio, percentile, summarize_rounds
from service.bench.job import LoadResult
from service.bench.photographs import crowd_photograph, small_photograph
from service.bench.report import Target, cell, errors_cell, machine_line, print_table, progress_bar
from service.bench.requests import Address, Photograph, load_job
from service.bench.servers import LOOPBACK, ServerProcess, free_port, log_folder, measure_load, settings_environment
from service.bench.standin import STAND_IN
from service.settings import ServiceSettings

OURS = "fasterpose"
PLAIN = "FastAPI + ultralytics + eager torch"
LITSERVE = "LitServe"
BENTOML = "BentoML"
BUSY, CROWDED = 8, 32
SETTLE_S = 1.0
"""A first load of every server that is not counted: BentoML learns from it how long to wait for a batch."""

Part = str
NETWORKS: Part = "networks"
STAND_INS: Part = "stand-in"
PARTS = (NETWORKS, STAND_INS)


@dataclass(frozen=True)
class Contender:
    """A server and how it is started and asked.

    Attributes:
        name: how tables call it.
        command: starts it at a port.
        environment: its variables, at a port.
        path: of its route.
        ready_path: answers 200 once the networks are loaded.
        takes_options: whether the options of the photograph stand in the query; the peers have none.
    """

    name: str
    command: Callable[[int], list[str]]
    environment: Callable[[int], dict[str, str]]
    path: str
    ready_path: str
    takes_options: bool = False


@dataclass(frozen=True)
class Rival:
    """A started server, paused until it is its turn.

    Attributes:
        process: of the server.
        address: where it listens.
        photograph: what it is sent.
    """

    process: ServerProcess
    address: Address
    photograph: Photograph

    def load(self, concurrency: int, seconds: float) -> LoadResult:
        """One load; the server runs meanwhile."""
        with self.process.awake():
            return measure_load(load_job(self.address, "multipart", self.photograph, concurrency, seconds))


@dataclass(frozen=True)
class Turns:
    """How everybody is loaded.

    Attributes:
        concurrencies: requests under way.
        seconds: for each load in each round.
        rounds: how often everything is repeated, one after the other.
    """

    concurrencies: tuple[int, ...]
    seconds: float
    rounds: int


@dataclass(frozen=True)
class Contest:
    """One part of the comparison.

    Attributes:
        title: what is compared.
        part: its name.
        photograph: what everybody is sent.
        contenders: ours first.
    """

    title: str
    part: Part
    photograph: Photograph
    contenders: tuple[Contender, ...]


@dataclass(frozen=True)
class Entry:
    """One row of a table.

    Attributes:
        part: of the comparison.
        name: of the server.
        concurrency: requests under way.
        results: of each round.
    """

    part: Part
    name: str
    concurrency: int
    results: list[LoadResult] = field(default_factory=list[LoadResult])

    @property
    def figures(self) -> Figures:
        """Medians over the rounds."""
        return summarize_rounds(self.results)


@dataclass(frozen=True)
class Interpreters:
    """Where the peers' packages are installed; None leaves out who needs them.

    Attributes:
        peers: has LitServe and BentoML.
        train: has torch and ultralytics.
    """

    peers: Path | None
    train: Path | None


def find_interpreters(peers: Path, train: Path) -> Interpreters:
    """The interpreters that are there; for one that is not, a line says who is left out."""
    found = Interpreters(peers if peers.is_file() else None, train if train.is_file() else None)
    for interpreter, path, who in (
        (found.peers, peers, f"{LITSERVE} and {BENTOML} are"),
        (found.train, train, f"{PLAIN} is"),
    ):
        if interpreter is None:
            sys.stdout.write(f"{who} left out: there is no {path} (in a clone: make benchmark-peers)\n")
    return found


def plan_contests(
    parts: Sequence[Part], settings: ServiceSettings, people: int, interpreters: Interpreters
) -> list[Contest]:
    """The parts of the comparison, with the servers that can be started here."""
    planned = {
        NETWORKS: lambda: _networks_contest(settings_environment(settings), people, interpreters),
        STAND_INS: lambda: _stand_in_contest(interpreters),
    }
    return [planned[part]() for part in parts]


def _networks_contest(chosen: dict[str, str], people: int, interpreters: Interpreters) -> Contest:
    photograph = Photograph(f"{people} people", crowd_photograph(people))
    title = f"The served networks, a 720p photograph, people in it: {people}, multipart"
    contenders = (
        _ours(["service.cli", "serve"], chosen),
        *_plain(interpreters, chosen),
        *_frameworks(interpreters, chosen),
    )
    return Contest(title, NETWORKS, photograph, contenders)


def _stand_in_contest(interpreters: Interpreters) -> Contest:
    photograph = Photograph("small", small_photograph(), detect=False)
    title = "A stand-in network that takes 1 ms for a batch, a small photograph, multipart"
    contenders = (_ours(["service.bench.standin"], {}), *_frameworks(interpreters, {STAND_IN: "1"}))
    return Contest(title, STAND_INS, photograph, contenders)


def _ours(module: list[str], chosen: dict[str, str]) -> Contender:
    return Contender(
        OURS,
        lambda port: [sys.executable, "-m", *module],
        lambda port: chosen | {"FASTERPOSE_HTTP_PORT": str(port), "FASTERPOSE_GRPC_PORT": "0"},
        "/v1/pose",
        "/readyz",
        takes_options=True,
    )


def _plain(interpreters: Interpreters, chosen: dict[str, str]) -> list[Contender]:
    python = interpreters.train
    if python is None:
        return []
    module = "service.bench.peers.plain_server"
    return [
        Contender(PLAIN, lambda port: [str(python), "-m", module, str(port)], lambda port: chosen, "/pose", "/health")
    ]


def _frameworks(interpreters: Interpreters, environment: dict[str, str]) -> list[Contender]:
    python = interpreters.peers
    if python is None:
        return []
    lit, bento = "service.bench.peers.litserve_server", "service.bench.peers.bentoml_server:PoseService"
    where = ["--host", LOOPBACK, "--port"]
    return [
        Contender(
            LITSERVE, lambda port: [str(python), "-m", lit, str(port)], lambda port: environment, "/predict", "/health"
        ),
        Contender(
            BENTOML,
            lambda port: [str(python), "-m", "bentoml", "serve", bento, *where, str(port)],
            lambda port: environment,
            "/pose",
            "/readyz",
        ),
    ]


def run_contests(contests: Sequence[Contest], turns: Turns) -> list[Entry]:
    """Run every part, with a progress bar.

    Raises:
        UnavailableError: a server does not start.
    """
    with progress_bar() as progress:
        return [entry for contest in contests for entry in _run_contest(contest, turns, progress)]


def print_entries(contests: Sequence[Contest], entries: Sequence[Entry], turns: Turns) -> None:
    """Print one table for each part."""
    for contest in contests:
        title = f"{contest.title}; medians of {turns.rounds} rounds of {turns.seconds:g} s; {machine_line()}"
        table = Table("server", title=title)
        for column in ("concurrency", "images/s", "p50 ms", "p99 ms", "errors", f"{OURS} is x times as fast"):
            table.add_column(column, justify="right")
        for entry in (entry for entry in entries if entry.part == contest.part):
            figures = entry.figures
            table.add_row(
                entry.name,
                str(entry.concurrency),
                cell(figures.images_per_second),
                cell(figures.p50_ms),
                cell(figures.p99_ms),
                errors_cell(figures.errors),
                cell(rate_ratio(entries, entry), 2),
            )
        print_table(table)


def contest_targets(entries: Sequence[Entry]) -> list[Target]:
    """The speeds to reach; those whose servers or concurrencies were not measured are left out."""
    return [target for entry in entries if entry.name != OURS for target in _targets_against(entry, entries)]


def entries_content(contests: Sequence[Contest], entries: Sequence[Entry], turns: Turns) -> dict[str, object]:
    """Every figure for a JSON file."""
    return {
        "benchmark": "peers",
        "turns": asdict(turns),
        "parts": {contest.part: contest.title for contest in contests},
        "entries": [
            asdict(entry) | {"figures": asdict(entry.figures), "ours_times_as_fast": rate_ratio(entries, entry)}
            for entry in entries
        ],
        "targets": [asdict(target) | {"met": target.met} for target in contest_targets(entries)],
    }


def rate_ratio(entries: Sequence[Entry], entry: Entry) -> float | None:
    """How many times as fast ours was as this one under the same load: the median over the rounds."""
    rates = [image_rate(result) for result in _ours_beside(entries, entry).results]
    return median_ratio(rates, [image_rate(result) for result in entry.results])


def _run_contest(contest: Contest, turns: Turns, progress: Progress) -> list[Entry]:
    entries = [
        Entry(contest.part, contender.name, concurrency)
        for concurrency in turns.concurrencies
        for contender in contest.contenders
    ]
    task = progress.add_task("", total=len(contest.contenders) + turns.rounds * len(entries))
    with ExitStack() as stack:
        folder = stack.enter_context(log_folder())
        rivals: dict[str, Rival] = {}
        for contender in contest.contenders:
            progress.update(task, description=f"{contender.name} starts")
            rivals[contender.name] = stack.enter_context(_started(contender, contest.photograph, folder))
            progress.advance(task)
        for _ in range(turns.rounds):
            for entry in entries:
                progress.update(task, description=f"{entry.name}, {entry.part}, c{entry.concurrency}")
                entry.results.append(rivals[entry.name].load(entry.concurrency, turns.seconds))
                progress.advance(task)
    return entries


@contextmanager
def _started(contender: Contender, photograph: Photograph, folder: Path) -> Generator[Rival]:
    """A server that is ready, has settled, and is paused until its turn."""
    port = free_port()
    log = folder / f"{port}.log"
    process = ServerProcess(contender.name, contender.command(port), contender.environment(port), log)
    asked = photograph if contender.takes_options else Photograph(photograph.name, photograph.data)
    try:
        process.wait_until_ready(port, contender.ready_path)
        rival = Rival(process, Address(LOOPBACK, port, path=contender.path), asked)
        rival.load(BUSY, SETTLE_S)
        yield rival
    finally:
        process.stop()


def _ours_beside(entries: Sequence[Entry], entry: Entry) -> Entry:
    load = (OURS, entry.part, entry.concurrency)
    return next(other for other in entries if (other.name, other.part, other.concurrency) == load)


def _targets_against(entry: Entry, entries: Sequence[Entry]) -> list[Target]:
    against = f"against {entry.name}, {entry.part}, c{entry.concurrency}"
    rate = rate_ratio(entries, entry)
    if entry.name == PLAIN:
        targets = [Target(f"{against}: times as fast", rate, 5.0)] if entry.concurrency == BUSY else []
        latency = _latency_ratio(entries, entry)
        return [
            *targets,
            *([Target(f"{against}: p50 / its p50", latency, 1.0, False)] if entry.concurrency == 1 else []),
        ]
    if entry.part == NETWORKS:
        return [Target(f"{against}: times as fast", rate, 1.0)]
    if entry.name == LITSERVE and entry.concurrency in {BUSY, CROWDED}:
        return [Target(f"{against}: times as fast", rate, 2.0)]
    return []


def _latency_ratio(entries: Sequence[Entry], entry: Entry) -> float | None:
    own = [percentile(result, 50) or 0.0 for result in _ours_beside(entries, entry).results]
    return median_ratio(own, [percentile(result, 50) or 0.0 for result in entry.results])
