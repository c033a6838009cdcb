"""Profile `scale`: a server is stopped, and one is killed, while clients ask through the balancer."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from tests.containers.engine import Engine, Stack, wait_for
from tests.containers.traffic import Traffic, traffic

SERVERS = 3
AGAIN_S = 600


@pytest.fixture(scope="module")
def running(stack: Stack) -> Stack:
    """The server, two replicas and the balancer, which has found all of them; and Prometheus to ask what it did."""
    stack.up("server", "replica", "balancer", "prometheus")
    stack.wait_until_ready("POSE_BALANCER_HTTP_PORT")
    wait_for(f"http://127.0.0.1:{stack.ports['POSE_PROMETHEUS_PORT']}/-/ready")
    wait_for_servers(stack, SERVERS)
    return stack


def balancer(stack: Stack, query: str) -> dict[str, float]:
    """A metric of the balancer, by server or backend."""
    url = f"http://127.0.0.1:{stack.ports['POSE_PROMETHEUS_PORT']}/api/v1/query"
    answer = httpx.get(url, params={"query": query}, timeout=60, trust_env=False)
    results = answer.raise_for_status().json()["data"]["result"]
    return {each["metric"].get("server", each["metric"]["proxy"]): float(each["value"][1]) for each in results}


def wait_for_servers(stack: Stack, count: int) -> None:
    """Wait until Prometheus has seen that the balancer sends both transports to so many servers."""
    end = time.monotonic() + AGAIN_S
    found: dict[str, float] = {}
    while found != {"http": count, "grpc": count}:
        assert time.monotonic() < end, f"the balancer has the servers {found}, not {count} of each"
        time.sleep(0.5)
        found = balancer(stack, "haproxy_backend_active_servers")


async def test_a_server_is_stopped_and_nothing_is_lost(
    running: Stack, engine: Engine, photo: bytes, say: Callable[[str], None]
) -> None:
    replica = running.containers("replica")[0]
    async with through_the_balancer(running, photo) as clients:
        await clients.more(10)
        await asyncio.to_thread(engine.run, "stop", "--time", "45", replica)
        await clients.more(10)
    answered = engine.log(replica).count("PoseService/Estimate OK") + engine.log(replica).count("POST /v1/pose 200")
    say(f"{dict(clients.answers)}, {answered} of them by the stopped one")
    assert answered
    assert clients.answers.keys() == {("http", "200"), ("grpc", "OK")}
    assert engine.inspect(replica)["State"]["ExitCode"] == 0
    await asyncio.to_thread(engine.run, "start", replica)
    await asyncio.to_thread(wait_for_servers, running, SERVERS)


async def test_a_server_is_killed_and_its_requests_are_sent_again(
    running: Stack, engine: Engine, photo: bytes, say: Callable[[str], None]
) -> None:
    replica = running.containers("replica")[0]
    async with through_the_balancer(running, photo) as clients:
        await clients.more(10)
        await asyncio.to_thread(engine.run, "kill", replica)
        await clients.more(10)
    await asyncio.to_thread(wait_for_servers, running, SERVERS - 1)
    retried = balancer(running, "haproxy_backend_retry_warnings_total")
    say(f"{dict(clients.answers)}; the balancer sent again, by transport: {retried}")
    assert clients.answers.keys() == {("http", "200"), ("grpc", "OK")}
    assert sum(retried.values()) > 0


def through_the_balancer(running: Stack, photo: bytes) -> AbstractAsyncContextManager[Traffic]:
    """Clients that know the balancer only."""
    return traffic(photo, running.ports["POSE_BALANCER_HTTP_PORT"], running.ports["POSE_BALANCER_GRPC_PORT"])
