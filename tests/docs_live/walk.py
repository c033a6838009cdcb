"""Somebody who follows a page: a shell in which its blocks run one after the other, and the server that it starts."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from service.serve import open_port
from service.settings import ENV_PREFIX
from tests.conftest import REPOSITORY
from tests.docs.fences import Block
from tests.docs.sandbox import SCRIPT_START, with_ports
from tests.docs.shell import commands_of
from tests.model.kites import draw_kites

LONGEST_BLOCK_S = 900
LONGEST_START_S = 180
DOCUMENTED = ("8000", "8001", "8080")


class Server:
    """A server that a command started.

    Attributes:
        ports: documented port -> the one that it listens on instead.
    """

    def __init__(self, script: str, folder: Path, environment: dict[str, str], ports: dict[str, int]) -> None:
        documented = "8080" if "8080" in script else "8000"
        self.ports = {name: ports[name] for name in (documented, "8001")}
        self._port = ports[documented]
        chosen = {f"{ENV_PREFIX}GRPC_PORT": str(ports["8001"]), f"{ENV_PREFIX}STREAMS": "1"}
        if documented == "8000":
            chosen[f"{ENV_PREFIX}HTTP_PORT"] = str(ports["8000"])
        self._log = (folder / "server.log").open("ab+")
        self._process = subprocess.Popen(
            ["bash", "-c", SCRIPT_START + with_ports(script, ports)],
            cwd=folder,
            env=environment | chosen,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        """Until `GET /readyz` says so."""
        end = time.monotonic() + LONGEST_START_S
        while not self._is_ready():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.2)

    def stop(self) -> None:
        """As Ctrl-C and a closing of the terminal do: the shell and all that it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise
        finally:
            self._log.close()

    def log(self) -> str:
        """What it has said."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-4000:]

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/readyz", trust_env=False).is_success
        except httpx.TransportError:
            return False


class Walk:
    """One page followed from its first block to its last."""

    def __init__(self, folder: Path, common: Server) -> None:
        """A walk.

        Args:
            folder: the sandbox.
            common: the server that the page talks to before it has started one.
        """
        self._folder = folder
        self._common = common
        self._own: Server | None = None
        self._exports: list[str] = []
        _draw_data(folder)

    def follow(self, block: Block) -> None:
        """Run a block; a server that it starts goes on until the next one, or until the page ends."""
        if block.language == "python":
            self._run([sys.executable, "-c", self._placed(block.text)], block)
        elif starts_server(block):
            self._start(block)
        else:
            self._run(["bash", "-c", "\n".join([SCRIPT_START, *self._exports, self._placed(block.text)])], block)
        self._exports += re.findall(r"^export .*$", block.text, re.MULTILINE)

    def end(self) -> None:
        """Stop the page's server."""
        if self._own is not None:
            self._own.stop()

    def _start(self, block: Block) -> None:
        self.end()
        script = "\n".join([*self._exports, block.text])
        self._own = Server(script, self._folder, environment_of(self._folder, block.with_torch), free_ports())
        self._own.wait_until_ready()

    def _placed(self, text: str) -> str:
        """Asked are the page's own server where it listens, and else the common one."""
        own = self._own.ports if self._own and "8000" in self._own.ports else {}
        return with_ports(text, self._common.ports | own)

    def _run(self, words: list[str], block: Block) -> None:
        process = subprocess.Popen(
            words,
            cwd=self._folder,
            env=environment_of(self._folder, block.with_torch),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=LONGEST_BLOCK_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the shell and all that it started
            raise
        assert process.returncode == 0, f"{block.name}\n{said[-4000:]}"


def starts_server(block: Block) -> bool:
    """Whether the last command of a block serves until it is ended."""
    commands = commands_of(block.text)
    return bool(commands) and "serve" in commands[-1].words[:2]


def environment_of(folder: Path, with_torch: bool) -> dict[str, str]:
    """The variables of a shell with an activated environment, and none of the developer's settings."""
    path = f"{folder}/{'.venv-train' if with_torch else '.venv'}/bin:{os.environ['PATH']}"
    own = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    return own | {"PATH": path, "PYTHONPATH": str(REPOSITORY)}


def free_ports() -> dict[str, int]:
    """Documented port -> one that is free now."""
    listeners = [open_port("127.0.0.1", 0, "") for _ in DOCUMENTED]
    ports = {name: listener.getsockname()[1] for name, listener in zip(DOCUMENTED, listeners, strict=True)}
    for listener in listeners:
        listener.close()
    return ports


@contextmanager
def common_server(folder: Path) -> Generator[Server]:
    """The server of those pages that start none."""
    server = Server("exec fasterpose serve", folder, environment_of(folder, False), free_ports())
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def _draw_data(folder: Path) -> None:
    """The kites of docs/train-your-own.md, and the same by the names of docs/data.md."""
    draw_kites(folder / "kites")
    shutil.copy(folder / "kites/train.json", folder)
    shutil.copytree(folder / "kites/images", folder / "train")
