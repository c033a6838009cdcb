"""REST and gRPC give the same answers and the same errors."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from grpc import StatusCode

from service.app import create_app
from service.pb import pose_pb2
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.settings import ServiceSettings
from tests.conftest import REPOSITORY
from tests.service.conftest import connect, encode
from tests.service.rpc_client import body_of, failure, message_of, problem_of, rpc_channel

CODES = {
    400: StatusCode.INVALID_ARGUMENT,
    413: StatusCode.RESOURCE_EXHAUSTED,
    415: StatusCode.INVALID_ARGUMENT,
    422: StatusCode.INVALID_ARGUMENT,
}
"""API.md's table."""

PHOTOGRAPHS = sorted((REPOSITORY / "service/static/samples").glob("*.jpg"))
SMALL = encode(np.full((30, 40, 3), 9, np.uint8))


def as_json(message: Message) -> dict[str, Any]:
    """A response as REST writes it: ids as they are, numbers as numbers, nothing that is not set."""
    plain = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return _unwrapped(plain)


def _unwrapped(value: Any) -> Any:
    if isinstance(value, list):
        return [_unwrapped(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"number"}:
        return int(value["number"])  # 64 bit numbers are texts in protobuf's JSON
    if set(value) == {"text"}:
        return value["text"]
    return {name: _unwrapped(each) for name, each in value.items()}


def without_time(answer: dict[str, Any]) -> dict[str, Any]:
    assert set(answer.pop("timings_ms")) == {"decode", "detect", "queue", "estimate", "total"}
    return answer


BODIES: list[dict[str, Any]] = [
    {"images": [{}]},
    {"images": [{}], "options": {"image_id": "hopper", "flip_test": True}},
    {
        "images": [{"id": -3, "boxes": [[20.5, 30, 300, 400], [1, 2, 60, 70]]}],
        "options": {"keypoint_threshold": 0.5},
    },
    {"images": [{"boxes": []}]},
    {"images": [{}], "options": {"detect": False, "max_persons": 1, "timeout_ms": 20_000}},
    {"images": [{}], "options": {"person_threshold": 0.0}},
]


async def test_photographs_have_the_same_answers_on_both() -> None:
    app = create_app(ServiceSettings(grpc_port=0, precision="fp32"))
    async with app.router.lifespan_context(app), connect(app) as client, rpc_channel(app) as channel:
        await app.state.loading
        stub, people = PoseServiceStub(channel), 0
        for body in [with_photograph(body, photograph) for photograph in PHOTOGRAPHS for body in BODIES]:
            rest = (await client.post("/v1/pose", json=body_of(body))).json()
            rpc = as_json(await stub.Estimate(message_of(body)))
            assert rpc.pop("request_id")
            assert without_time(rpc) == without_time(rest)
            people += len(rest["results"])
        assert people >= 2 * len(PHOTOGRAPHS)


def with_photograph(body: dict[str, Any], photograph: Path) -> dict[str, Any]:
    return {**body, "images": [{**image, "data": photograph.read_bytes()} for image in body["images"]]}


async def test_several_images_of_which_one_is_bad(
    client: httpx.AsyncClient, stub: PoseServiceStub, photo: bytes
) -> None:
    body = {"images": [{"data": photo, "id": "a"}, {"data": photo[:99]}, {"data": photo, "boxes": [[999, 0, 5, 5]]}]}
    rest = (await client.post("/v1/pose", json=body_of(body))).json()
    rpc = as_json(await stub.Estimate(message_of(body)))
    assert [image.get("error", {}).get("status") for image in rest["images"]] == [None, 400, 422]
    del rpc["request_id"]
    assert without_time(rpc) == without_time(rest)


async def test_the_models_are_the_same(client: httpx.AsyncClient, stub: PoseServiceStub) -> None:
    rest = (await client.get("/v1/models")).json()
    rpc = as_json(await stub.ListModels(pose_pb2.ListModelsRequest()))
    for model in rpc["models"]:
        model["skeleton"] = [[edge["start"], edge["end"]] for edge in model["skeleton"]]
        model["accuracy"] = {name: each["figures"] for name, each in model["accuracy"].items()}
    assert rpc == rest


def one(data: bytes = SMALL, options: dict[str, Any] | None = None, **image: Any) -> dict[str, Any]:
    return {"images": [{"data": data, **image}], "options": options or {}}


BAD: dict[str, tuple[int, dict[str, Any]]] = {
    "empty": (400, one(b"")),
    "truncated": (400, one(SMALL[:60])),
    "header only": (400, one(b"\x89PNG\r\n\x1a\n")),
    "not an image": (415, one(b"hello")),
    "too many bytes": (413, one(SMALL + b"x" * 300_000)),
    "too many pixels": (413, one(encode(np.zeros((500, 500, 3), np.uint8)))),
    "too many images": (413, {"images": [{"data": SMALL}] * 4}),
    "too many boxes": (413, one(boxes=[[0, 0, 9, 9]] * 5)),
    "no image": (422, {"images": []}),
    "threshold above 1": (422, one(options={"person_threshold": 1.5})),
    "nobody wanted": (422, one(options={"max_persons": 0})),
    "no time": (422, one(options={"timeout_ms": 0})),
    "too much time": (422, one(options={"timeout_ms": 2**31 - 1})),
    "empty id": (422, one(id="")),
    "long id": (422, one(id="x" * 257)),
    "flat box": (422, one(boxes=[[0, 0, 9, 9], [0, 0, 9, 0.5]])),
    "far box": (422, one(boxes=[[1e7, 0, 9, 9]])),
    "box outside": (422, one(boxes=[[0, 0, 9, 9], [100, 0, 9, 9]])),
    "box outside, in the options": (422, one(options={"boxes": [[100, 0, 9, 9]]})),
    "boxes given twice": (422, one(boxes=[], options={"boxes": []})),
    "id given twice": (422, one(id=1, options={"image_id": 1})),
    "fewer people than boxes": (422, one(boxes=[[0, 0, 9, 9]] * 2, options={"max_persons": 1})),
    "one id for two": (422, {"images": [{"data": SMALL, "id": 1}, {"data": SMALL}]}),
}


@pytest.mark.parametrize("name", BAD)
async def test_errors_are_the_same(client: httpx.AsyncClient, stub: PoseServiceStub, name: str) -> None:
    status, body = BAD[name]
    response = await client.post("/v1/pose", json=body_of(body))
    assert response.status_code == status, response.text
    error = await failure(stub.Estimate(message_of(body)))
    assert error.code() is CODES[status]
    rest, rpc = response.json(), problem_of(error)
    for problem in (rest, rpc):
        del problem["request_id"]
    assert rpc == rest


async def test_options_of_one_image_are_refused_for_several_on_both(
    client: httpx.AsyncClient, stub: PoseServiceStub
) -> None:
    body = {"images": [{"data": SMALL}] * 2, "options": {"boxes": []}}
    response = await client.post("/v1/pose", json=body_of(body))
    error = await failure(stub.Estimate(message_of(body)))
    assert (response.status_code, error.code()) == (422, StatusCode.INVALID_ARGUMENT)
    for detail in (response.json()["detail"], problem_of(error)["detail"]):
        assert detail.startswith("boxes: belongs to one image; for several use ")
