"""`fasterpose serve`: the port first, then the models, then a word where everything is; SIGTERM drains."""

import asyncio
import signal
import socket
import sys
import time
from types import FrameType

import uvicorn
from fastapi import FastAPI

from service.app import create_app
from service.logs import set_up_logs
from service.pipeline import Pipeline
from service.settings import ServiceSettings, SettingsError
from service.state import Service


def serve(settings: ServiceSettings) -> int:
    """Run the server until a signal ends it.

    Returns:
        The exit code: 0 after a signal, 1 if the models could not be loaded.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    start = time.perf_counter()
    listener = open_port(settings.host, settings.http_port)
    set_up_logs(settings.log_format)
    app = create_app(settings)
    server = PoseServer(app, settings, start)
    with listener:
        server.run(sockets=[listener])
    return 1 if server.service.failure else 0


def open_port(host: str, port: int) -> socket.socket:
    """A listening socket, so that a taken port is known before the models are loaded.

    Raises:
        SettingsError: the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(f"cannot listen on {host} port {port}: {reason}; choose another --http-port") from error
    return listener


class PoseServer(uvicorn.Server):
    """Uvicorn that says when the models are loaded, and turns readiness off before it finishes what is in flight."""

    def __init__(self, app: FastAPI, settings: ServiceSettings, start: float) -> None:
        """A server whose load time counts from `start`, a `time.perf_counter()`."""
        self.service: Service = app.state.service
        self._app = app
        self._start = start
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=settings.drain_s,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open for requests, and speak up once the models are loaded."""
        await super().startup(sockets)
        if sockets:
            self._announcer = asyncio.create_task(self._announce(*sockets[0].getsockname()[:2]))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler
        """On SIGTERM or SIGINT; a second SIGINT does not wait.

        Uvicorn's own handler would raise the signal again at the end, and the exit code would not be 0.
        """
        self.service.drain()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def _announce(self, host: str, port: int) -> None:
        await self._app.state.loading
        if self.service.failure:
            sys.stderr.write(f"fasterpose: the models cannot be loaded: {self.service.failure}\n")
            self.should_exit = True
            return
        sys.stdout.write(welcome(self.service.pipeline, host, port, time.perf_counter() - self._start))
        sys.stdout.flush()


def welcome(pipeline: Pipeline, host: str, port: int, seconds: float) -> str:
    """The lines that `serve` prints when it is ready."""
    shown = {"0.0.0.0": "localhost", "::": "localhost", "127.0.0.1": "localhost"}.get(host, host)
    base = f"http://{shown}:{port}"
    networks = " and ".join(
        f"{model.spec.provenance.name} ({model.runtime.name} {model.runtime.precision} on {model.runtime.device})"
        for model in (pipeline.detector.model, pipeline.estimator.model)
    )
    return (
        f"FasterPose is ready after {seconds:.1f} s: {networks}\n"
        f"  page     {base}/\n"
        f"  docs     {base}/docs\n"
        f"  metrics  {base}/metrics\n"
        f"  try it   curl -F image=@photo.jpg {base}/v1/pose\n"
    )
