"""Who is compared: our server, and others with the same networks or with a stand-in, and how each is started."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from service.bench.photographs import crowd_photograph, small_photograph
from service.bench.requests import Photograph
from service.bench.servers import LOOPBACK, WAIT_ANY_TIME, ServerProcess, settings_environment
from service.bench.standin import STAND_IN
from service.settings import ServiceSettings

OURS = "fasterpose"
PLAIN = "FastAPI + ultralytics + eager torch"
LITSERVE = "LitServe"
BENTOML = "BentoML"
PORT = "<port>"

Part = Literal["networks", "stand-in"]
NETWORKS: Part = "networks"
STAND_INS: Part = "stand-in"
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class Contender:
    """A server and how it is started and asked.

    Attributes:
        name: how tables call it.
        command: starts it; `PORT` stands for its port.
        environment: its variables; `PORT` stands for its port.
        path: of its route.
        ready_path: answers 200 once the networks are loaded.
        takes_options: whether the options of the photograph stand in the query; the peers have none.
    """

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    path: str
    ready_path: str
    takes_options: bool = False

    def start(self, port: int, log: Path) -> ServerProcess:
        """Start the server at a port; what it prints goes into `log`."""
        command = [part.replace(PORT, str(port)) for part in self.command]
        environment = {name: value.replace(PORT, str(port)) for name, value in self.environment.items()}
        return ServerProcess(self.name, command, environment, log)


@dataclass(frozen=True)
class Contest:
    """One part of the comparison.

    Attributes:
        title: what is compared.
        part: its name.
        photograph: what everybody is sent.
        contenders: ours first.
    """

    title: str
    part: Part
    photograph: Photograph
    contenders: tuple[Contender, ...]


@dataclass(frozen=True)
class Interpreters:
    """Where the peers' packages are installed; None leaves out who needs them.

    Attributes:
        peers: has LitServe and BentoML.
        train: has torch and ultralytics.
    """

    peers: Path | None
    train: Path | None


def find_interpreters(peers: Path, train: Path) -> Interpreters:
    """The interpreters that are there; for one that is not, a line says who is left out."""
    found = Interpreters(peers if peers.is_file() else None, train if train.is_file() else None)
    for interpreter, path, who in (
        (found.peers, peers, f"{LITSERVE} and {BENTOML} are"),
        (found.train, train, f"{PLAIN} is"),
    ):
        if interpreter is None:
            sys.stdout.write(f"{who} left out: there is no {path} (in a clone: make benchmark-peers)\n")
    return found


def plan_contests(
    parts: Sequence[Part], settings: ServiceSettings, people: int, interpreters: Interpreters
) -> list[Contest]:
    """The parts of the comparison, with the servers that can be started here."""
    planned = {
        NETWORKS: lambda: _networks_contest(settings_environment(settings), people, interpreters),
        STAND_INS: lambda: _stand_in_contest(interpreters),
    }
    return [planned[part]() for part in parts]


def _networks_contest(chosen: dict[str, str], people: int, interpreters: Interpreters) -> Contest:
    photograph = Photograph(f"{people} people", crowd_photograph(people))
    title = f"The served networks, a 720p photograph, people in it: {people}, multipart"
    peers = (*_plain(interpreters, chosen), *_frameworks(interpreters, chosen))
    contenders = (_ours(("service.cli", "serve"), chosen), *peers)
    return Contest(title, NETWORKS, photograph, contenders)


def _stand_in_contest(interpreters: Interpreters) -> Contest:
    photograph = Photograph("small", small_photograph(), detect=False)
    title = "A stand-in network that takes 1 ms for a batch, a small photograph, multipart"
    ours = _ours(("service.bench.standin",), {"FASTERPOSE_POSE_BATCH": "8"})  # as many as the others take
    return Contest(title, STAND_INS, photograph, (ours, *_frameworks(interpreters, {STAND_IN: "1"})))


def _ours(module: tuple[str, ...], chosen: dict[str, str]) -> Contender:
    environment = chosen | WAIT_ANY_TIME | {"FASTERPOSE_HTTP_PORT": PORT, "FASTERPOSE_GRPC_PORT": "0"}
    return Contender(OURS, (sys.executable, "-m", *module), environment, "/v1/pose", "/readyz", takes_options=True)


def _plain(interpreters: Interpreters, chosen: dict[str, str]) -> list[Contender]:
    if interpreters.train is None:
        return []
    command = (str(interpreters.train), "-m", "service.bench.peers.plain_server", PORT)
    return [Contender(PLAIN, command, chosen, "/pose", "/health")]


def _frameworks(interpreters: Interpreters, environment: dict[str, str]) -> list[Contender]:
    if interpreters.peers is None:
        return []
    python = str(interpreters.peers)
    litserve = (python, "-m", "service.bench.peers.litserve_server", PORT)
    service = "service.bench.peers.bentoml_server:PoseService"
    bentoml = (python, "-m", "bentoml", "serve", service, "--host", LOOPBACK, "--port", PORT)
    return [
        Contender(LITSERVE, litserve, environment, "/predict", "/health"),
        Contender(BENTOML, bentoml, environment, "/pose", "/readyz"),
    ]
