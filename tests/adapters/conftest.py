"""A server with the embedded networks, for the other tools to ask."""

import subprocess
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Host and port of the running server."""
    command = [sys.executable, "-m", "service.cli", "serve", "--http-port", "0", "--grpc-port", "0", "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        yield lines[1].split()[1].removeprefix("http://").rstrip("/")
        process.terminate()
