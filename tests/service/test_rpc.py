"""`PoseService` over a real channel: answers, deadlines, cancellation, metrics, logs, health, reflection."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator

import cv2
import grpc
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from service.app import create_app
from service.logs import JsonFormatter, TextFormatter
from service.pb import pose_pb2
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.pipeline import Pipeline
from service.settings import ServiceSettings
from service.state import Service
from tests.service.fakes import FakePoseRuntime, make_pipeline
from tests.service.rpc_client import (
    Blocked,
    failure,
    health_stub,
    ids_of,
    message_of,
    metadata_of,
    problem_of,
    reflection_stub,
    request_of,
    rpc_channel,
)

ESTIMATE = "/fasterpose.v1.PoseService/Estimate"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
PNG = {"Content-Type": "image/png"}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Records(logging.Handler):
    """The access log's records as they come."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[logging.LogRecord] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self._loop.call_soon_threadsafe(self.queue.put_nowait, record)


@pytest.fixture
async def access(caplog: pytest.LogCaptureFixture) -> AsyncIterator[asyncio.Queue[logging.LogRecord]]:
    records, logger = Records(), logging.getLogger("fasterpose.access")
    caplog.set_level(logging.INFO, logger.name)
    logger.addHandler(records)
    yield records.queue
    logger.removeHandler(records)


def counted(app: FastAPI, name: str, **labels: str) -> float | None:
    return app.state.service.metrics.registry.get_sample_value(name, labels)


async def test_people_are_found(stub: PoseServiceStub, photo: bytes) -> None:
    response = await stub.Estimate(request_of(photo))
    assert (response.model.name, response.model.version, response.model.detector) == (
        "fake-pose",
        "1.2.3",
        "fake-detector",
    )
    assert (ids_of(response.images), response.images[0].width, response.images[0].height) == ([0], 320, 240)
    first, second = response.results
    assert (first.category_id, len(first.bbox), len(first.keypoints)) == (1, 4, 51)
    assert first.score > second.score
    assert response.timings_ms.total > 0


async def test_one_bad_image_of_several_fails_alone(stub: PoseServiceStub, photo: bytes) -> None:
    response = await stub.Estimate(request_of(photo, photo[:100], photo))
    assert [image.HasField("error") for image in response.images] == [False, True, False]
    assert (response.images[1].error.status, response.images[1].HasField("width")) == (400, False)
    assert [result.image_id.number for result in response.results] == [0, 0, 2, 2]


async def test_the_models_are_listed(stub: PoseServiceStub) -> None:
    detector, pose = (await stub.ListModels(pose_pb2.ListModelsRequest())).models
    assert (detector.name, detector.task, detector.input_size.width) == ("fake-detector", "detector", 160)
    assert (pose.sha256, pose.accuracy["fp32"].figures["AP"]) == ("cd" * 32, 0.5)


async def test_a_request_id_is_echoed_or_made(stub: PoseServiceStub, photo: bytes) -> None:
    call = stub.Estimate(request_of(photo), metadata=(("x-request-id", "abc-123"),))
    assert (await call).request_id == "abc-123"
    assert ("x-request-id", "abc-123") in list(await call.trailing_metadata())
    made = {(await stub.Estimate(request_of(photo))).request_id for _ in range(2)}
    assert [len(each) for each in made] == [16, 16]
    error = await failure(stub.Estimate(request_of(b""), metadata=(("x-request-id", "abc-124"),)))
    assert problem_of(error)["request_id"] == "abc-124"


async def test_the_server_takes_and_refuses_messages_by_their_size() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1450, 1450, 3), np.uint8)
    large = cv2.imencode(".bmp", noise)[1].tobytes()
    assert len(large) > 6_000_000
    roomy = create_app(ServiceSettings(grpc_port=0), make_pipeline)
    async with roomy.router.lifespan_context(roomy), rpc_channel(roomy) as channel:
        await roomy.state.loading
        response = await PoseServiceStub(channel).Estimate(request_of(large))
        assert (response.images[0].width, response.images[0].height) == (1450, 1450)
        error = await failure(PoseServiceStub(channel).Estimate(request_of(b"x" * 2**25)))
        assert error.code() is StatusCode.RESOURCE_EXHAUSTED
    narrow = create_app(ServiceSettings(grpc_port=0, grpc_max_message_bytes=1000), make_pipeline)
    async with narrow.router.lifespan_context(narrow), rpc_channel(narrow) as channel:
        await narrow.state.loading
        assert (await failure(PoseServiceStub(channel).Estimate(request_of(b"x" * 1000)))).code() is (
            StatusCode.RESOURCE_EXHAUSTED
        )
        assert (await failure(PoseServiceStub(channel).Estimate(request_of(b"x" * 900)))).code() is (
            StatusCode.INVALID_ARGUMENT
        )


