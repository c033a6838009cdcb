"""The command as a user calls it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from service.doctor.command import examine
from service.settings import ServiceSettings

FREE = ["--http-port", "0", "--grpc-port", "0", "--threads", "1"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    command = [sys.executable, "-m", "service.cli", "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, check=False)


def test_a_machine_that_could_serve_is_told_with_exit_code_0(bundles: tuple[Path, Path]) -> None:
    result = run(*FREE, "--model", str(bundles[0]), "--detector", str(bundles[1]))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "`fasterpose serve` could serve here." in result.stdout
    assert "wrong" not in result.stdout


def test_a_taken_port_is_told_for_programs_with_exit_code_1(bundles: tuple[Path, Path]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        flags = ["--json", *FREE, "--model", str(bundles[0]), "--detector", str(bundles[1])]
        result = run(*flags, "--http-port", port)
    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert report["could_serve"] is False
    assert [found["check"] for found in report["findings"] if found["verdict"] == "wrong"] == ["http port"]


def test_a_wrong_setting_is_a_finding() -> None:
    result = run(FASTERPOSE_PRECISON="fp32")
    assert result.returncode == 1
    assert "did you mean FASTERPOSE_PRECISION" in " ".join(result.stdout.split())


def test_without_openvino_the_rest_is_still_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    findings = {finding.check: finding for finding in examine(ServiceSettings)}
    assert findings["runtime"].remedy == "pip install openvino"
    assert "CPU" in findings
    assert "pose network" not in findings
