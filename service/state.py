"""What an application holds: settings, metrics, the pipeline once it is loaded, and whether requests are let in."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager

from service.errors import OverloadedError, UnavailableError
from service.metrics import Metrics
from service.pipeline import Pipeline
from service.settings import ServiceSettings


class Service:
    """The state of one application.

    Attributes:
        settings: as given.
        metrics: of this application alone.
        status: `loading`, `ready`, `draining` or `failed`.
        failure: why loading failed.
    """

    def __init__(self, settings: ServiceSettings, load: Callable[[], Pipeline]) -> None:
        """A service that gets its pipeline by calling `load` in a thread."""
        self.settings = settings
        self.metrics = Metrics()
        self.status = "loading"
        self.failure: Exception | None = None
        self._load = load
        self._pipeline: Pipeline | None = None
        self._in_flight = 0

    async def load(self) -> None:
        """Load the pipeline; a failure is kept in `failure`."""
        try:
            pipeline = await asyncio.to_thread(self._load)
        except Exception as error:
            self.failure, self.status = error, "failed"
            return
        self._pipeline, self.status = pipeline, "ready"
        self.metrics.show_model(pipeline.detector.model)
        self.metrics.show_model(pipeline.estimator.model)

    @property
    def pipeline(self) -> Pipeline:
        """The loaded pipeline.

        Raises:
            UnavailableError: there is none yet.
        """
        if self.status == "failed":
            raise UnavailableError("The models could not be loaded. The log of the server says why.")
        if self._pipeline is None:
            raise UnavailableError("The models are loading. GET /readyz says when they are ready.")
        return self._pipeline

    def drain(self) -> None:
        """Let no more requests in; those in flight go on."""
        self.status = "draining"

    @contextmanager
    def admitted(self) -> Generator[Pipeline]:
        """Let one request in.

        Raises:
            UnavailableError: loading or draining.
            OverloadedError: too many are in flight.
        """
        if self.status == "draining":
            raise UnavailableError("The server is shutting down. Ask another one, or this one once it is back.")
        pipeline = self.pipeline
        if self._in_flight >= self.settings.max_in_flight:
            raise OverloadedError(f"{self._in_flight} requests are in flight, the most this server takes. Try again.")
        self._in_flight += 1
        try:
            yield pipeline
        finally:
            self._in_flight -= 1

    def close(self) -> None:
        """End the pipeline's threads."""
        if self._pipeline is not None:
            self._pipeline.close()