async def test_compressed_messages_are_refused(app: FastAPI, photo: bytes) -> None:
    async with rpc_channel(app, compression=grpc.Compression.Gzip) as channel:
        error = await failure(PoseServiceStub(channel).Estimate(request_of(photo)))
    assert (error.code(), "gzip" in (error.details() or "")) == (StatusCode.UNIMPLEMENTED, True)


async def test_the_clients_deadline_drops_the_work(
    app: FastAPI, stub: PoseServiceStub, photo: bytes, blocked: Blocked, access: asyncio.Queue[logging.LogRecord]
) -> None:
    error = await failure(stub.Estimate(request_of(photo), timeout=0.05))
    assert error.code() is StatusCode.DEADLINE_EXCEEDED
    assert (await access.get()).getMessage() == f"gRPC {ESTIMATE} DEADLINE_EXCEEDED"
    await nothing_was_estimated(app, blocked)
    assert counted(app, "fasterpose_rejected_total", reason="deadline-exceeded") == 1


async def test_timeout_ms_wins_over_a_later_deadline(
    app: FastAPI, stub: PoseServiceStub, photo: bytes, blocked: Blocked
) -> None:
    error = await failure(stub.Estimate(request_of(photo, timeout_ms=50), timeout=20))
    assert error.code() is StatusCode.DEADLINE_EXCEEDED
    assert "50 ms" in problem_of(error)["detail"]
    await nothing_was_estimated(app, blocked)
    assert counted(app, "fasterpose_rejected_total", reason="deadline-exceeded") == 1


async def test_a_client_that_cancels_drops_its_work(
    app: FastAPI, stub: PoseServiceStub, photo: bytes, blocked: Blocked, access: asyncio.Queue[logging.LogRecord]
) -> None:
    call = stub.Estimate(request_of(photo))
    answer = asyncio.ensure_future(call)
    await blocked.entered.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    assert (await access.get()).getMessage() == f"gRPC {ESTIMATE} CANCELLED"
    await nothing_was_estimated(app, blocked)
    labels = {"transport": "grpc", "method": ESTIMATE, "status": "CANCELLED"}
    assert counted(app, "fasterpose_requests_total", **labels) == 1


async def nothing_was_estimated(app: FastAPI, blocked: Blocked) -> None:
    """The pose network has seen nothing, the place in the service is free, and the service goes on."""
    service: Service = app.state.service
    runtime = service.pipeline.estimator.model.runtime
    assert isinstance(runtime, FakePoseRuntime)
    blocked.release()
    assert counted(app, "fasterpose_in_flight_requests") == 0
    async with rpc_channel(app) as channel:
        await PoseServiceStub(channel).Estimate(request_of(app_photo(), boxes=[[0, 0, 9, 9]]))
    assert runtime.batches == [1]


def app_photo() -> bytes:
    return cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1].tobytes()


async def test_a_call_is_counted_and_one_log_line(
    app: FastAPI, stub: PoseServiceStub, photo: bytes, access: asyncio.Queue[logging.LogRecord]
) -> None:
    metadata = (("x-request-id", "abc"), ("traceparent", TRACEPARENT))
    await stub.Estimate(request_of(photo), metadata=metadata)
    record = await access.get()
    line = json.loads(JsonFormatter().format(record))
    assert (line["method"], line["path"], line["status"], line["request_id"]) == ("gRPC", ESTIMATE, "OK", "abc")
    assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert f"gRPC {ESTIMATE} OK" in TextFormatter().format(record)
    assert counted(app, "fasterpose_requests_total", transport="grpc", method=ESTIMATE, status="OK") == 1
    assert counted(app, "fasterpose_request_duration_seconds_count", transport="grpc", method=ESTIMATE) == 1
    assert counted(app, "fasterpose_persons_per_image_count") == 1
    assert counted(app, "fasterpose_stage_duration_seconds_count", stage="encode") == 1
    await failure(stub.Estimate(request_of(photo, max_persons=0)))
    assert "trace_id" not in json.loads(JsonFormatter().format(await access.get()))
    assert counted(app, "fasterpose_requests_total", transport="grpc", method=ESTIMATE, status="INVALID_ARGUMENT") == 1


