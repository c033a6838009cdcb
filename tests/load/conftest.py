"""One server with the embedded bundles for all probes, a photograph, and a place to say what was measured."""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.bench.photographs import crowd_photograph
from tests.load.raw import pose_request
from tests.load.server import Server

FILES = 4096
BOXES = [[100 + 10 * i, 60, 200, 600] for i in range(100)]


@pytest.fixture(scope="session", autouse=True)
def _enough_files() -> None:
    """Let this process and its servers open a thousand connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all probes but those that end it; it must not have complained of anything by then."""
    server = Server(log=tmp_path_factory.mktemp("server") / "log")
    yield server
    server.kill()
    check_log(server.log)


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A 1280 x 720 JPEG of one person."""
    return crowd_photograph(1)


@pytest.fixture
def one_person(photo: bytes) -> bytes:
    """A request for one given box: it skips the detector, so that a probe is about the server and not about it."""
    return pose_request(photo, boxes=BOXES[:1])


@pytest.fixture
def photo_of_one(photo: bytes) -> bytes:
    """A request whose person is to be found: the whole way of an image."""
    return pose_request(photo)


@pytest.fixture
def crowd(photo: bytes) -> bytes:
    """A request for a hundred given boxes."""
    return pose_request(photo, boxes=BOXES)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line with a probe's figures, whether it passes or not."""

    def say_line(figures: str) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name.removeprefix('test_')}: {figures}", end="", flush=True)  # noqa: T201

    return say_line


def check_log(log: Path) -> None:
    """Fail if a server logged a fault of its own."""
    faults = [line for line in log.read_text().splitlines() if " ERROR " in line or line.startswith("Traceback")]
    assert not faults, f"the server complained: {faults}"
