"""What the image of the CPU server is and holds."""

import tomllib
from collections.abc import Callable

from tests.conftest import REPOSITORY
from tests.containers.engine import IMAGE, Engine
from tests.deploy.lock_files import pinned

LIMIT_MB = 700
CODE = "import importlib.metadata as m; print(*sorted(f'{d.name.lower()}=={d.version}' for d in m.distributions()))"


def test_it_is_small(engine: Engine, say: Callable[[str], None]) -> None:
    size = engine.inspect(IMAGE)["Size"] / 1e6
    say(f"{IMAGE} takes {size:.0f} MB")
    assert size < LIMIT_MB


def test_it_says_what_it_is(engine: Engine) -> None:
    config = engine.inspect(IMAGE)["Config"]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert (labels["version"], labels["licenses"]) == (project["version"], project["license"])
    assert labels["title"] == "FasterPose"
    assert config["User"] == "fasterpose"


def test_it_holds_the_locked_packages_and_nothing_else(engine: Engine) -> None:
    found = engine.run("run", "--rm", "--entrypoint", "python", IMAGE, "-c", CODE).split()
    versions = dict(name.replace("_", "-").split("==") for name in found)
    assert versions.pop("fasterpose")
    locked = pinned(REPOSITORY / "docker/requirements/cpu.txt")
    assert versions.items() <= locked.items()
    assert locked.keys() - versions.keys() <= {"colorama"}  # for Windows
    assert not versions.keys() & {"torch", "ultralytics", "pip"}


def test_it_holds_the_embedded_bundles(engine: Engine) -> None:
    listed = engine.run("run", "--rm", "--read-only", "--network", "none", IMAGE, "models")
    assert "fasterpose-yolo11n" in listed
    assert "person-detector" in listed