async def test_too_many_calls_in_flight_are_refused(photo: bytes) -> None:
    full = create_app(ServiceSettings(grpc_port=0, max_in_flight=1), make_pipeline)
    async with full.router.lifespan_context(full), rpc_channel(full) as channel:
        await full.state.loading
        with full.state.service.admitted():
            error = await failure(PoseServiceStub(channel).Estimate(request_of(photo)))
        assert (error.code(), problem_of(error)["status"]) == (StatusCode.RESOURCE_EXHAUSTED, 429)
        assert metadata_of(error)["retry-after"] == "1"
        assert counted(full, "fasterpose_rejected_total", reason="overloaded") == 1
        await PoseServiceStub(channel).Estimate(request_of(photo))


async def test_loading_and_draining_are_unavailable(photo: bytes) -> None:
    loaded = threading.Event()

    def load() -> Pipeline:
        assert loaded.wait(20)
        return make_pipeline()

    app = create_app(ServiceSettings(grpc_port=0), load)
    async with app.router.lifespan_context(app), rpc_channel(app) as channel:
        stub, health = PoseServiceStub(channel), health_stub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(service="fasterpose.v1.PoseService"))
        assert (await watch.read()).status == NOT_SERVING
        for call in (stub.Estimate(request_of(photo)), stub.ListModels(pose_pb2.ListModelsRequest())):
            error = await failure(call)
            assert (error.code(), problem_of(error)["status"]) == (StatusCode.UNAVAILABLE, 503)
            assert "loading" in problem_of(error)["detail"]
        assert metadata_of(error)["retry-after"] == "1"
        loaded.set()
        assert (await watch.read()).status == SERVING
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == SERVING
        await stub.Estimate(request_of(photo))
        app.state.service.drain()
        assert (await watch.read()).status == NOT_SERVING
        assert await watch.read() is aio.EOF  # it would keep the server from ending
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == NOT_SERVING
        error = await failure(stub.Estimate(request_of(photo)))
        assert (error.code(), "shutting down" in problem_of(error)["detail"]) == (StatusCode.UNAVAILABLE, True)


async def test_health_knows_only_what_is_served(app: FastAPI) -> None:
    async with rpc_channel(app) as channel:
        health = health_stub(channel)
        unknown = health_pb2.HealthCheckRequest(service="other")
        assert (await failure(health.Check(unknown))).code() is StatusCode.NOT_FOUND
        watch = health.Watch(unknown)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        watch.cancel()


async def test_reflection_describes_the_services(app: FastAPI) -> None:
    async with rpc_channel(app) as channel:
        reflect = reflection_stub(channel).ServerReflectionInfo
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="fasterpose.v1.PoseService"),
        ]
        services, file = [answer async for answer in reflect(iter(requests))]
    names = {service.name for service in services.list_services_response.service}
    assert names == {
        "fasterpose.v1.PoseService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert file.file_descriptor_response.file_descriptor_proto[0] == pose_pb2.DESCRIPTOR.serialized_pb


async def test_a_fault_of_ours_is_internal_without_its_cause(app: FastAPI, stub: PoseServiceStub, photo: bytes) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret /home/someone/model.onnx")

    app.state.service.pipeline.detector.people = fail
    error = await failure(stub.Estimate(request_of(photo)))
    assert (error.code(), problem_of(error)["status"]) == (StatusCode.INTERNAL, 500)
    assert "secret" not in str(error)
    await stub.Estimate(request_of(photo, boxes=[[0, 0, 9, 9]]))


async def test_a_message_that_is_none_is_an_error_of_the_client(app: FastAPI) -> None:
    async with rpc_channel(app) as channel:
        send = channel.unary_unary(ESTIMATE)
        error = await failure(send(b"\xff\xff\xff"))
    assert (error.code(), problem_of(error)["status"]) == (StatusCode.INVALID_ARGUMENT, 400)
    assert problem_of(error)["detail"] == "The message is not a fasterpose.v1.EstimateRequest."


async def test_both_transports_share_one_place_in_the_service(
    client: httpx.AsyncClient, stub: PoseServiceStub, photo: bytes
) -> None:
    calls = asyncio.gather(*(stub.Estimate(request_of(photo)) for _ in range(5)))
    posts = asyncio.gather(*(client.post("/v1/pose", content=photo, headers=PNG) for _ in range(5)))
    assert [len(answer.results) for answer in await calls] == [2] * 5
    assert [len(answer.json()["results"]) for answer in await posts] == [2] * 5


async def test_ids_are_those_of_the_request(stub: PoseServiceStub, photo: bytes) -> None:
    images = [{"data": photo, "id": "left"}, {"data": photo}, {"data": photo, "id": -5, "boxes": []}]
    response = await stub.Estimate(message_of({"images": images}))
    assert ids_of(response.images) == ["left", 1, -5]
    assert {result.image_id.text or result.image_id.number for result in response.results} == {"left", 1}
