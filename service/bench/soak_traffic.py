"""What a soak sends: good and bad requests over every transport, hang-ups, cancelled calls and streams."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from grpc import aio

from service.bench.http_client import HttpAsker, RefusedError
from service.bench.requests import Address
from service.bench.soak_requests import Stock
from service.pb.pose_pb2 import EstimateRequest, ListModelsRequest
from service.pb.pose_pb2_grpc import PoseServiceStub

MOST_AT_ONCE = 16
"""Requests under way; at more the soak holds back, so that a slow machine is not buried."""
PATIENCE_S = 120.0
LATE = frozenset({"504", "DEADLINE_EXCEEDED", "TimeoutError"})
"""Outcomes that a machine which stood still explains; counted, but no surprise."""
FRAMES = 6


@dataclass(frozen=True)
class Kind:
    """One kind of request.

    Attributes:
        name: how tables call it.
        share: how often it is sent, in parts of the sum of all.
        send: sends one and returns its outcome: an HTTP status, a gRPC status, or what the client did.
        expected: outcomes that are right.
    """

    name: str
    share: int
    send: Callable[[], Awaitable[str]]
    expected: frozenset[str]


@dataclass
class Tally:
    """What came of the requests.

    Attributes:
        outcomes: (kind, outcome) -> how often.
        surprises: outcomes that are wrong for their kind -> how often.
        held_back: requests that were not sent because too many were under way.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    surprises: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    held_back: int = 0

    def count(self, kind: Kind, outcome: str) -> None:
        """One request ended."""
        self.outcomes[kind.name, outcome] += 1
        if outcome not in kind.expected and outcome not in LATE:
            self.surprises[kind.name, outcome] += 1


async def send_mixed(kinds: Sequence[Kind], rate: float, seconds: float, draw: random.Random, tally: Tally) -> None:
    """Send requests of all kinds, drawn by their shares, `rate` a second at random moments, until the time is over.

    All that was sent is answered when this returns. The loop is open: the next request does not wait for the last
    answer, as with many clients.
    """
    shares = [kind.share for kind in kinds]
    end = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        under_way: set[asyncio.Task[None]] = set()
        while time.monotonic() < end:
            await asyncio.sleep(draw.expovariate(rate))
            (kind,) = draw.choices(kinds, shares)
            if len(under_way) >= MOST_AT_ONCE:
                tally.held_back += 1
                continue
            task = group.create_task(_send(kind, tally))
            under_way.add(task)
            task.add_done_callback(under_way.discard)


async def _send(kind: Kind, tally: Tally) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            outcome = await kind.send()
    except (OSError, TimeoutError) as error:
        outcome = type(error).__name__
    tally.count(kind, outcome)


class Client:
    """Sends each kind of request to one server."""

    def __init__(self, address: Address, stock: Stock, channel: aio.Channel, draw: random.Random) -> None:
        self._address, self._stock, self._draw = address, stock, draw
        self._stub = PoseServiceStub(channel)

    def kinds(self) -> list[Kind]:
        """All kinds; about half of the requests are good."""
        stock = self._stock
        good = [Kind(f"HTTP {name}", 6, self._http(requests), _of("200")) for name, requests in stock.good.items()]
        bad = [
            Kind(f"HTTP {name}", 2, self._http([request]), _of(status)) for name, (request, status) in stock.bad.items()
        ]
        return [
            *good,
            *bad,
            Kind("HTTP short deadline", 3, self._http(stock.short), _of("200", "504")),
            Kind("HTTP hang-up after the request", 5, self._hang_up_after, _of("hung up")),
            Kind("HTTP hang-up within the body", 5, self._hang_up_within, _of("hung up")),
            Kind("HTTP operations", 6, self._http(stock.operations), _of("200")),
            Kind("gRPC good", 10, self._call, _of("OK")),
            Kind("gRPC bad", 4, self._bad_call, _of("INVALID_ARGUMENT")),
            Kind("gRPC cancelled", 5, self._cancelled_call, _of("OK", "CANCELLED")),
            Kind("gRPC models", 3, self._models, _of("OK")),
            Kind("gRPC stream", 5, self._stream, _of("OK")),
            Kind("gRPC stream cancelled", 5, self._dropped_stream, _of("CANCELLED")),
        ]

    def _http(self, requests: Sequence[bytes]) -> Callable[[], Awaitable[str]]:
        async def send() -> str:
            asker = HttpAsker(self._address.host, self._address.http_port, self._draw.choice(requests))
            try:
                await asker.ask()
            except RefusedError as refused:
                return str(refused)
            finally:
                asker.close()
            return "200"

        return send

    async def _hang_up_after(self) -> str:
        """The whole request, and a reset up to 50 ms later: while it waits or is computed."""
        request = self._draw.choice(self._stock.any_good)
        return await self._hang_up(request, self._draw.uniform(0, 0.05))

    async def _hang_up_within(self) -> str:
        request = self._draw.choice(self._stock.any_good)
        return await self._hang_up(request[: self._draw.randrange(1, len(request))], self._draw.uniform(0, 0.05))

    async def _hang_up(self, data: bytes, seconds: float) -> str:
        _, writer = await asyncio.open_connection(self._address.host, self._address.http_port)
        writer.write(data)
        await asyncio.sleep(seconds)
        writer.transport.abort()
        return "hung up"

    async def _call(self) -> str:
        return await _status(self._stub.Estimate(self._draw.choice(self._stock.messages)))

    async def _bad_call(self) -> str:
        return await _status(self._stub.Estimate(self._draw.choice(self._stock.bad_messages)))

    async def _models(self) -> str:
        return await _status(self._stub.ListModels(ListModelsRequest()))

    async def _cancelled_call(self) -> str:
        call = self._stub.Estimate(self._draw.choice(self._stock.messages))
        await asyncio.sleep(self._draw.uniform(0, 0.05))
        call.cancel()
        return (await call.code()).name

    async def _stream(self) -> str:
        call = self._stub.EstimateStream(self._frames())
        answers = [answer async for answer in call]
        return "OK" if len(answers) == FRAMES else f"{len(answers)} of {FRAMES} frames"

    async def _dropped_stream(self) -> str:
        """A client that goes after the first answer, with frames in work."""
        call = self._stub.EstimateStream(self._frames())
        await call.read()
        call.cancel()
        return (await call.code()).name

    async def _frames(self) -> AsyncIterator[EstimateRequest]:
        for _ in range(FRAMES):
            yield self._draw.choice(self._stock.messages + self._stock.bad_messages[:1])


@asynccontextmanager
async def client_of(address: Address, stock: Stock, draw: random.Random) -> AsyncGenerator[Client]:
    """A client with a gRPC channel of its own."""
    async with aio.insecure_channel(f"{address.host}:{address.grpc_port}") as channel:
        yield Client(address, stock, channel, draw)


async def _status(call: Awaitable[object]) -> str:
    try:
        await call
    except aio.AioRpcError as error:
        return error.code().name
    return "OK"


def _of(*outcomes: str) -> frozenset[str]:
    return frozenset(outcomes)
