"""Threads for the work on pixels, and the time that an image takes in each stage."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from model.contract.arrays import FloatArray
from service.batching.batcher import Computed
from service.jobs import STAGES

Result = TypeVar("Result")


class Errand(Generic[Result]):
    """A job that waits for a thread, and the future of who waits for the job.

    A `concurrent.futures` executor does the same at three times the cost, which a small photograph would feel.
    """

    def __init__(self, job: Callable[[], Result]) -> None:
        """A job of the running event loop."""
        self._job = job
        self._loop = asyncio.get_running_loop()
        self._submitted = time.perf_counter()
        self.future: asyncio.Future[tuple[Result, float]] = self._loop.create_future()

    def run(self) -> None:
        """Do the job, unless nobody waits for it any more."""
        if self.future.done():
            return
        waited = time.perf_counter() - self._submitted
        try:
            result = self._job()
        except BaseException as error:  # whatever it was, it belongs to who waits
            self._on_loop(self._fail, error)
        else:
            self._on_loop(self._succeed, (result, waited))

    def drop(self) -> None:
        """Tell who waits that the job is not done."""
        self._on_loop(self.future.cancel)

    def _succeed(self, outcome: tuple[Result, float]) -> None:
        if not self.future.done():
            self.future.set_result(outcome)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def _on_loop(self, call: Callable[..., object], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)


class Threads:
    """Runs jobs in the order they came. A job whose waiter was cancelled before it began is dropped."""

    def __init__(self, name: str, count: int) -> None:
        """`count` threads called `name`."""
        self._waiting: SimpleQueue[Errand[Any] | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, name=f"{name}-{i}", daemon=True) for i in range(count)]
        for thread in self._threads:
            thread.start()

    async def run(self, job: Callable[[], Result]) -> tuple[Result, float]:
        """Wait for a job's turn and its result.

        Returns:
            The result, and the seconds the job waited for its turn.
        """
        errand = Errand(job)
        self._waiting.put(errand)
        return await errand.future

    def close(self) -> None:
        """Let the running jobs end, drop the rest."""
        while (errand := self._next()) is not None:
            errand.drop()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _next(self) -> Errand[Any] | None:
        try:
            return self._waiting.get_nowait()
        except Empty:
            return None

    def _work(self) -> None:
        while (errand := self._waiting.get()) is not None:
            errand.run()


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
