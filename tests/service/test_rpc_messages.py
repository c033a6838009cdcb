"""Protobuf messages to calls and back."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from pydantic import BaseModel

from service import rpc_messages, schemas
from service.calls import PoseCall
from service.errors import InvalidOptionError, ServiceError, TooLargeError
from service.jobs import ImageJob
from service.pb import pose_pb2
from service.rpc_messages import STREAM_OPTIONS, refuse_unknown_fields, response_message
from service.schemas import Options, StreamOptions
from service.settings import ServiceSettings
from service.tracking.options import TrackingOptions
from tests.conftest import REPOSITORY
from tests.service.rpc_client import message_of, request_of

SETTINGS = ServiceSettings(max_images=3, max_boxes=4, max_body_bytes=1000)
ALL_OPTIONS: dict[str, Any] = {
    "boxes": [[1, 2, 3, 4]],
    "detect": False,
    "person_threshold": 0.0,
    "keypoint_threshold": 0.25,
    "max_persons": 7,
    "flip_test": True,
    "image_id": "left",
    "timeout_ms": 50,
}
UNKNOWN_FIELD = b"\xb0\x06\x01"
"""Field 102, varint 1, on the wire."""


def read_request(request: pose_pb2.EstimateRequest) -> PoseCall:
    return rpc_messages.read_request(request.SerializeToString(), SETTINGS)


def given_ids(request: pose_pb2.EstimateRequest) -> list[int | str]:
    return rpc_messages.given_ids(request.SerializeToString())


def test_the_stubs_in_the_repository_are_those_of_the_proto(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate", REPOSITORY / "protos/generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    generate.generate(tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in (REPOSITORY / "service/pb").glob("pose_pb2*")}
    assert set(made) == {"pose_pb2.py", "pose_pb2.pyi", "pose_pb2_grpc.py", "pose_pb2_grpc.pyi"}
    assert made == kept, "the stubs are old; write them anew: make protos"


@pytest.mark.parametrize(
    ("message", "schema", "only_rest", "only_grpc"),
    [
        (pose_pb2.EstimateRequest, schemas.JsonBody, set(), set()),
        (pose_pb2.ImageInput, schemas.ImageIn, set(), set()),
        (pose_pb2.Options, schemas.Options, {"format"}, set(STREAM_OPTIONS)),
        (pose_pb2.Options, schemas.StreamOptions, {"format"}, set()),
        (pose_pb2.EstimateResponse, schemas.PoseResponse, set(), {"request_id"}),
        (pose_pb2.ModelNames, schemas.ModelNames, set(), set()),
        (pose_pb2.Image, schemas.ImageOut, set(), set()),
        (pose_pb2.Problem, schemas.ImageProblem, set(), set()),
        (pose_pb2.PoseResult, schemas.PoseResult, set(), {"track_id"}),
        (pose_pb2.Timings, schemas.Timings, set(), set()),
        (pose_pb2.ListModelsResponse, schemas.ModelList, set(), set()),
        (pose_pb2.Model, schemas.ModelOut, set(), set()),
        (pose_pb2.InputSize, schemas.InputSize, set(), set()),
    ],
)
def test_the_messages_mirror_the_fields_of_rest(
    message: type[Message], schema: type[BaseModel], only_rest: set[str], only_grpc: set[str]
) -> None:
    fields = {field.name for field in message.DESCRIPTOR.fields}
    assert fields - only_grpc == set(schema.model_fields) - only_rest
    assert only_grpc <= fields


def test_what_is_absent_has_its_default() -> None:
    call = read_request(request_of(b"a", b"b"))
    assert call.options == Options()
    assert call.options.model_fields_set == set()
    assert call.images == [
        ImageJob(b"a", 0, None, "images[0].boxes"),
        ImageJob(b"b", 1, None, "images[1].boxes"),
    ]


def test_every_option_reaches_the_call() -> None:
    call = read_request(request_of(b"a", **ALL_OPTIONS))
    assert call.options == Options.model_validate(ALL_OPTIONS)
    assert set(ALL_OPTIONS) | set(STREAM_OPTIONS) == {field.name for field in pose_pb2.Options.DESCRIPTOR.fields}
    assert call.images == [ImageJob(b"a", "left", ((1, 2, 3, 4),), "options.boxes")]


def test_every_option_of_a_stream_reaches_the_call() -> None:
    options = ALL_OPTIONS | {"track": True, "smooth": True, "detect_every": 5, "frame_rate": 25.0}
    call = rpc_messages.read_stream_request(request_of(b"a", **options).SerializeToString(), SETTINGS)
    assert call.options == StreamOptions.model_validate(options)
    assert isinstance(call.options, StreamOptions)
    assert call.options.for_tracking() == TrackingOptions(5, smooth=True, frame_rate=25.0)


@pytest.mark.parametrize(
    ("name", "value"), [("track", False), ("smooth", True), ("detect_every", 1), ("frame_rate", 1)]
)
def test_options_of_streams_are_refused_elsewhere(name: str, value: float) -> None:
    assert name in STREAM_OPTIONS
    with pytest.raises(InvalidOptionError, match=f"options.{name}: only streams track people"):
        read_request(request_of(b"a", **{name: value}))


def test_no_boxes_and_an_empty_list_of_boxes_differ() -> None:
    request = message_of({"images": [{"data": b"a"}, {"data": b"b", "boxes": []}]})
    first, second = read_request(request).images
    assert (first.boxes, second.boxes) == (None, ())
    (image,) = read_request(request_of(b"a", boxes=[])).images
    assert image.boxes == ()


@pytest.mark.parametrize("image_id", [0, -(2**63), 2**63 - 1, "0", "ä"])
def test_ids_keep_their_kind(image_id: int | str) -> None:
    request = message_of({"images": [{"data": b"a", "id": image_id}]})
    assert read_request(request).images[0].image_id == image_id
    assert given_ids(request) == [image_id]


def test_a_failed_request_is_answered_under_the_ids_it_gives() -> None:
    assert given_ids(message_of({"images": [{"data": b"a", "id": "x"}, {"data": b"b"}]})) == ["x", 1]
    assert given_ids(request_of(b"a", image_id=9)) == [9]
    assert given_ids(pose_pb2.EstimateRequest()) == [0]


@pytest.mark.parametrize(
    ("request_", "kind", "detail"),
    [
        (pose_pb2.EstimateRequest(), InvalidOptionError, r"images: list should have at least 1 item"),
        (request_of(*[b"a"] * 4), TooLargeError, "4 images; at most 3"),
        (request_of(b"a" * 1001), TooLargeError, "larger than 1000 bytes"),
        (request_of(b"a", b"b", image_id=1), InvalidOptionError, r"^image_id: belongs to one image; .* images\[i\]"),
        (
            pose_pb2.EstimateRequest(images=[pose_pb2.ImageInput(id={})]),
            InvalidOptionError,
            r"^images\[0\].id: neither",
        ),
        (pose_pb2.EstimateRequest(options={"image_id": {}}), InvalidOptionError, r"^options.image_id: neither"),
    ],
)
def test_wrong_requests_are_refused(request_: pose_pb2.EstimateRequest, kind: type[ServiceError], detail: str) -> None:
    with pytest.raises(kind) as error:
        read_request(request_)
    assert type(error.value) is kind
    error.match(detail)


PARTS: dict[str, Callable[[pose_pb2.EstimateRequest], Message]] = {
    "request": lambda request: request,
    "options": lambda request: request.options,
    "options.image_id": lambda request: request.options.image_id,
    "options.boxes[0]": lambda request: request.options.boxes.boxes[0],
    "images[1]": lambda request: request.images[1],
    "images[1].id": lambda request: request.images[1].id,
    "images[1].boxes": lambda request: request.images[1].boxes,
    "images[1].boxes[1]": lambda request: request.images[1].boxes.boxes[1],
}


@pytest.mark.parametrize("location", PARTS)
def test_a_field_that_this_server_does_not_know_is_refused(location: str) -> None:
    second = {"data": b"b", "id": 2, "boxes": [[1, 1, 1, 1]] * 2}
    request = message_of({"images": [{"data": b"a"}, second], "options": {"boxes": [[1, 1, 1, 1]], "image_id": 1}})
    PARTS[location](request).MergeFromString(UNKNOWN_FIELD)
    with pytest.raises(InvalidOptionError) as error:
        read_request(request)
    assert error.value.detail.startswith(f"{location}: field 102 is unknown; this server's ")


def test_list_models_takes_no_field() -> None:
    request = pose_pb2.ListModelsRequest.FromString(UNKNOWN_FIELD)
    with pytest.raises(InvalidOptionError, match="this server's ListModelsRequest has no such field"):
        refuse_unknown_fields([("request", request)])


def test_a_response_keeps_every_number() -> None:
    person = {"category_id": 1, "bbox": [0.1, 0.2, 30.3, 40.7], "bbox_score": 0.123457, "score": 0.1}
    timings = {"decode": 0.01, "detect": 0.02, "queue": 0.03, "estimate": 0.04, "total": 0.05}
    error = {"type": "t", "title": "x", "status": 400, "detail": "d"}
    message = response_message(
        {
            "model": {"name": "a", "version": "b", "detector": "c"},
            "images": [{"id": "x", "width": 640, "height": 480}, {"id": 3, "error": error}],
            "results": [{**person, "image_id": "x", "keypoints": [0.1 * i for i in range(51)]}],
            "timings_ms": timings,
        },
        "the-id",
    )
    assert (message.images[0].id.text, message.images[0].width, message.images[0].HasField("error")) == (
        "x",
        640,
        False,
    )
    failed = message.images[1]
    assert (failed.id.number, failed.HasField("width"), failed.error.status) == (3, False, 400)
    assert list(message.results[0].keypoints) == [0.1 * i for i in range(51)]
    assert list(message.results[0].bbox) == person["bbox"]
    assert message.timings_ms.queue == 0.03
    assert message.request_id == "the-id"
