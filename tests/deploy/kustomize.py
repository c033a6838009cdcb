"""The manifests of `docker/kubernetes`, built by kubectl or kustomize."""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY

KUBERNETES = REPOSITORY / "docker/kubernetes"
OVERLAYS = ("cpu", "gpu")

Manifest = dict[str, Any]


@cache
def build(folder: Path) -> list[Manifest]:
    """The objects that an overlay applies."""
    commands = [("kubectl", "kustomize"), ("kustomize", "build")]
    command = next((command for command in commands if shutil.which(command[0])), None)
    if command is None:
        pytest.skip("needs kubectl or kustomize, to build the overlays")
    built = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return list(yaml.safe_load_all(built.stdout))


def overlay(name: str) -> list[Manifest]:
    return build(KUBERNETES / "overlays" / name)


def the(manifests: list[Manifest], kind: str, name: str = "fasterpose") -> Manifest:
    """The only object of a kind and a name."""
    (found,) = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def files() -> list[Path]:
    return sorted(KUBERNETES.rglob("*.yaml"))
