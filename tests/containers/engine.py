"""The container engine of this machine, docker or podman, and the images and stack of the project in it."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.conftest import REPOSITORY

IMAGE = "fasterpose:cpu"
PROJECT = "fasterpose-test"
BUILD_OPTIONS = "CONTAINER_BUILD_OPTIONS"
"""Environment variable: more options of `build`, such as the network and certificates of a closed machine."""

START_S = 600
SETTINGS = {
    "FASTERPOSE_DETECTOR_BATCH": "1",
    "FASTERPOSE_POSE_BATCH": "4",
    "FASTERPOSE_THREADS": "1",
    "FASTERPOSE_TIMEOUT_MS": "300000",
}
"""Batches are not measured, which three servers at once want many cores for; nor is a slow machine a failure."""

PORTS: tuple[str, ...] = (
    "POSE_HTTP_PORT",
    "POSE_GRPC_PORT",
    "POSE_BALANCER_HTTP_PORT",
    "POSE_BALANCER_GRPC_PORT",
    "POSE_PROMETHEUS_PORT",
)


@dataclass(frozen=True)
class Engine:
    """A container engine.

    Attributes:
        name: `docker` or `podman`.
        compose: the command that reads docker-compose.yml.
    """

    name: str
    compose: tuple[str, ...]

    def run(self, *arguments: str) -> str:
        """Run one of its commands and return what it prints; an error ends the test with what it said."""
        return _run((self.name, *arguments))

    def inspect(self, thing: str) -> Mapping[str, Any]:
        """What it knows about an image or a container."""
        return json.loads(self.run("inspect", thing))[0]

    def log(self, container: str) -> str:
        """All that a container has written."""
        command = [self.name, "logs", container]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout

    def build(self) -> None:
        """Build the image of the CPU server; layers that are there are taken."""
        options = shlex.split(os.environ.get(BUILD_OPTIONS, ""))
        if self.name == "podman":
            options += ["--format", "docker"]  # OCI's format has no health check
        self.run("build", *options, "--target", "cpu", "--tag", IMAGE, "--file", "docker/Dockerfile", ".")


def find_engine() -> Engine | None:
    """Docker if its engine runs, else podman with podman-compose, else None."""
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return Engine("docker", ("docker", "compose"))
    if shutil.which("podman") and shutil.which("podman-compose"):
        return Engine("podman", ("podman-compose",))
    return None


class Stack:
    """Services of docker-compose.yml on free ports of the loopback, beside a stack that may run already.

    Attributes:
        ports: by the name of their variable in docker-compose.yml.
    """

    def __init__(self, engine: Engine) -> None:
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._engine = engine
        self._environment = os.environ | SETTINGS | {name: str(port) for name, port in self.ports.items()}

    def up(self, *services: str) -> None:
        """Start services and what they depend on."""
        self._compose("up", "--detach", "--no-build", *services)

    def down(self) -> None:
        """End all of it, its volumes too."""
        self._compose("down", "--volumes", "--timeout", "1")

    def containers(self, service: str) -> list[str]:
        """The names of a service's running containers, sorted."""
        labels = {"project": PROJECT, "service": service}
        filters = [f"--filter=label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        return sorted(self._engine.run("ps", "--format", "{{.Names}}", *filters).split())

    def wait_until_ready(self, variable: str) -> None:
        """Wait until `GET /readyz` on a port says so."""
        wait_for(f"http://127.0.0.1:{self.ports[variable]}/readyz")

    def _compose(self, *arguments: str) -> None:
        profiles = ("--profile", "scale", "--profile", "observe")
        _run((*self._engine.compose, "--project-name", PROJECT, *profiles, *arguments), self._environment)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(url: str) -> None:
    """Ask until the answer is 200."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} did not answer 200 within {START_S} s")


def _run(command: tuple[str, ...], environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
