"""What no answer and no log line may show: paths of the server, stack traces, images, keypoints, files behind URLs."""

import base64
import logging
import re
import socket
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from fastapi import FastAPI
from grpc import aio

from model.contract.arrays import FloatArray, ImageArray
from service.app import create_app
from service.logs import JsonFormatter, TextFormatter
from service.pb import pose_pb2
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.settings import ServiceSettings
from tests.service.conftest import connect
from tests.service.fakes import FakePoseRuntime, make_pipeline
from tests.service.http_client import PNG, check_problem
from tests.service.key_files import Keys
from tests.service.rpc_client import request_of, rpc_channel

FOLDERS = r"/(?:work|home|usr|root|tmp|srv|etc|var|proc)\b"
DISCLOSING = re.compile(rf"Traceback|File \"|\.py\b|site-packages|{FOLDERS}|0x[0-9a-f]{{6}}")
PLACE = "/srv/secret/place/weights.bin"


class FailingRuntime(FakePoseRuntime):
    """Fails with a message that names a file of the server, as runtimes do."""

    def infer(self, batch: ImageArray) -> FloatArray:  # noqa: ARG002 - a runtime's method
        raise RuntimeError(f"cannot map {PLACE} at 0x7f0011223344")


@pytest.fixture
async def failing(keys: Keys) -> AsyncIterator[FastAPI]:
    """An application whose pose network always fails, with an operator's key."""
    settings = ServiceSettings(grpc_port=0, keys_file=keys.path)
    app = create_app(settings, lambda: make_pipeline(pose_runtime=FailingRuntime((48, 64))))
    async with app.router.lifespan_context(app):
        await app.state.loading
        yield app


