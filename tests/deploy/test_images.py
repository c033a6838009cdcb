"""The Dockerfile and the lists of packages that it installs."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.deploy.lock_files import pinned

DOCKERFILE = (REPOSITORY / "docker/Dockerfile").read_text()
LOCKS = sorted((REPOSITORY / "docker/requirements").glob("*.txt"))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", each)[0].lower().replace("_", "-") for each in requirements}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_has_a_hash_and_no_address(lock: Path) -> None:
    for entry in re.split(r"^(?=[a-z])", lock.read_text(), flags=re.MULTILINE)[1:]:
        assert re.match(r"[a-z0-9.-]+==[^ ]+ .*(\n    --hash=sha256:[0-9a-f]{64}( \\)?)+\n$", entry), entry
        assert "://" not in entry


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_versions_are_those_that_were_tested_together(lock: Path) -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    tested = dict(line.lower().replace("_", "-").split("==") for line in lines if not line.startswith("#"))
    locked = pinned(lock)
    assert locked
    assert {name: tested[name] for name in locked if name in tested} == {n: v for n, v in locked.items() if n in tested}
    assert locked.keys() - tested.keys() <= {"colorama", "setuptools"}  # for Windows; for building and torch


@pytest.mark.parametrize(("lock", "extra"), [("cpu", None), ("gpu", "gpu"), ("train", "train")])
def test_a_lock_has_what_the_project_needs(lock: str, extra: str | None) -> None:
    needed = names(PROJECT["dependencies"]) | names(PROJECT["optional-dependencies"].get(extra, []))
    locked = pinned(REPOSITORY / f"docker/requirements/{lock}.txt")
    assert needed - locked.keys() <= ({"opencv-python"} if lock == "train" else set())
    assert lock != "cpu" or not locked.keys() & {"torch", "ultralytics", "opencv-python"}


def test_the_label_has_the_projects_version_and_licence() -> None:
    assert f"ARG VERSION={PROJECT['version']}\n" in DOCKERFILE
    assert f'licenses="{PROJECT["license"]}"' in DOCKERFILE


def test_targets_and_rights() -> None:
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert {name for base, name in stages if base == "base"} == {"cpu", "gpu", "train"}
    assert stages[-1][1] == "cpu"  # `docker build` without a target
    assert "USER fasterpose\n" in DOCKERFILE


def test_every_install_is_hashed_or_the_projects_own_wheel() -> None:
    installs = re.findall(r"pip install ([^\n]*)", DOCKERFILE)
    assert installs
    for options in installs:
        assert "--require-hashes" in options or "--no-index" in options, options


def test_nothing_of_a_machine_is_written_down() -> None:
    ours = ["docker/Dockerfile", "docker-compose.yml", "docker/healthcheck.py", ".dockerignore"]
    for path in ours:
        text = (REPOSITORY / path).read_text()
        assert not re.search(r"index-url|PIP_|\.crt|/etc/ssl|trusted-host", text), path


def test_what_is_copied_is_not_ignored() -> None:
    let_in = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    for source in copied:
        assert any(source == path or source.startswith(f"{path}/") for path in let_in), source
        assert (REPOSITORY / source).exists(), source
