"""Clients over HTTP and gRPC that keep asking until they are told to end, and what they were answered."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from grpc import aio

from service.pb.pose_pb2 import EstimateRequest, ImageInput
from service.pb.pose_pb2_grpc import PoseServiceStub

CLIENTS = 3
"""Of each transport."""
TIMEOUT_S = 300


@dataclass
class Traffic:
    """What clients were answered.

    Attributes:
        answers: (transport, status or error): how often.
        failed_at: when something else than an answer came, by `time.monotonic()`.
    """

    answers: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    failed_at: list[float] = field(default_factory=list[float])
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, transport: str, answer: str) -> None:
        """Count one answer."""
        self.answers[transport, answer] += 1
        if answer not in {"200", "OK"}:
            self.failed_at.append(time.monotonic())

    async def more(self, count: int) -> None:
        """Wait until each transport has so many more answers."""
        wanted = {transport: self._count(transport) + count for transport in ("http", "grpc")}
        async with asyncio.timeout(TIMEOUT_S):
            while any(self._count(transport) < most for transport, most in wanted.items()):
                await asyncio.sleep(0.05)

    def _count(self, transport: str) -> int:
        return sum(times for (name, _), times in self.answers.items() if name == transport)


@asynccontextmanager
async def traffic(photo: bytes, http_port: int, grpc_port: int) -> AsyncGenerator[Traffic]:
    """Clients that ask while what is inside runs; at the end every question has been answered."""
    found = Traffic()
    clients = [
        asyncio.create_task(client(found, photo, port))
        for client, port in ((_ask_http, http_port), (_ask_grpc, grpc_port))
        for _ in range(CLIENTS)
    ]
    try:
        yield found
    finally:
        found.ended.set()
        await asyncio.gather(*clients)


async def _ask_http(found: Traffic, photo: bytes, port: int) -> None:
    """One keep-alive connection, as far as the server keeps it."""
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:
        while not found.ended.is_set():
            try:
                answer = await client.post(
                    f"http://127.0.0.1:{port}/v1/pose", content=photo, headers={"Content-Type": "image/jpeg"}
                )
                found.note("http", str(answer.status_code))
            except httpx.TransportError as error:
                found.note("http", type(error).__name__)


async def _ask_grpc(found: Traffic, photo: bytes, port: int) -> None:
    request = EstimateRequest(images=[ImageInput(data=photo)])
    no_retries = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    async with aio.insecure_channel(f"127.0.0.1:{port}", options=no_retries) as channel:
        while not found.ended.is_set():
            try:
                await PoseServiceStub(channel).Estimate(request, timeout=TIMEOUT_S)
                found.note("grpc", "OK")
            except aio.AioRpcError as error:
                found.note("grpc", error.code().name)
