"""The command as a user calls it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

COMMAND = [sys.executable, "-m", "service.cli"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120, env=env, check=False)


@pytest.fixture
def server(bundles: tuple[Path, Path]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running server on a free port, and its address."""
    arguments = [
        "serve",
        "--http-port",
        "0",
        "--grpc-port",
        "0",
        "--model",
        str(bundles[0]),
        "--detector",
        str(bundles[1]),
    ]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(6)]
    assert "FasterPose is ready after" in lines[0]
    assert "curl -F image=@photo.jpg" in lines[4]
    assert "grpcurl -plaintext localhost:" in lines[5]
    yield process, lines[1].split()[1].rstrip("/")
    process.kill()
    process.communicate()


def test_the_server_answers_and_ends_on_sigterm_with_exit_code_0(
    server: tuple[subprocess.Popen[str], str], photo: bytes
) -> None:
    process, address = server
    response = httpx.post(f"{address}/v1/pose", files={"image": photo}, trust_env=False)
    assert len(response.json()["results"]) == 1
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "POST /v1/pose 200" in errors


def test_a_taken_port_is_named_before_the_models_are_loaded() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", "--http-port", str(port), "--model", "no-such")
    assert result.returncode == 2
    assert result.stderr.startswith(f"fasterpose: cannot listen on 127.0.0.1 port {port}: Address already in use")
    assert "Traceback" not in result.stderr


def test_a_missing_bundle_ends_the_server_with_its_name(bundles: tuple[Path, Path]) -> None:
    result = run("serve", "--http-port", "0", "--grpc-port", "0", "--model", "no-such", "--detector", str(bundles[1]))
    assert result.returncode == 1
    assert "the models cannot be loaded: 'no-such' is neither an embedded bundle" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_setting_is_one_line_and_exit_code_2() -> None:
    result = run("serve", FASTERPOSE_PRECISON="fp32")
    assert result.returncode == 2
    assert result.stderr == "fasterpose: FASTERPOSE_PRECISON is not a setting; did you mean FASTERPOSE_PRECISION\n"


def test_help_names_every_setting() -> None:
    text = run("serve", "--help", COLUMNS="200").stdout
    for flag in (
        "--host",
        "--http-port",
        "--grpc-port",
        "--grpc-max-message-bytes",
        "--grpc-stream-window",
        "--tls-cert",
        "--tls-key",
        "--tls-client-ca",
        "--model",
        "--detector",
        "--runtime",
        "--precision",
        "--device",
        "--log-format",
    ):
        assert flag in text
    assert "8000" in text


def test_training_without_its_extra_says_what_to_install() -> None:
    blocked = "import sys; sys.modules['model.cli'] = None; from service.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", blocked, "train", "--recipe", "x"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "pip install 'fasterpose[train]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1
