"""Threads for the work on pixels, and the time that an image takes in each stage."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from model.contract.arrays import FloatArray
from service.batching.batcher import Computed
from service.jobs import STAGES

Result = TypeVar("Result")


class Threads:
    """Runs jobs in the order they came. A job whose waiter was cancelled before it began is dropped."""

    def __init__(self, name: str, count: int) -> None:
        """`count` threads called `name`."""
        self._executor = ThreadPoolExecutor(max_workers=count, thread_name_prefix=name)

    async def run(self, job: Callable[[], Result]) -> tuple[Result, float]:
        """Wait for a job's turn and its result.

        Returns:
            The result, and the seconds the job waited for its turn.
        """
        submitted = time.perf_counter()

        def timed() -> tuple[Result, float]:
            waited = time.perf_counter() - submitted
            return job(), waited

        return await asyncio.get_running_loop().run_in_executor(self._executor, timed)

    def close(self) -> None:
        """Let the running jobs end, drop the rest."""
        self._executor.shutdown(wait=True, cancel_futures=True)


class StageClock:
    """Adds up what each stage of one image took.

    Attributes:
        seconds: stage -> seconds; waiting for room, for a thread or for a model counts as `queue`.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def time(self, stage: str) -> Generator[None]:
        """Count what runs inside."""
        began = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - began

    async def run(self, threads: Threads, job: Callable[[], Result]) -> Result:
        """Run a job, which times its own stages, on some threads."""
        result, waited = await threads.run(job)
        self.seconds["queue"] += waited
        return result

    async def infer(self, stage: str, model: Awaitable[Computed]) -> FloatArray:
        """Wait for what a model computes, (N, ...) float32."""
        began = time.perf_counter()
        values, waited = await model
        self.seconds["queue"] += waited
        self.seconds[stage] += time.perf_counter() - began - waited
        return values