def bodies(photo: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Good, bad and hostile bodies."""
    json_type, form = {"Content-Type": "application/json"}, {"Content-Type": "multipart/form-data; boundary=x"}
    return [
        (PNG, photo),
        (PNG, photo[: len(photo) // 2]),
        (PNG, b""),
        ({"Content-Type": "../../etc/passwd"}, b"x"),
        (json_type, b'{"images": ['),
        (json_type, b'{"images": [{"data": "file:///etc/passwd"}]}'),
        (json_type, b'{"images": [{"data": "AA==", "../x": 1}]}'),
        (json_type, b"[" * 5000),
        (form, b'--x\r\nContent-Disposition: form-data; name="image"; filename="/etc/passwd"\r\n\r\nx\r\n--x--'),
        (form, b"--x\r\nbroken"),
        ({"Content-Type": "image/heic"}, b"x" * 1000),
    ]


PATHS = (
    "/v1/pose",
    "/v1/pose?boxes=[[1,2,3,4]]&person_threshold=x",
    "/v1/pose?detect=false&format=cvat",
    "/v1/models/..%2f..%2fetc%2fpasswd",
    "/v1/models/none/load",
    "/v1/models/..%2f..%2fetc/load",
    "/v2/models/none",
    "/static/..%2f..%2fapp.py",
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/docs/assets/..%2f__init__.py",
    "/nowhere",
    "/%00",
)


async def test_no_answer_shows_a_path_or_a_stack_trace(failing: FastAPI, keys: Keys, photo: bytes) -> None:
    key = keys.new("all", "pose", "admin", "metrics")
    failing.state.service.keyring.reload()
    seen = set[int]()
    async with connect(failing) as client:
        for path in PATHS:
            for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
                for content_type, body in bodies(photo):
                    headers = {**content_type, "X-API-Key": key}
                    response = await client.request(method, path, content=body, headers=headers)
                    shown = response.text + str(dict(response.headers))
                    found = DISCLOSING.search(shown.replace("../../etc/passwd", ""))  # our own content type, sent back
                    assert not found, (method, path, shown)
                    seen.add(response.status_code)
    assert {400, 404, 405, 415, 422, 500} <= seen


async def test_no_grpc_error_does_either(failing: FastAPI, keys: Keys, photo: bytes) -> None:
    metadata = (("x-api-key", keys.new("lab")),)
    failing.state.service.keyring.reload()
    async with rpc_channel(failing) as channel:
        stub, codes = PoseServiceStub(channel), set[str]()
        for request in (request_of(photo), request_of(photo[:50]), pose_pb2.EstimateRequest()):
            with pytest.raises(aio.AioRpcError) as error:
                await stub.Estimate(request, metadata=metadata)
            assert not DISCLOSING.search(f"{error.value.details()} {error.value.trailing_metadata()}")
            codes.add(error.value.code().name)
    assert codes == {"INTERNAL", "INVALID_ARGUMENT"}


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def lines(logged: pytest.LogCaptureFixture) -> str:
    """All log lines in both forms, as the server would write them; not those of the tests' own client."""
    formatters = (JsonFormatter(), TextFormatter())
    records = [record for record in logged.records if not record.name.startswith("httpx")]
    return "\n".join(formatter.format(record) for record in records for formatter in formatters)


async def test_no_image_and_no_keypoint_is_logged(
    app: FastAPI, client: httpx.AsyncClient, photo: bytes, logged: pytest.LogCaptureFixture
) -> None:
    coded = base64.b64encode(photo).decode()
    answers = [await client.post("/v1/pose?image_id=camera-seven", content=photo, headers=PNG)]
    answers.append(await client.post("/v1/pose", json={"images": [{"data": coded, "id": "camera-seven"}]}))
    answers.append(await client.post("/v1/pose", json={"images": [{"data": coded[:-3], "boxes": [[64.5, 3, 9, 9]]}]}))
    answers.append(await client.post("/v1/pose", files={"image": photo[:-100]}))
    async with rpc_channel(app) as channel:
        await PoseServiceStub(channel).Estimate(request_of(photo))
    text = lines(logged)
    assert text.count("POST /v1/pose") >= 4
    assert "gRPC /fasterpose.v1.PoseService/Estimate OK" in text
    keypoints = answers[0].json()["results"][0]["keypoints"]
    for place in (f"{keypoints[0]}, {keypoints[1]}", f"{keypoints[0]} {keypoints[1]}", "64.5", "camera-seven"):
        assert place not in text
    for part in (coded[100:130], repr(photo[100:112])[2:-1], photo[100:112].hex()):
        assert part not in text


async def test_a_fault_of_ours_logs_its_cause_under_the_request_id_without_the_image(
    failing: FastAPI, keys: Keys, photo: bytes, logged: pytest.LogCaptureFixture
) -> None:
    key = keys.new("lab")
    failing.state.service.keyring.reload()
    async with connect(failing) as client:
        headers = {"X-API-Key": key, "X-Request-ID": "find-me-again"}
        coded = base64.b64encode(photo).decode()
        response = await client.post("/v1/pose", json={"images": [{"data": coded}]}, headers=headers)
    check_problem(response, 500, "The log of the server has the cause under the request id")
    text = lines(logged)
    assert PLACE in text  # the operator sees it
    assert "find-me-again" in text
    assert coded[100:130] not in text
    assert key.split("_", 2)[2] not in text


@pytest.mark.parametrize("scheme", ["http", "https", "file", "ftp", "gopher"])
async def test_urls_are_refused_and_not_followed(client: httpx.AsyncClient, scheme: str) -> None:
    with socket.socket() as bait:
        bait.bind(("127.0.0.1", 0))
        bait.listen()
        bait.setblocking(False)
        url = f"{scheme}://127.0.0.1:{bait.getsockname()[1]}/photo.jpg"
        for body in ({"images": [{"data": url}]}, {"images": [{"url": url}]}, {"images": [url]}, {"url": url}):
            assert (await client.post("/v1/pose", json=body)).status_code == 422
        response = await client.post("/v1/pose", json={"images": [{"data": url}]})
        check_problem(response, 422, "images[0].data: not base64; this server fetches no URL, so send the image itself")
        raw = await client.post("/v1/pose", content=url.encode(), headers={"Content-Type": "image/jpeg"})
        assert raw.status_code == 415
        with pytest.raises(BlockingIOError):
            bait.accept()  # nobody came


def test_the_logs_of_both_forms_have_the_request_id() -> None:
    record = logging.LogRecord("fasterpose.access", logging.INFO, "", 0, "POST /v1/pose 200", None, None)
    record.fields = {"request_id": "abc", "key": "lab", "duration_ms": 1.0}
    assert "request_id=abc" in TextFormatter().format(record)
    assert "key=lab" in TextFormatter().format(record)
    assert orjson.loads(JsonFormatter().format(record))["request_id"] == "abc"
