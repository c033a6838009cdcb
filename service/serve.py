"""`fasterpose serve`: the ports first, then the models, then a word where everything is; SIGTERM drains."""

import asyncio
import logging
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NamedTuple

import uvicorn
from fastapi import FastAPI

from service.app import create_app
from service.http_limits import limited_protocol
from service.logs import set_up_logs
from service.memory import IdleTrim, malloc_trim
from service.pipeline import Pipeline
from service.rpc import POSE_SERVICE
from service.rpc_server import RpcServer, start_rpc
from service.settings import ServiceSettings, SettingsError
from service.state import Service
from service.tls import Tls, load_tls

LOST = 75
"""Exit code when only a new process can compute again; `EX_TEMPFAIL` of sysexits.h."""

logger = logging.getLogger("fasterpose")


def serve(settings: ServiceSettings) -> int:
    """Run the server until a signal ends it.

    Returns:
        The exit code: 0 after a signal, 1 if the models could not be loaded, 75 if a device was lost.

    Raises:
        SettingsError: an address cannot be listened on, or the TLS files cannot be used.
    """
    start = time.perf_counter()
    tls = load_tls(settings)
    with open_port(settings.host, settings.http_port, "--http-port") as listener:
        if settings.grpc_port:  # grpc takes no open socket, and does not say why it cannot open one
            open_port(settings.host, settings.grpc_port, "--grpc-port").close()
        set_up_logs(settings.log_format)
        server = PoseServer(create_app(settings), settings, start, tls)
        with open_admin_port(settings, server.service) as for_admins:
            server.run(sockets=[listener, *for_admins])
    return server.exit_code


