"""`fasterpose benchmark soak`: a short one against a real server, and what is concluded."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from service.app import create_app
from service.bench.requests import Address
from service.bench.soak import Sample, Soak, SoakPlan, describe_soak, read_metric, run_soak, soak_content
from service.bench.soak_plot import plot_soak
from service.bench.soak_requests import make_stock, varied_photographs
from service.bench.soak_traffic import LATE, Kind, Tally, client_of, send_mixed
from service.cli import app as command
from service.serve import PoseServer, open_port
from service.settings import ServiceSettings, SettingsError
from tests.service.fakes import make_pipeline

PLAN = SoakPlan(minutes=3, warm_up_minutes=1, rate=20, interval_s=5)


def soaked(growth: float = 0.0, tally: Tally | None = None, stuck: dict[str, float] | None = None) -> Soak:
    """A soak whose memory jumps during the warm-up, and grows by so many MiB a second after it."""
    samples = [Sample(5.0 * i, 300 + (0 if i < 6 else 100) + growth * 5 * i, 20 + i % 2) for i in range(36)]
    return Soak(PLAN, samples, tally or Tally(), stuck or {})


def test_the_warm_up_does_not_count() -> None:
    soak = soaked()
    assert soak.resident.per_hour == pytest.approx(0, abs=1e-6)
    assert soak.passed
    assert "passed: nothing grew" in describe_soak(soak)


def test_growth_wrong_answers_and_leftovers_fail() -> None:
    assert not soaked(growth=0.1).passed
    surprised = Tally(surprises=Counter({("HTTP raw", "500"): 1}))
    assert not soaked(tally=surprised).passed
    stuck = soaked(stuck={"fasterpose_queue_depth": 3})
    assert not stuck.passed
    assert "left over: fasterpose_queue_depth is 3" in describe_soak(stuck)
    assert soak_content(soaked(growth=0.1))["memory_mib_per_hour"] == pytest.approx([360.0] * 3)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    plot_soak(soaked(growth=0.05), tmp_path / "soak.png")
    picture = cv2.imread(str(tmp_path / "soak.png"))
    assert picture is not None
    assert picture.shape == (600, 1000, 3)
    assert len(set(map(tuple, picture.reshape(-1, 3)[::7].tolist()))) > 5  # lines, shade and text


def test_a_plan_without_enough_samples_is_refused() -> None:
    with pytest.raises(SettingsError, match="hold too few samples, one every 5 s"):
        SoakPlan(minutes=6, warm_up_minutes=5, rate=5, interval_s=5)


def test_the_command_refuses_one_address_without_the_other() -> None:
    result = CliRunner().invoke(command, ["benchmark", "soak", "--url", "http://127.0.0.1:1"])
    assert isinstance(result.exception, SettingsError)
    assert "give --url and --grpc" in str(result.exception)


async def test_what_is_wrong_for_its_kind_is_a_surprise_and_what_is_late_is_not() -> None:
    outcomes = iter(["200", "500", "504", "200"])

    async def send() -> str:
        return next(outcomes, "200")

    tally = Tally()
    await send_mixed([Kind("a", 1, send, frozenset({"200"}))], 500, 0.2, random.Random(0), tally)
    assert dict(tally.surprises) == {("a", "500"): 1}
    assert tally.outcomes["a", "504"] == 1


async def test_no_more_are_under_way_than_the_soak_may_have() -> None:
    most = 0
    under_way = 0
    leave = asyncio.Event()

    async def send() -> str:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        await leave.wait()
        under_way -= 1
        return "200"

    tally = Tally()
    sending = asyncio.create_task(
        send_mixed([Kind("a", 1, send, frozenset({"200"}))], 1000, 1, random.Random(0), tally)
    )
    while not tally.held_back:
        await asyncio.sleep(0)
    leave.set()
    await sending
    assert most == 16


def test_photographs_have_many_shapes_and_types() -> None:
    photographs = varied_photographs(random.Random(0))
    assert set(photographs.values()) == {"image/jpeg", "image/png", "image/webp"}
    assert len(photographs) == 12


def test_metrics_are_summed_over_their_labels() -> None:
    text = 'depth{model="a"} 2.0\ndepth{model="b"} 1.5\ndepth_other 9\n'
    assert read_metric(text, "depth") == 3.5
    assert read_metric(text, "none") == 0


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    """A real server on stand-in networks."""
    settings = ServiceSettings(http_port=0, grpc_port=0, drain_s=5)
    app = create_app(settings, make_pipeline)
    server = PoseServer(app, settings, 0.0)
    with open_port("127.0.0.1", 0, "--http-port") as listener:
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0)
        await app.state.loading
        assert server.rpc is not None
        yield Address("127.0.0.1", listener.getsockname()[1], server.rpc.port)
        server.handle_exit(signal.SIGTERM, None)
        await serving


async def test_every_kind_of_request_is_answered_as_it_should_be(address: Address) -> None:
    draw = random.Random(0)
    async with client_of(address, make_stock(address, draw), draw) as client:
        kinds = client.kinds()
        for kind in kinds:
            outcome = await kind.send()
            assert outcome in kind.expected | LATE, kind.name
    assert len({kind.name for kind in kinds}) == len(kinds) == 25


async def test_a_short_soak_samples_the_server_and_finds_it_at_rest_afterwards(address: Address) -> None:
    soak = await run_soak(address, SoakPlan(0.1, 0, 30, interval_s=0.25))
    assert soak.tally.outcomes
    assert soak.tally.surprises == {}
    assert soak.stuck == {}
    assert all(sample.resident > 10 and sample.files > 3 for sample in soak.samples)
    assert soak.samples
