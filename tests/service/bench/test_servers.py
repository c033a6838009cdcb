"""Servers as processes: started, paused, ended; and what they are told."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from service.bench.servers import (
    LOOPBACK,
    ServerProcess,
    answers_ok,
    child_environment,
    free_port,
    measure_load,
    settings_environment,
)
from service.errors import UnavailableError
from service.settings import ServiceSettings, load_settings
from tests.service.bench.loads import http_job

HTTP_SERVER = [sys.executable, "-m", "http.server", "--bind", LOOPBACK]


def test_a_server_is_ready_is_paused_between_its_turns_and_ends(tmp_path: Path) -> None:
    port = free_port()
    server = ServerProcess("a server", [*HTTP_SERVER, "-d", str(tmp_path), str(port)], {}, tmp_path / "log")
    try:
        server.wait_until_ready(port, "/")
        answered: list[bool] = []
        with server.awake():
            assert answers_ok(LOOPBACK, port, "/")
        asking = threading.Thread(target=lambda: answered.append(answers_ok(LOOPBACK, port, "/")))
        asking.start()
        asking.join(0.2)
        assert not answered, "a paused server answered"
        with server.awake():
            asking.join()
        assert answered == [True]
    finally:
        server.stop()
    assert not answers_ok(LOOPBACK, port, "/")
    server.stop()  # once more does nothing


def test_a_server_that_ends_at_once_is_named_with_its_last_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('loading'); raise SystemExit('no such network')"]
    server = ServerProcess("the peer", command, {}, tmp_path / "log")
    with pytest.raises(UnavailableError, match="the peer did not start: no such network"):
        server.wait_until_ready(free_port(), "/")
    server.stop()


def test_the_load_generator_is_a_process_of_its_own_and_answers() -> None:
    result = measure_load(http_job(free_port(), concurrency=1, seconds=0.1))
    assert result.errors.keys() == {"ConnectionRefusedError"}


def test_a_load_generator_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess([], 1, b"", b"Traceback ...\nValueError: no such job\n")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(UnavailableError, match="the load generator failed: ValueError: no such job"):
        measure_load(http_job(1))


def test_settings_reach_another_process_as_they_were_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTERPOSE_PRECISION", "int8")
    chosen = load_settings({"model": "my-pose", "threads": 1, "http_port": 1}, None, {})
    told = settings_environment(chosen)
    assert told == {"FASTERPOSE_MODEL": "my-pose", "FASTERPOSE_THREADS": "1", "FASTERPOSE_PRECISION": "int8"}
    assert settings_environment(ServiceSettings(precision="fp32")) == {"FASTERPOSE_PRECISION": "fp32"}
    assert "FASTERPOSE_PRECISION" not in child_environment({})
    assert child_environment({"X": "1"})["X"] == "1"