def open_port(host: str, port: int, flag: str) -> socket.socket:
    """A listening socket, so that a taken port is known before the models are loaded.

    Args:
        host: the address.
        port: 0 takes a free one.
        flag: what chooses another port.

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
        raise SettingsError(f"cannot listen on {host} port {port}: {reason}; choose another {flag}") from error
    return listener


@contextmanager
def open_admin_port(settings: ServiceSettings, service: Service) -> Generator[list[socket.socket]]:
    """The listening socket for operators, if the settings ask for one.

    Raises:
        SettingsError: the port is taken, is the public one, or the address is not this machine's.
    """
    if settings.admin_port is None:
        yield []
        return
    if settings.admin_port and settings.admin_port == settings.http_port:
        raise SettingsError(f"--admin-port and --http-port are both {settings.admin_port}; choose another --admin-port")
    with open_port(settings.admin_host, settings.admin_port, "--admin-port") as listener:
        service.admin_port = listener.getsockname()[1]
        yield [listener]


class PoseServer(uvicorn.Server):
    """Uvicorn that says when the models are loaded, and turns readiness off before it finishes what is in flight.

    Attributes:
        service: what it serves.
        rpc: the gRPC server beside it, once it is started.
        lost: it ended because a device was lost to this process.
    """

    def __init__(self, app: FastAPI, settings: ServiceSettings, start: float, tls: Tls | None = None) -> None:
        """A server whose load time counts from `start`, a `time.perf_counter()`."""
        self.service: Service = app.state.service
        self._app = app
        self._start = start
        self._tls = tls
        self._drain_s = settings.drain_s
        self._when_lost = settings.when_lost
        self.lost = False
        self._drain_delay_s = settings.drain_delay_s
        self.rpc: RpcServer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hurry = asyncio.Event()
        self._idle_trim = IdleTrim(malloc_trim())
        super().__init__(_config(app, settings, tls))

    @property
    def exit_code(self) -> int:
        """0 after a signal, 1 if the models could not be loaded, 75 if a device was lost."""
        if self.lost:
            return LOST
        return 1 if self.service.failure else 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open for requests, and speak up once the models are loaded."""
        self._loop = asyncio.get_running_loop()
        self._listen_for_reload()
        self.rpc = await start_rpc(self.service, self._tls)
        await super().startup(sockets)
        if sockets:
            host, http_port = sockets[0].getsockname()[:2]
            self._announcer = asyncio.create_task(self._announce(host, http_port, self.rpc.port))

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; whether to end."""
        if self._when_lost == "exit" and self.service.lost:
            logger.critical("a device is lost to this process, which ends with exit code %d to be started anew", LOST)
            self.lost = True
            self.service.drain()
            return True
        self._idle_trim.look(self.service.in_flight, self.service.num_admitted)
        return await super().on_tick(counter)

    def _listen_for_reload(self) -> None:
        """On SIGHUP: read the API keys and the configured bundles again.

        Only a main thread gets signals. In a terminal the signal says that it was closed, and ends the server.
        """
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and hasattr(signal, "SIGHUP") and not sys.stderr.isatty():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)

    def reload(self) -> None:
        """Read again what was configured, and go on serving meanwhile."""
        if self.service.keyring is not None:
            self.service.keyring.reload()
        self._reloading = asyncio.create_task(self._app.state.swap.reload_configured())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is in flight, then close; what comes meanwhile is refused with 503, once the delay is over."""
        await self._let_balancers_notice()
        end = time.monotonic() + self._drain_s
        if self.rpc is not None:
            await self._finish(self.rpc)
        self.config.timeout_graceful_shutdown = max(0, round(end - time.monotonic()))
        await super().shutdown(sockets)

    async def _let_balancers_notice(self) -> None:
        """Let requests in for the time of the delay, or until a second interrupt, and then no more."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), self._drain_delay_s)
        self.service.drain()

    async def _finish(self, rpc: RpcServer) -> None:
        """Wait for both transports, at most the time to drain, or until a second interrupt."""
        drained = asyncio.create_task(asyncio.wait_for(self.service.drained(), self._drain_s))
        stopped = asyncio.create_task(rpc.stop(self._drain_s))
        finished = asyncio.gather(drained, stopped, return_exceptions=True)  # a grace that is over is no error
        hurried = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({finished, hurried}, return_when=asyncio.FIRST_COMPLETED)
        if hurried.done():
            drained.cancel()
            await rpc.stop(0)
        hurried.cancel()
        await finished

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler
        """On SIGTERM or SIGINT; a second SIGINT does not wait.

        Uvicorn's own handler would raise the signal again at the end, and the exit code would not be 0.
        """
        self.service.retire()
        if not self._drain_delay_s:
            self.service.drain()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        if self.force_exit and self._loop is not None:
            self._loop.call_soon_threadsafe(self._hurry.set)

    async def _announce(self, host: str, http_port: int, grpc_port: int) -> None:
        await self._app.state.loading
        if self.service.failure:
            sys.stderr.write(f"fasterpose: the models cannot be loaded: {self.service.failure}\n")
            self.should_exit = True
            return
        seconds = time.perf_counter() - self._start
        ports = Ports(http_port, grpc_port, self.service.admin_port)
        sys.stdout.write(welcome(self.service.pipeline, host, ports, seconds, with_tls=self._tls is not None))
        sys.stdout.flush()


def _config(app: FastAPI, settings: ServiceSettings, tls: Tls | None) -> uvicorn.Config:
    service: Service = app.state.service
    return uvicorn.Config(
        app,
        http=limited_protocol(settings, service.metrics.count_rejected),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_s,
        ws="websockets-sansio",
        ws_max_size=settings.max_body_bytes,
        ws_per_message_deflate=False,  # photographs are compressed already
        timeout_graceful_shutdown=settings.drain_s,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=str(tls.client_ca) if tls and tls.client_ca else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.client_ca else ssl.CERT_NONE,
    )


class Ports(NamedTuple):
    """Where a server listens; `admin` is None where operators have no port of their own."""

    http: int
    grpc: int
    admin: int | None = None


def welcome(pipeline: Pipeline, host: str, ports: Ports, seconds: float, *, with_tls: bool = False) -> str:
    """The lines that `serve` prints when it is ready."""
    shown = "localhost" if host in {"0.0.0.0", "::", "127.0.0.1"} else host  # noqa: S104 - nothing is bound here
    shown = f"[{shown}]" if ":" in shown else shown
    scheme = "https" if with_tls else "http"
    base = f"{scheme}://{shown}:{ports.http}"
    metrics = base if ports.admin is None else f"{scheme}://localhost:{ports.admin}"
    networks = " and ".join(
        f"{model.spec.provenance.name} ({model.runtime.name} {model.runtime.precision} on {model.runtime.device})"
        for model in (pipeline.detector.model, pipeline.estimator.model)
    )
    return (
        f"FasterPose is ready after {seconds:.1f} s: {networks}\n"
        f"  page     {base}/\n"
        f"  docs     {base}/docs\n"
        f"  metrics  {metrics}/metrics\n"
        f"  try it   curl -F image=@photo.jpg {base}/v1/pose\n"
        f"  gRPC     grpcurl {'' if with_tls else '-plaintext '}{shown}:{ports.grpc} {POSE_SERVICE}/ListModels\n"
    )
