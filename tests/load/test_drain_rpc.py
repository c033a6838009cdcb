"""SIGTERM while gRPC calls and streams are under way: what was accepted is answered."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from grpc import StatusCode, aio

from service.pb.pose_pb2 import EstimateRequest
from service.pb.pose_pb2_grpc import PoseServiceStub
from tests.load.conftest import check_log
from tests.load.server import Server
from tests.service.rpc_client import request_of

CALLERS, STREAMS, BEFORE, DRAIN_S = 6, 2, 60, 20
BOXES = [[100, 60, 200, 600]]


async def test_sigterm_in_the_middle_of_calls_and_streams(
    photo: bytes, tmp_path: Path, say: Callable[[str], None]
) -> None:
    server = Server("--drain-s", str(DRAIN_S), "--max-queue-ms", "0", log=tmp_path / "log")
    outcomes: list[str] = []
    try:
        async with aio.insecure_channel(server.grpc) as channel:
            stub = PoseServiceStub(channel)
            callers = [asyncio.create_task(_call_on(stub, photo, outcomes)) for _ in range(CALLERS)]
            streams = [asyncio.create_task(_stream(stub, photo)) for _ in range(STREAMS)]
            while len(outcomes) < BEFORE:
                await asyncio.sleep(0.001)
            server.terminate()
            await asyncio.gather(*callers)
            ends = await asyncio.gather(*streams)
        code = await server.exit_code()
    finally:
        server.kill()
    counts = Counter(outcomes)
    logged = Counter(re.findall(r"gRPC /fasterpose.v1.PoseService/Estimate (\w+)", server.log.read_text()))
    say(
        f"unary {dict(counts)}, the server's log {dict(logged)}; "
        f"streams answered {[answered for answered, _, _ in ends]} of {[sent for _, sent, _ in ends]} frames sent, "
        f"in order, and ended {[status.name for _, _, status in ends]}; exit code {code}"
    )
    assert set(counts) <= {"OK", "UNAVAILABLE"}
    assert counts["OK"] == logged["OK"] >= BEFORE  # none was answered and lost
    assert {status for _, _, status in ends} == {StatusCode.UNAVAILABLE}
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


async def _stream(stub: PoseServiceStub, photo: bytes) -> tuple[int, int, StatusCode]:
    """Send frames until the stream ends: how many were answered, in order, how many were sent, and its status."""
    sent = answered = 0

    async def frames() -> AsyncIterator[EstimateRequest]:
        nonlocal sent
        while True:
            yield request_of(photo, boxes=BOXES, image_id=sent)
            sent += 1

    call = stub.EstimateStream(frames())
    try:
        async for answer in call:
            assert (answer.images[0].id.number, answer.images[0].HasField("error")) == (answered, False)
            answered += 1
    except aio.AioRpcError as error:
        return answered, sent, error.code()
    return answered, sent, StatusCode.OK
