"""`docker compose up`, and Prometheus beside it: a photograph through both transports, what is scraped, the end."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from grpc import aio

from service.pb.pose_pb2 import EstimateRequest, ImageInput
from service.pb.pose_pb2_grpc import PoseServiceStub
from tests.containers.engine import Engine, Stack, wait_for
from tests.containers.traffic import traffic

DRAIN_DELAY_S = 3
"""docker-compose.yml's."""
SCRAPED_S = 60


@pytest.fixture(scope="module")
def running(stack: Stack) -> Stack:
    """The server and Prometheus."""
    stack.up("server", "prometheus")
    stack.wait_until_ready("POSE_HTTP_PORT")
    wait_for(f"http://127.0.0.1:{stack.ports['POSE_PROMETHEUS_PORT']}/-/ready")
    return stack


def prometheus(stack: Stack, path: str, **parameters: str) -> Any:
    """What Prometheus answers."""
    url = f"http://127.0.0.1:{stack.ports['POSE_PROMETHEUS_PORT']}/api/v1/{path}"
    return httpx.get(url, params=parameters, trust_env=False).raise_for_status().json()["data"]


async def test_a_photograph_goes_through_both_transports(running: Stack, photo: bytes) -> None:
    url = f"http://127.0.0.1:{running.ports['POSE_HTTP_PORT']}/v1/pose"
    answer = httpx.post(url, files={"image": photo}, timeout=60, trust_env=False).raise_for_status().json()
    async with aio.insecure_channel(f"127.0.0.1:{running.ports['POSE_GRPC_PORT']}") as channel:
        call = await PoseServiceStub(channel).Estimate(EstimateRequest(images=[ImageInput(data=photo)]), timeout=60)
    (person,) = answer["results"]
    assert list(call.results[0].keypoints) == pytest.approx(person["keypoints"], abs=0.05)


def test_the_container_has_no_rights(running: Stack, engine: Engine) -> None:
    (server,) = running.containers("server")
    status = engine.run("exec", server, "cat", "/proc/self/status")
    assert re.search(r"^Uid:\s+10001\s", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    for kind in ("CapPrm", "CapEff", "CapBnd"):
        assert re.search(rf"^{kind}:\s+0+$", status, re.MULTILINE), kind
    try_all = "for folder in / /opt/fasterpose /files; do touch $folder/x && echo $folder; done; true"
    written = engine.run("exec", server, "sh", "-c", try_all)
    assert not written


def test_its_health_check_passes(running: Stack, engine: Engine) -> None:
    (server,) = running.containers("server")
    command = engine.inspect(server)["Config"]["Healthcheck"]["Test"][1:]
    assert "ready" in engine.run("exec", server, *command)


def test_prometheus_scrapes_it(running: Stack) -> None:
    end = time.monotonic() + SCRAPED_S
    found: dict[str, str] = {}
    while found != {"up": "1", "fasterpose_ready": "1"} and time.monotonic() < end:
        results = prometheus(running, "query", query='{__name__=~"up|fasterpose_ready", job="fasterpose"}')["result"]
        found = {each["metric"]["__name__"]: each["value"][1] for each in results}
        time.sleep(0.5)
    assert found == {"up": "1", "fasterpose_ready": "1"}


def test_the_alert_rules_are_loaded_and_do_not_fire(running: Stack) -> None:
    (group,) = prometheus(running, "rules")["groups"]
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
    assert len(group["rules"]) > 4
    assert not [alert for alert in prometheus(running, "alerts")["alerts"] if alert["state"] == "firing"]


def test_the_alert_rules_do_what_they_are_for(running: Stack, engine: Engine) -> None:
    (container,) = running.containers("prometheus")
    engine.run("exec", container, "promtool", "check", "config", "/etc/prometheus/prometheus.yml")
    engine.run("exec", container, "promtool", "test", "rules", "/etc/prometheus/alerts_test.yml")


async def test_sigterm_answers_all_that_was_asked(
    running: Stack, engine: Engine, photo: bytes, say: Callable[[str], None]
) -> None:
    (server,) = running.containers("server")
    before = logged(engine, server)
    async with traffic(photo, running.ports["POSE_HTTP_PORT"], running.ports["POSE_GRPC_PORT"]) as clients:
        await clients.more(10)
        signalled = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(engine.run, "stop", "--time", "45", server))
        while not clients.failed_at:
            await asyncio.sleep(0.05)
    await stopping
    seconds, first = time.monotonic() - signalled, clients.failed_at[0] - signalled
    say(f"{dict(clients.answers)}; the first refusal after {first:.1f} s, the end after {seconds:.1f} s")
    assert first > DRAIN_DELAY_S
    assert logged(engine, server) - before == Counter(
        {"http": clients.answers["http", "200"], "grpc": clients.answers["grpc", "OK"]}
    )
    assert engine.inspect(server)["State"]["ExitCode"] == 0


def logged(engine: Engine, server: str) -> Counter[str]:
    """How many poses the server says it has answered, by transport."""
    log = engine.log(server)
    return Counter({"http": log.count("POST /v1/pose 200"), "grpc": log.count("PoseService/Estimate OK")})
