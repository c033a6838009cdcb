"""What the distribution needs, carries and permits; and which tests run without torch."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from model.contract.image import decode_image
from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
SAMPLES = REPOSITORY / "service/static/samples"
PEERS = REPOSITORY / "service/bench/peers"
SERVER_LIMIT_MB = 600
BUNDLES_LIMIT_MB = 60


def needed_packages(name: str) -> dict[str, metadata.Distribution]:
    """A distribution and all that it requires without extras, by normalised name."""
    found: dict[str, metadata.Distribution] = {}
    open_names = [name]
    while open_names:
        current = open_names.pop().lower().replace("_", "-")
        if current in found:
            continue
        found[current] = metadata.distribution(current)
        requirements = [Requirement(text) for text in found[current].requires or []]
        open_names += [each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def size_on_disk(package: metadata.Distribution) -> int:
    paths = [Path(str(package.locate_file(file))) for file in package.files or []]
    return sum(path.stat().st_size for path in paths if path.is_file())


def imported_names(path: Path) -> Iterator[str]:
    """The absolute module names that a file imports anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_server_takes_few_megabytes() -> None:
    sizes = {name: size_on_disk(package) / 2**20 for name, package in needed_packages("fasterpose").items()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:5]
    named = ", ".join(f"{name} {sizes[name]:.0f}" for name in largest)
    print(f"The server's {len(sizes)} packages take {sum(sizes.values()):.0f} MB (largest: {named})")  # noqa: T201
    assert sum(sizes.values()) < SERVER_LIMIT_MB


def test_server_needs_neither_torch_nor_ultralytics() -> None:
    assert not needed_packages("fasterpose").keys() & {"torch", "torchvision", "ultralytics", "opencv-python"}


@pytest.mark.parametrize("folder", ["service", "model/contract"])
def test_imports_are_declared(folder: str) -> None:
    declared = {Requirement(text).name.lower().replace("_", "-") for text in PROJECT["project"]["dependencies"]}
    extras = PROJECT["project"]["optional-dependencies"]
    of_extras = {Requirement(text).name for name in ("gpu", "ray", "client", "video", "heic") for text in extras[name]}
    providers = metadata.packages_distributions()
    for path in (REPOSITORY / folder).rglob("*.py"):
        if path.is_relative_to(PEERS):
            continue  # they run in environments of their own
        tops = {name.split(".")[0] for name in imported_names(path)} - set(sys.stdlib_module_names)
        for top in tops - {"service", "model"}:
            names = {name.lower().replace("_", "-") for name in providers.get(top, [top])}
            assert names & (declared | of_extras), f"{path.name} imports {top}, which pyproject.toml does not list"


def test_tests_outside_the_torch_folders_need_no_torch() -> None:
    for path in (REPOSITORY / "tests").rglob("*.py"):
        parts = path.relative_to(REPOSITORY / "tests").parts
        if parts[0] == "parity" or (parts[0] == "model" and parts[1] != "contract"):
            continue
        for name in imported_names(path):
            assert name.split(".")[0] not in {"torch", "torchvision", "ultralytics", "nncf", "onnx"}, (path, name)
            assert not name.startswith("model.") or name.startswith("model.contract"), (path, name)


def test_both_opencv_packages_have_one_version() -> None:
    train = PROJECT["project"]["optional-dependencies"]["train"]
    pinned = {str(Requirement(text).specifier) for text in train if text.startswith("opencv")}
    fixed = set(re.findall(r"^opencv-python(?:-headless)?(==.*)$", (REPOSITORY / "constraints.txt").read_text(), re.M))
    assert len(pinned) == 1
    assert fixed == pinned


def test_constraints_name_public_versions_only() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    for line in lines:
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line


def test_package_data_holds_every_file() -> None:
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        root = REPOSITORY / package
        carried = {path for pattern in patterns for path in root.glob(pattern)}
        files = {path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert {path for path in files if path.suffix != ".py"} <= carried


def test_bundles_are_small() -> None:
    sizes = [path.stat().st_size for path in (REPOSITORY / "model/zoo").rglob("*") if path.is_file()]
    assert sum(sizes) < BUNDLES_LIMIT_MB * 2**20


def test_licences_are_whole() -> None:
    apache = (REPOSITORY / "LICENSE").read_text()
    affero = (REPOSITORY / "LICENSES/AGPL-3.0-only.txt").read_text()
    assert "Apache License" in apache
    assert "END OF TERMS AND CONDITIONS" in apache
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in affero
    assert "END OF TERMS AND CONDITIONS" in affero
    assert PROJECT["project"]["license"] == "Apache-2.0 AND AGPL-3.0-only"


def test_samples_are_photographs_with_a_source() -> None:
    sources = (SAMPLES / "SOURCES.md").read_text()
    photos = sorted(SAMPLES.glob("*.jpg"))
    assert [photo.name for photo in photos] == ["astronaut.jpg", "cameraman.jpg", "grace_hopper.jpg", "three.jpg"]
    for photo in photos:
        assert f"`{photo.name}`" in sources
        assert decode_image(photo.read_bytes()).shape[2] == 3
    assert sum(photo.stat().st_size for photo in photos) < 300_000
