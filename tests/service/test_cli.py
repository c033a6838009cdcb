"""The command as a user calls it."""

import os
import queue
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from service.cli import app
from service.pb import pose_pb2
from service.settings import ServiceSettings
from tests.service.rpc_client import request_of

COMMAND = [sys.executable, "-m", "service.cli"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120, env=env, check=False)


@pytest.fixture
def server(bundles: tuple[Path, Path]) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A running server on free ports, and its addresses for HTTP and gRPC."""
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
    yield process, lines[1].split()[1].rstrip("/"), lines[5].split()[3]
    process.kill()
    process.communicate()


def test_the_server_answers_and_ends_on_sigterm_with_exit_code_0(
    server: tuple[subprocess.Popen[str], str, str], photo: bytes
) -> None:
    process, address, _ = server
    response = httpx.post(f"{address}/v1/pose", files={"image": photo}, trust_env=False)
    assert len(response.json()["results"]) == 1
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "POST /v1/pose 200" in errors


def test_every_line_of_the_log_is_of_its_format(server: tuple[subprocess.Popen[str], str, str]) -> None:
    process, _, address = server
    with grpc.insecure_channel(address, compression=grpc.Compression.Gzip) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/fasterpose.v1.PoseService/Estimate")(b"a" * 1000)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert all(re.match(r"\d\d:\d\d:\d\d (INFO|WARNING|ERROR) ", line) for line in errors.splitlines()), errors


def test_sigterm_ends_an_open_stream_after_its_answers(
    server: tuple[subprocess.Popen[str], str, str], photo: bytes
) -> None:
    process, _, address = server
    sent = queue.SimpleQueue[pose_pb2.EstimateRequest | None]()
    with grpc.insecure_channel(address) as channel:
        call = channel.stream_stream(
            "/fasterpose.v1.PoseService/EstimateStream",
            pose_pb2.EstimateRequest.SerializeToString,
            pose_pb2.EstimateResponse.FromString,
        )(iter(sent.get, None))
        for i in range(3):
            sent.put(request_of(photo, image_id=i))
        assert [next(call).images[0].id.number for _ in range(3)] == [0, 1, 2]
        process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError) as error:
            next(call)
        sent.put(None)  # the end of grpc's thread that reads the queue
    assert "UNAVAILABLE" in str(error.value)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "gRPC /fasterpose.v1.PoseService/EstimateStream UNAVAILABLE" in errors


@pytest.mark.parametrize("flag", ["--http-port", "--grpc-port"])
def test_a_taken_port_is_named_before_the_models_are_loaded(flag: str) -> None:
    other = {"--http-port": "--grpc-port", "--grpc-port": "--http-port"}[flag]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", flag, str(port), other, "0", "--model", "no-such")
    assert result.returncode == 2
    assert result.stderr.startswith(f"fasterpose: cannot listen on 127.0.0.1 port {port}: Address already in use")
    assert result.stderr.endswith(f"choose another {flag}\n")
    assert "Traceback" not in result.stderr


def test_a_certificate_without_its_key_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    result = run("serve", "--tls-cert", str(tmp_path / "server.pem"))
    assert result.returncode == 2
    assert result.stderr == "fasterpose: TLS needs a certificate and its key; tls_key is not set\n"


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


@pytest.mark.parametrize("command", ["train", "benchmark train"])
def test_training_without_its_extra_says_what_to_install(command: str) -> None:
    blocked = "import sys; sys.modules['model.cli'] = None; from service.cli import main; main()"
    arguments = [sys.executable, "-c", blocked, *command.split(), "--recipe", "x"]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith(f"fasterpose {command} needs ")
    assert "pip install 'fasterpose[train]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_every_setting_is_a_flag_that_reaches_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[ServiceSettings] = []
    monkeypatch.setattr("service.serve.serve", lambda settings: served.append(settings) or 0)  # pyright: ignore
    for name, field in ServiceSettings.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        value = next(value for value in (7, "json", "retry", "fp32", "torch", True) if fits(name, value))
        result = CliRunner().invoke(app, ["serve", flag] if field.annotation is bool else ["serve", flag, str(value)])
        assert result.exit_code == 0, f"{flag}: {result.output}"
        assert getattr(served[-1], name) != field.default, flag


def fits(name: str, value: object) -> bool:
    try:
        ServiceSettings(**{name: value})  # pyright: ignore
    except ValidationError:
        return False
    return True
