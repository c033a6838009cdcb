"""The engine, the image that is tested, and a photograph."""

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import REPOSITORY
from tests.containers.engine import Engine, Stack, find_engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Docker or podman, with the image of the CPU server built."""
    engine = find_engine()
    if engine is None:
        pytest.fail("needs docker with its engine and `docker compose`, or podman and podman-compose")
    engine.build()
    return engine


@pytest.fixture(scope="module")
def stack(engine: Engine) -> Iterator[Stack]:
    """The project's stack, nothing of it started."""
    stack = Stack(engine)
    yield stack
    stack.down()


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A JPEG with one person."""
    return (REPOSITORY / "service/static/samples/astronaut.jpg").read_bytes()


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line with a test's figures, whether it passes or not."""

    def say_line(figures: str) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name.removeprefix('test_')}: {figures}", end="", flush=True)  # noqa: T201

    return say_line
