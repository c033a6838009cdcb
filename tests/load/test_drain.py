"""SIGTERM in the middle of a load."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.load.conftest import check_log
from tests.load.raw import Address, Answer, Connection, ask
from tests.load.server import Server

CLIENTS = 16
BEFORE = 100
"""Requests that are answered before the signal comes."""
DRAIN_S = 20

Outcome = tuple[float, str]
"""When a request was sent, and its status, or why there is none."""


async def test_sigterm_in_the_middle_of_a_load(one_person: bytes, tmp_path: Path, say: Callable[[str], None]) -> None:
    server = Server("--drain-s", str(DRAIN_S), "--max-queue-ms", "0", log=tmp_path / "log")
    outcomes: list[Outcome] = []
    try:
        clients = [
            asyncio.create_task(client(server.address, one_person, outcomes))
            for client in (_ask_anew, _keep_asking)
            for _ in range(CLIENTS // 2)
        ]
        while len(outcomes) < BEFORE:
            await asyncio.sleep(0.001)
        server.terminate()
        signalled = time.perf_counter()
        await asyncio.gather(*clients)
        code = await server.exit_code()
        seconds = time.perf_counter() - signalled
    finally:
        server.kill()
    early = Counter(outcome for sent, outcome in outcomes if sent < signalled)
    late = Counter(outcome for sent, outcome in outcomes if sent >= signalled)
    logged = Counter(re.findall(r"POST /v1/pose (\d+)", server.log.read_text()))
    say(
        f"sent before the signal {dict(early)}, after it {dict(late)}; "
        f"the server's log {dict(logged)}; exit code {code} after {seconds:.1f} s"
    )
    assert set(early) <= {"200", "503"}  # 503: sent before the signal, but read after it
    assert set(late) <= {"200", "503", "refused", "closed"}
    assert logged == {"200": early["200"] + late["200"], "503": early["503"] + late["503"]}
    assert early["200"] >= BEFORE - 1
    assert code == 0
    assert seconds < DRAIN_S
    check_log(server.log)


async def _ask_anew(address: Address, request: bytes, outcomes: list[Outcome]) -> None:
    """Ask on a new connection each time, until nobody listens any more."""
    outcome = ""
    while outcome != "refused":
        sent = time.perf_counter()
        outcome = await _outcome(ask(address, request))
        outcomes.append((sent, outcome))


async def _keep_asking(address: Address, request: bytes, outcomes: list[Outcome]) -> None:
    """Ask on one connection until it is closed."""
    connection = await Connection.open(address)
    outcome = ""
    while outcome != "closed":
        sent = time.perf_counter()
        outcome = await _outcome(connection.ask(request))
        outcomes.append((sent, outcome))


async def _outcome(answer: Coroutine[Any, Any, Answer]) -> str:
    try:
        return str((await answer).status)
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "closed"
