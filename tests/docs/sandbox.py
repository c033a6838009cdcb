"""A folder like a fresh clone in which somebody follows the documentation, its environments those of the tests."""

import os
import re
import shutil
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

TRAIN_PYTHON = Path(os.environ.get("FASTERPOSE_TRAIN_PYTHON", REPOSITORY / ".venv-train/bin/python"))
SAMPLES = REPOSITORY / "service/static/samples"
PORT = re.compile(r"(localhost:|127\.0\.0\.1:|HTTP_PORT=|--http-port |--grpc-port |http_port = )(8000|8001|8080)\b")

SCRIPT_START = """set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
"""
"""An error of any command ends a block, also one that curl is answered."""


def make_sandbox(folder: Path) -> Path:
    """The repository's files as links, photographs to send, and `.venv` with this Python."""
    for path in REPOSITORY.iterdir():
        if not path.name.startswith((".venv", ".git")):
            (folder / path.name).symlink_to(path)
    for name in ("photo.jpg", "a.jpg", "b.jpg"):
        shutil.copy(SAMPLES / "astronaut.jpg", folder / name)
    (folder / "photos").mkdir()
    for path in SAMPLES.glob("*.jpg"):
        shutil.copy(path, folder / "photos")
    (folder / "list.txt").write_text("".join(f"photos/{path.name}\n" for path in SAMPLES.glob("*.jpg")))
    _make_environment(folder / ".venv", Path(sys.executable))
    if TRAIN_PYTHON.exists():
        _make_environment(folder / ".venv-train", TRAIN_PYTHON)
    return folder


def with_ports(text: str, ports: dict[str, int]) -> str:
    """The text with other ports than the documented ones, and for this machine alone."""
    moved = PORT.sub(lambda match: f"{match[1]}{ports[match[2]]}", text)
    return moved.replace("0.0.0.0", "127.0.0.1")


def _make_environment(folder: Path, python: Path) -> None:
    """`python` and `fasterpose` of an environment, and make's marks that it is installed."""
    (folder / "bin").mkdir(parents=True)
    script = f'#!/bin/sh\nPYTHONPATH="{REPOSITORY}" exec "{python}" -m service.cli "$@"\n'
    (folder / "bin/fasterpose").write_text(script)
    (folder / "bin/fasterpose").chmod(0o755)
    (folder / "bin/python").symlink_to(python)
    for mark in (".server", ".dev"):
        (folder / mark).touch()
