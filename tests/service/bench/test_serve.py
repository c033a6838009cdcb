"""`fasterpose benchmark serve`: which loads, against which server, and what is concluded."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from service.bench.networks import load_networks
from service.bench.raw import RawInputs, RawRates
from service.bench.requests import Address, Photograph, Transport
from service.bench.serve import Load, ServePlan, check_networks, plan_loads, running_server, server_to_load
from service.bench.serve_report import print_loads, print_raw, serve_targets
from service.cli import app
from service.settings import ServiceSettings, SettingsError
from tests.service.bench.loads import result
from tests.service.bench.test_standin import seeing_networks

PLAN = ServePlan(("raw", "json", "grpc-stream"), (1, 8), 1.0, 1)


def make_load(
    name: str, people: int, transport: Transport, concurrency: int, rate: float, milliseconds: float = 10.0
) -> Load:
    boxes = tuple((0.0, 0.0, 10.0, 10.0) for _ in range(people)) if "box" in name else None
    crops = np.zeros((people, 4, 4, 3), np.uint8)
    load = Load(Photograph(name, b"", boxes), RawInputs(b"", crops[:1], crops), transport, concurrency)
    load.results.append(result(rate, milliseconds, people=people))
    load.raw.append(RawRates({1: 20.0}, {1: 100.0, 5: 200.0}, 100.0))
    return load


def test_loads_are_all_combinations_and_without_the_detector_some() -> None:
    networks = seeing_networks()  # they see one person in the crowd
    loads = plan_loads(PLAN, replace(networks))
    names = [(load.concurrency, load.photograph.name, load.transport) for load in loads]
    assert len(names) == len(set(names))
    assert {name for c, name, _ in names if c == 1} >= {"1 person", "5 people", "1 box"}
    assert {transport for _, name, transport in names if name == "1 person"} == {"raw", "json", "grpc-stream"}
    assert {transport for _, name, transport in names if name == "1 box"} == {"raw", "grpc-stream"}
    only_json = plan_loads(ServePlan(("json",), (1,), 1.0, 1), networks)
    assert {load.transport for load in only_json if not load.detect} == {"json"}
    assert all(len(load.inputs.crops) == len(load.photograph.boxes or load.inputs.crops) for load in loads)


def test_the_served_share_is_that_of_the_networks_alone() -> None:
    """5 people: 5/200 s for the crops, 1/20 s for the detector."""
    boxes = make_load("5 boxes", 5, "raw", 8, rate=36)
    assert boxes.served_share == pytest.approx(36 / 40)
    assert boxes.decoded_rates == pytest.approx([1 / (5 / 200 + 1 / 100)])
    assert make_load("5 people", 5, "raw", 8, rate=12).served_share == pytest.approx(12 * 0.075)


def test_targets_are_concluded_from_the_loads(capsys: pytest.CaptureFixture[str]) -> None:
    loads = [
        make_load("1 box", 1, "raw", 1, 90, milliseconds=10.0),
        make_load("5 boxes", 5, "raw", 1, 30, milliseconds=31.0),
        make_load("5 boxes", 5, "raw", 8, 38),
        make_load("1 person", 1, "grpc-stream", 8, 25),
    ]
    targets = serve_targets(loads)
    extra, share, frames = (
        next(target for target in targets if word in target.text) for word in ("extra", "served", "frames")
    )
    assert len(targets) == 3
    assert extra.measured == pytest.approx((31 - 10) / 4 / 5)  # ms of one more person / 5 ms of a crop alone
    assert extra.met
    assert share.measured == pytest.approx(0.95)
    assert share.met
    assert frames.measured == 25
    assert not frames.met
    print_loads(loads, seeing_networks(), PLAN)
    print_raw(loads)
    printed = capsys.readouterr().out
    assert printed.count("5 boxes") == 2
    assert "| pose" in printed


@pytest.mark.parametrize(
    ("url", "grpc", "address"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8001", Address("127.0.0.1", 8000, 8001)),
        ("http://localhost", None, Address("localhost", 80, None)),
    ],
)
def test_a_running_server_is_named_by_its_addresses(url: str, grpc: str | None, address: Address) -> None:
    assert running_server(url, grpc) == address


@pytest.mark.parametrize(
    ("url", "grpc", "reason"),
    [
        ("127.0.0.1:8000", "127.0.0.1:1", "--url 127.0.0.1:8000 is not"),
        ("https://x", "x:1", "write http://"),
        ("http://x", "y:1", "--grpc y:1"),
        ("http://x", "x", "--grpc x"),
        ("http://x", None, "give --grpc too"),
        (None, "x:1", "give --url too"),
    ],
)
def test_wrong_addresses_say_what_to_give(url: str | None, grpc: str | None, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason), server_to_load(ServiceSettings(), url, grpc, PLAN):
        pass


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", "benchmark", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=dict(os.environ))


def test_the_command_measures_a_server_of_its_own(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    chosen = ["--model", str(bundles[0]), "--detector", str(bundles[1]), "--transports", "grpc-stream,raw"]
    done = run("serve", *chosen, "--concurrency", "2", "--seconds", "0.1", "--rounds", "1", "--json", str(report))
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(report.read_text())
    loads = content["loads"]
    assert [load["transport"] for load in loads[:2]] == ["raw", "grpc-stream"]
    assert all(load["figures"]["images_per_second"] > 0 for load in loads)
    assert all(load["figures"]["errors"] == {} for load in loads)
    assert all(load["served_share"] > 0 for load in loads)
    assert done.stdout.count("| 1 person") == 2
    assert "Speed to reach" in done.stdout


async def test_other_networks_than_the_servers_are_refused(bundles: tuple[Path, Path]) -> None:
    settings = ServiceSettings(model=str(bundles[0]), detector=str(bundles[1]), precision="fp32")
    with server_to_load(settings, None, None, PLAN) as address:
        check_networks(address, load_networks(settings))
        with pytest.raises(SettingsError, match="the server does not run person-detector in fp32"):
            check_networks(address, load_networks(ServiceSettings(precision="fp32")))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--rounds", "3", "serve"], "--rounds belongs behind the subcommand"),
        (["serve", "--transports", "raw,carrier-pigeon"], "no 'carrier-pigeon'"),
        (["serve", "--concurrency", "1,many"], "write whole numbers and commas"),
        (["runtime", "--batches", "0"], "every number must be at least 1"),
        (["peers", "--parts", "all"], "no 'all'"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], reason: str) -> None:
    done = CliRunner().invoke(app, ["benchmark", *arguments])
    assert done.exit_code == 2
    assert reason in " ".join(done.output.replace("│", " ").split())
