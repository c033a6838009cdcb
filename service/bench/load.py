"""The load generator, a process of its own: a job on standard input, what it measured on standard output.

The loop is closed: each of `concurrency` askers sends its next request when its last was answered. Measuring begins
when everybody was answered once, and nothing is hung up at the end: every request is answered before the process goes,
so that one load leaves no work behind for the next.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from service.bench.http_client import RefusedError, open_http_askers
from service.bench.job import LoadJob, LoadResult

WARM_UP_S = 0.3
TIMEOUT_S = 60.0
"""For one answer, and for a measurement that waits for everybody's answer."""
PAUSE_S = 0.05
"""After an error: a server that refuses at once is not flooded."""


class Asker(Protocol):
    """Asks a server the same again and again."""

    async def ask(self) -> int:
        """One request and its answer: how many people are in it. Raises if it is not a good one."""
        ...


@dataclass(frozen=True)
class Answer:
    """One answer, good or not.

    Attributes:
        ended: when, seconds of `time.perf_counter`.
        seconds: how long it took.
        people: people in it.
        error: its name, None for a good one.
    """

    ended: float
    seconds: float
    people: int
    error: str | None


async def run_load(job: LoadJob) -> LoadResult:
    """Load a server as the job says."""
    answers: list[Answer] = []
    stop = asyncio.Event()
    cpu_before = time.process_time()
    async with open_askers(job) as askers:
        tasks = [asyncio.create_task(_keep_asking(asker, answers, stop)) for asker in askers]
        opened = await _everybody_answered(answers, job.concurrency, WARM_UP_S)
        closed = await _everybody_answered(answers, job.concurrency, job.seconds)
        stop.set()
        await asyncio.gather(*tasks)
    cpu_seconds = time.process_time() - cpu_before
    return replace(summarize(answers, opened, closed), answers=len(answers), client_cpu_seconds=cpu_seconds)


def open_askers(job: LoadJob) -> AbstractAsyncContextManager[Sequence[Asker]]:
    """One asker for each request that is under way; their connections are closed at the end."""
    if job.wire == "http":
        return open_http_askers(job)
    from service.bench.grpc_client import open_grpc_askers  # noqa: PLC0415 - gRPC takes long to import

    return open_grpc_askers(job)


def summarize(answers: Sequence[Answer], opened: float, closed: float) -> LoadResult:
    """Count what was answered between two times.

    Batches are answered in bursts. So the clock starts with the last answer before `opened` and ends with the last one
    before `closed`: whole bursts in the time between their ends.
    """
    start = max((answer.ended for answer in answers if answer.ended <= opened), default=opened)
    counted = [answer for answer in answers if start < answer.ended <= closed]
    good = [answer for answer in counted if answer.error is None]
    return LoadResult(
        seconds=max((answer.ended for answer in counted), default=closed) - start,
        images=len(good),
        people=sum(answer.people for answer in good),
        latencies_ms=[1000 * answer.seconds for answer in good],
        errors=dict(Counter(answer.error for answer in counted if answer.error is not None)),
    )


async def _keep_asking(asker: Asker, answers: list[Answer], stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = time.perf_counter()
        people, error = 0, None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                people = await asker.ask()
        except (OSError, TimeoutError, RefusedError) as failure:
            error = str(failure) if isinstance(failure, RefusedError) else type(failure).__name__
        ended = time.perf_counter()
        answers.append(Answer(ended, ended - began, people, error))
        if error is not None:
            await asyncio.sleep(PAUSE_S)


async def _everybody_answered(answers: list[Answer], count: int, seconds: float) -> float:
    """Wait for some time, and then until there are `count` more answers than at its beginning; returns when."""
    needed = len(answers) + count
    await asyncio.sleep(seconds)
    latest = time.perf_counter() + TIMEOUT_S
    while len(answers) < needed and time.perf_counter() < latest:
        await asyncio.sleep(0.01)
    return time.perf_counter()


def main() -> None:
    """Do one job."""
    import uvloop  # noqa: PLC0415 - not on every system, and tests run the loop of their own

    result = uvloop.run(run_load(LoadJob.from_json(sys.stdin.buffer.read())))
    sys.stdout.buffer.write(result.to_json())


if __name__ == "__main__":
    main()
