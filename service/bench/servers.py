"""Servers as processes of their own, on free ports of loopback, and the load generator beside them."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from service.bench.job import LoadJob, LoadResult
from service.bench.processes import cpu_seconds, family
from service.errors import UnavailableError
from service.settings import ENV_PREFIX, ServiceSettings

LOOPBACK = "127.0.0.1"
START_S = 180.0
STOP_S = 30.0
NOT_PASSED_ON = {"host", "http_port", "grpc_port", "admin_port", "keys_file", "tls_cert", "tls_key", "tls_client_ca"}
"""Settings that the benchmark decides: plain text on free ports of loopback, without keys."""
CODE = Path(__file__).resolve().parents[2]
"""The folder that holds the package `service`: other interpreters find it there."""


def measure_load(job: LoadJob) -> LoadResult:
    """Run one load in a process of its own.

    Raises:
        UnavailableError: the load generator failed; the message holds its last line.
    """
    command = [sys.executable, "-m", "service.bench.load"]
    done = subprocess.run(command, input=job.to_json(), capture_output=True, env=child_environment({}), check=False)
    if done.returncode != 0:
        raise UnavailableError(f"the load generator failed: {_last_line(done.stderr)}")
    return LoadResult.from_json(done.stdout)


def settings_environment(settings: ServiceSettings) -> dict[str, str]:
    """The settings that were chosen, as variables for a server that is another process."""
    chosen = settings.model_dump(include=settings.model_fields_set, exclude=NOT_PASSED_ON)
    return {f"{ENV_PREFIX}{name.upper()}": str(value) for name, value in chosen.items() if value is not None}


def child_environment(added: Mapping[str, str]) -> dict[str, str]:
    """This process's variables, less the service's settings, with `service` on the path and some more."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(ENV_PREFIX)}
    path = os.pathsep.join(part for part in (str(CODE), os.environ.get("PYTHONPATH")) if part)
    return {**inherited, "PYTHONPATH": path, **added}


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """A running server. While others are measured it is paused, so that its polling costs them nothing."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start a server; what it prints goes into the file `log`."""
        self._name = name
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=child_environment(environment),
                start_new_session=True,  # a group of its own, so that what is left of it can be ended
            )

    def wait_until_ready(self, port: int, path: str) -> None:
        """Wait until the server says that it is ready.

        Raises:
            UnavailableError: it ended, or is not ready in time; the message holds its last line.
        """
        latest = time.monotonic() + START_S
        while not answers_ok(LOOPBACK, port, path):
            if self._process.poll() is not None or time.monotonic() > latest:
                raise UnavailableError(f"{self._name} did not start: {_last_line(self._log.read_bytes())}")
            time.sleep(0.1)

    @contextmanager
    def awake(self) -> Generator[None]:
        """Let the server run meanwhile, and pause it afterwards."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._signal(signal.SIGSTOP)

    def cpu_seconds(self) -> float | None:
        """CPU time that the server and its workers have taken so far; None where it is not known."""
        return cpu_seconds(family(self._process.pid))

    def stop(self) -> None:
        """End the server and all its workers."""
        self._signal(signal.SIGCONT)
        members = family(self._process.pid)
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _send(signal.SIGKILL, members)  # whatever is left of it
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # and where families are not known, of its group
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        _send(number, family(self._process.pid))


def _send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended
            os.kill(pid, number)


@contextmanager
def log_folder() -> Generator[Path]:
    """A folder for what servers print; it goes with them."""
    with tempfile.TemporaryDirectory(prefix="fasterpose-benchmark-") as folder:
        yield Path(folder)


def answers_ok(host: str, port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _last_line(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it printed nothing"
