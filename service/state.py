"""What an application holds: settings, metrics, the pipeline once it is loaded, and whether requests are let in."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal

from service.access.callers import Caller
from service.access.keyring import Keyring
from service.errors import OverloadedError, UnavailableError
from service.metrics import Metrics
from service.pipeline import Part, Pipeline
from service.settings import ServiceSettings

Status = Literal["loading", "ready", "restarting", "draining", "failed"]


class Service:
    """The state of one application.

    Attributes:
        settings: as given.
        metrics: of this application alone.
        failure: why loading failed.
        keyring: the API keys; None: everybody is let in.
        admin_port: the port of metrics and admin routes, once it is open; None: they are where all is.
    """

    def __init__(self, settings: ServiceSettings, load: Callable[[], Pipeline]) -> None:
        """A service that gets its pipeline by calling `load` in a thread.

        Raises:
            SettingsError: the file of API keys cannot be used.
        """
        self.settings = settings
        self.metrics = Metrics()
        self.failure: Exception | None = None
        self.keyring = Keyring(settings.keys_file) if settings.keys_file else None
        self.admin_port = settings.admin_port
        self._load = load
        self._pipeline: Pipeline | None = None
        self._retiring = False
        self._draining = False
        self._in_flight = 0
        self._admitted = 0
        self._bytes_in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.metrics.watch_state(settings, lambda: self.status == "ready")

    async def load(self) -> None:
        """Load the pipeline; a failure is kept in `failure`."""
        try:
            self._pipeline = await asyncio.to_thread(self._load)
        except Exception as error:
            self.failure = error
            return
        self.metrics.watch(self._pipeline)

    @property
    def status(self) -> Status:
        """`ready` if requests are let in and can be computed; `restarting` while a model's threads are all dead."""
        if self._retiring or self._draining:
            return "draining"
        if self.failure:
            return "failed"
        if self._pipeline is None:
            return "loading"
        return "ready" if self._pipeline.alive else "restarting"

    @property
    def pipeline(self) -> Pipeline:
        """The loaded pipeline.

        Raises:
            UnavailableError: there is none yet.
        """
        if self.failure:
            raise UnavailableError("The models could not be loaded. The log of the server says why.")
        if self._pipeline is None:
            raise UnavailableError("The models are loading. GET /readyz says when they are ready.")
        return self._pipeline

    @property
    def lost(self) -> bool:
        """Whether only a new process helps: a device computes nothing any more."""
        return self._pipeline is not None and self._pipeline.lost

    @property
    def in_flight(self) -> int:
        """Requests that are being answered."""
        return self._in_flight

    @property
    def num_admitted(self) -> int:
        """Requests that were ever let in."""
        return self._admitted

    def retire(self) -> None:
        """Turn readiness off; requests are still let in, for those who have not noticed yet."""
        self._retiring = True

    def drain(self) -> None:
        """Let no more requests in; those in flight go on."""
        self._draining = True

    async def drained(self) -> None:
        """Wait until no request is in flight."""
        await self._idle.wait()

    def open_pipeline(self) -> Pipeline:
        """The loaded pipeline of a server that goes on.

        Raises:
            UnavailableError: loading or draining.
        """
        if self._draining:
            raise UnavailableError("The server is shutting down. Ask another one, or this one once it is back.")
        return self.pipeline

    def replace(self, part: Part) -> Part:
        """Let requests in to another network from now on; returns the one that had its place.

        Raises:
            UnavailableError: loading or draining.
        """
        before = self.open_pipeline()
        self._pipeline = before.with_part(part)
        replaced = before.detector if self._pipeline.estimator is before.estimator else before.estimator
        self.metrics.replace(replaced, part)
        return replaced

    def count_caller(self, caller: Caller, status: str) -> None:
        """Count a request for the key that it came with, if it did."""
        if caller.name:
            self.metrics.count_key(caller.name, status)

    @contextmanager
    def admitted(self) -> Generator[Pipeline]:
        """Let one request in.

        Raises:
            UnavailableError: loading, draining, or a model is being restarted.
            OverloadedError: too many are in flight, or those ahead take too long.
        """
        pipeline = self.open_pipeline()
        if not pipeline.alive:
            raise UnavailableError("A model stopped and is being restarted. GET /readyz says when it is back.")
        if self._in_flight >= self.settings.max_in_flight:
            raise self._overloaded(f"{self._in_flight} requests are in flight, the most this server takes. Try again.")
        pipeline.backlog.check()  # once more when the body is there; who is refused here need not have sent it
        self._in_flight += 1
        self._admitted += 1
        pipeline.users.enter()
        self._idle.clear()
        try:
            yield pipeline
        finally:
            self._in_flight -= 1
            pipeline.users.leave()
            if not self._in_flight:
                self._idle.set()

    def receive_bytes(self, num_bytes: int) -> None:
        """Count bytes of a body that came in; `release_bytes` gives them back.

        Raises:
            OverloadedError: too many are in flight; these are not counted.
        """
        if self._bytes_in_flight + num_bytes > self.settings.max_in_flight_bytes:
            raise self._overloaded(f"{self._bytes_in_flight} bytes of requests are in flight. Try again.")
        self._bytes_in_flight += num_bytes

    def release_bytes(self, num_bytes: int) -> None:
        """Forget bytes of a body whose request is answered."""
        self._bytes_in_flight -= num_bytes

    def close(self) -> None:
        """End the pipeline's threads."""
        if self._pipeline is not None:
            self._pipeline.close()

    def _overloaded(self, detail: str) -> OverloadedError:
        return OverloadedError(detail, self._pipeline.backlog.retry_s if self._pipeline else 1.0)
