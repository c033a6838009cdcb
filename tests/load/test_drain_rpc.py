"""SIGTERM while gRPC calls and streams are under way: what was accepted is answered."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from grpc import aio

from service.client import AsyncGrpcPoseClient, GrpcPoseClient, PoseError
from service.pb.pose_pb2_grpc import PoseServiceStub
from tests.load.conftest import check_log
from tests.load.server import Server
from tests.service.rpc_client import request_of

CALLERS, BEFORE, DRAIN_S = 6, 60, 20
BOXES = [(100, 60, 200, 600)]


async def test_sigterm_in_the_middle_of_calls_and_streams(
    photo: bytes, tmp_path: Path, say: Callable[[str], None]
) -> None:
    server = Server("--drain-s", str(DRAIN_S), "--max-queue-ms", "0", log=tmp_path / "log")
    outcomes: list[str] = []
    try:
        async with aio.insecure_channel(server.grpc) as channel:
            stub = PoseServiceStub(channel)
            callers = [asyncio.create_task(_call_on(stub, photo, outcomes)) for _ in range(CALLERS)]
            blocking = asyncio.create_task(asyncio.to_thread(_stream, server.grpc, photo))
            waiting = asyncio.create_task(_async_stream(server.grpc, photo))
            while len(outcomes) < BEFORE:
                await asyncio.sleep(0.001)
            server.terminate()
            await asyncio.gather(*callers)
            ends = await asyncio.gather(blocking, waiting)
        code = await server.exit_code()
    finally:
        server.kill()
    counts = Counter(outcomes)
    logged = Counter(re.findall(r"gRPC /fasterpose.v1.PoseService/Estimate (\w+)", server.log.read_text()))
    say(
        f"unary {dict(counts)}, the server's log {dict(logged)}; "
        f"streams answered {[answered for answered, _, _ in ends]} of {[sent for _, sent, _ in ends]} frames sent, "
        f"in order, and ended {[kind for _, _, kind in ends]}; exit code {code}"
    )
    assert set(counts) <= {"OK", "UNAVAILABLE", "CANCELLED"}  # the last: grpc's answer to a call at the very end
    assert counts["OK"] == logged["OK"] >= BEFORE  # none was answered and lost
    assert ends[0][2] == "unavailable"  # the server's own word: the blocking client tells it whatever it was sending
    assert ends[1][2] in {"unavailable", "unreachable"}  # grpc.aio loses it where the end meets a frame under way
    assert all(answered > 0 for answered, _, _ in ends)
    assert code == 0
    check_log(server.log)


async def _call_on(stub: PoseServiceStub, photo: bytes, outcomes: list[str]) -> None:
    """Call until the server is not there any more."""
    request = request_of(photo, boxes=BOXES)
    while not outcomes or outcomes[-1] != "UNAVAILABLE":
        try:
            await stub.Estimate(request)
            outcomes.append("OK")
        except aio.AioRpcError as error:
            outcomes.append(error.code().name)
            return


def _stream(target: str, photo: bytes) -> tuple[int, int, str]:
    """Send frames until the stream ends: how many were answered, in order, how many were sent, and why it ended."""
    sent = answered = 0

    def frames() -> Iterator[bytes]:
        nonlocal sent
        while True:
            yield photo
            sent += 1

    with GrpcPoseClient(target) as client:
        try:
            for answer in client.stream(frames(), boxes=BOXES):
                assert answer.images[0].error is None
                answered += 1
        except PoseError as error:
            return answered, sent, error.kind
    return answered, sent, "ok"


async def _async_stream(target: str, photo: bytes) -> tuple[int, int, str]:
    """The same with grpc.aio."""
    sent = answered = 0

    async def frames() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            yield photo
            sent += 1

    async with AsyncGrpcPoseClient(target) as client:
        try:
            async for answer in client.stream(frames(), boxes=BOXES):
                assert answer.images[0].error is None
                answered += 1
        except PoseError as error:
            return answered, sent, error.kind
    return answered, sent, "ok"
