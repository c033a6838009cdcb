"""Requests kept under way at the cluster, each repeated until it is answered, as a client of the cluster does."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.ray.cluster import HTTP

TRIES = 20
PAUSE_S = 0.5


@dataclass
class Load:
    """What a load has met.

    Attributes:
        answers: one for each request.
        failures: of attempts: when the attempt began, by `time.monotonic()`, and what it met.
        seconds: from the first request to the last answer.
    """

    answers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    failures: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    seconds: float = 0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds


async def run_load(photo: bytes, under_way: int, wanted: Callable[[Load], bool]) -> Load:
    """Ask for the same photograph, with so many requests under way, as long as `wanted` says."""
    load, began = Load(), time.monotonic()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{HTTP}", timeout=120, trust_env=False) as client:

        async def ask_again() -> None:
            while wanted(load):
                load.answers.append(await _answer(client, photo, load))

        await asyncio.gather(*(ask_again() for _ in range(under_way)))
    load.seconds = time.monotonic() - began
    return load


async def _answer(client: httpx.AsyncClient, photo: bytes, load: Load) -> dict[str, Any]:
    for _ in range(TRIES):
        began = time.monotonic()
        try:
            response = await client.post("/v1/pose", content=photo)
        except httpx.TransportError as error:
            load.failures.append((began, repr(error)))
        else:
            if response.status_code == 200:
                return response.json()
            load.failures.append((began, f"{response.status_code} {response.text[:200]}"))
        await asyncio.sleep(PAUSE_S)
    raise AssertionError(f"a request was refused {TRIES} times: {load.failures}")
