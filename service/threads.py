"""Threads with a queue, one for each network and some for the work on pixels, and the time that stages take on them."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
        seconds: stage -> seconds; waiting for a thread counts as `queue`.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    async def run(self, stage: str, threads: Threads, job: Callable[[], Result]) -> Result:
        """Run a job of a stage on some threads."""
        start = time.perf_counter()
        result, waited = await threads.run(job)
        self.seconds["queue"] += waited
        self.seconds[stage] += time.perf_counter() - start - waited
        return result
