"""`fasterpose benchmark peers`: other servers with the same networks and the same form, and ours, turn by turn."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rich.progress import Progress
from rich.table import Table

from service.bench.contenders import LITSERVE, NETWORKS, OURS, PLAIN, Contender, Contest, Part
from service.bench.figures import Figures, image_rate, median_ratio, percentile, server_cpu_ms, summarize_rounds
from service.bench.job import LoadResult
from service.bench.report import Target, cell, errors_cell, machine_line, print_table, progress_bar
from service.bench.requests import Address, Photograph, load_job
from service.bench.servers import LOOPBACK, ServerProcess, free_port, log_folder, measure_load

BUSY, CROWDED = 8, 32
CPU_COLUMNS = ("server's CPU ms an answer", "load generator's", "x the CPU time of fasterpose")
SETTLE_S = 1.0
"""A first load of every server that is not counted: BentoML learns from it how long to wait for a batch."""


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
            before = self.process.cpu_seconds()
            result = measure_load(load_job(self.address, "multipart", self.photograph, concurrency, seconds))
            after = self.process.cpu_seconds()
        taken = None if before is None or after is None else after - before
        return replace(result, server_cpu_seconds=taken)


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
        for column in (
            "concurrency",
            "images/s",
            "p50 ms",
            "p99 ms",
            "errors",
            f"{OURS} is x times as fast",
            *CPU_COLUMNS,
        ):
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
                cell(figures.server_cpu_ms, 2),
                cell(figures.client_cpu_ms, 2),
                cell(cpu_ratio(entries, entry), 2),
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
            asdict(entry)
            | {
                "figures": asdict(entry.figures),
                "ours_times_as_fast": rate_ratio(entries, entry),
                "ours_times_as_thrifty": cpu_ratio(entries, entry),
            }
            for entry in entries
        ],
        "targets": [asdict(target) | {"met": target.met} for target in contest_targets(entries)],
    }


def rate_ratio(entries: Sequence[Entry], entry: Entry) -> float | None:
    """How many times as fast ours was as this one under the same load: the median over the rounds."""
    rates = [image_rate(result) for result in _ours_beside(entries, entry).results]
    return median_ratio(rates, [image_rate(result) for result in entry.results])


def cpu_ratio(entries: Sequence[Entry], entry: Entry) -> float | None:
    """How many times as much CPU time this one took for an answer as ours: the median over the rounds."""
    ours = [server_cpu_ms(result) or 0.0 for result in _ours_beside(entries, entry).results]
    return median_ratio([server_cpu_ms(result) or 0.0 for result in entry.results], ours)


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
    process = contender.start(port, folder / f"{port}.log")
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
