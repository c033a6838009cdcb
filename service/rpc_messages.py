"""Protobuf messages -> the checked call, and what REST answers -> protobuf messages."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from service.calls import PoseCall, check_call, check_image_count, own_or_common, refuse_single_image_options
from service.errors import InvalidBodyError, InvalidOptionError, TooLargeError
from service.jobs import ImageId, ImageJob
from service.parse import check_values
from service.pb import pose_pb2
from service.schemas import BinaryBody, ModelOut, StreamBody
from service.settings import ServiceSettings

STREAM_OPTIONS = ("track", "smooth", "detect_every", "frame_rate")
"""Fields of the options that only EstimateStream takes."""

Request = TypeVar("Request", bound=Message)


def parse(kind: type[Request], data: bytes) -> Request:
    """Bytes as a message.

    Raises:
        InvalidBodyError: they are none of that kind.
    """
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise InvalidBodyError(f"The message is not a {kind.DESCRIPTOR.full_name}.") from error


def read_request(data: bytes, settings: ServiceSettings) -> PoseCall:
    """An `EstimateRequest`, checked as far as it can be without decoding an image.

    Raises:
        ServiceError: it cannot be read, an option or a box is wrong, or there is more than the limits allow.
    """
    request = _open_request(data, settings)
    for name in STREAM_OPTIONS:
        if request.options.HasField(name):
            raise InvalidOptionError(f"options.{name}: only streams track people; send the frames to EstimateStream")
    return _check_request(check_values(BinaryBody, _plain_request(request)), settings)


def read_stream_request(data: bytes, settings: ServiceSettings) -> PoseCall:
    """An `EstimateRequest` of a stream, whose options may ask to track people; see `read_request`.

    Raises:
        ServiceError: as of `read_request`.
    """
    return _check_request(check_values(StreamBody, _plain_request(_open_request(data, settings))), settings)


def _open_request(data: bytes, settings: ServiceSettings) -> pose_pb2.EstimateRequest:
    if len(data) > settings.max_body_bytes:
        raise TooLargeError(f"The body is larger than {settings.max_body_bytes} bytes, the most this server takes.")
    request = parse(pose_pb2.EstimateRequest, data)
    refuse_unknown_fields(_parts(request))
    return request


def _check_request(body: BinaryBody | StreamBody, settings: ServiceSettings) -> PoseCall:
    check_image_count(len(body.images), settings)
    if len(body.images) > 1:
        refuse_single_image_options(body.options, "images[i]")
    places = [own_or_common(i, image.id, image.boxes, body.options) for i, image in enumerate(body.images)]
    images = [ImageJob(image.data, *place) for image, place in zip(body.images, places, strict=True)]
    call = PoseCall(images, body.options)
    check_call(call, settings)
    return call


def refuse_unknown_fields(parts: Iterable[tuple[str, Message]]) -> None:
    """Refuse what a newer client asks for, as REST refuses an unknown option, instead of ignoring it.

    Args:
        parts: how an error names a message, and the message.

    Raises:
        InvalidOptionError: a message has a field that this server does not know.
    """
    for location, message in parts:
        unknown = UnknownFieldSet(message)
        if len(unknown):
            name, number = message.DESCRIPTOR.name, unknown[0].field_number
            raise InvalidOptionError(f"{location}: field {number} is unknown; this server's {name} has no such field")


def given_ids(data: bytes) -> list[ImageId]:
    """The ids under which an `EstimateRequest`'s images are answered if the request itself is wrong; at least one."""
    try:
        request = parse(pose_pb2.EstimateRequest, data)
    except InvalidBodyError:
        return [0]
    ids = [_given_id(image.id, i) for i, image in enumerate(request.images)] or [0]
    return [_given_id(request.options.image_id, ids[0])] if len(ids) == 1 else ids


def response_message(content: Mapping[str, Any], request_id: str) -> pose_pb2.EstimateResponse:
    """The native response (`formats.native`) as a message."""
    return pose_pb2.EstimateResponse(
        model=content["model"],
        images=[_with_id(image, "id") for image in content["images"]],
        results=[_with_id(result, "image_id") for result in content["results"]],
        timings_ms=content["timings_ms"],
        request_id=request_id,
    )


def model_message(model: ModelOut) -> pose_pb2.Model:
    """An entry of the list of models as a message."""
    return pose_pb2.Model(
        **model.model_dump(exclude={"input_size", "skeleton", "accuracy"}),
        input_size=pose_pb2.InputSize(width=model.input_size.width, height=model.input_size.height),
        skeleton=[pose_pb2.Edge(start=start, end=end) for start, end in model.skeleton],
        accuracy={name: pose_pb2.Accuracy(figures=figures) for name, figures in model.accuracy.items()},
    )


def _parts(request: pose_pb2.EstimateRequest) -> Iterator[tuple[str, Message]]:
    """Every message of a request, and how an error names it."""
    yield "request", request
    yield from _option_parts(request.options)
    for i, image in enumerate(request.images):
        yield f"images[{i}]", image
        yield f"images[{i}].id", image.id
        yield from _box_parts(f"images[{i}].boxes", image.boxes)


def _option_parts(options: pose_pb2.Options) -> Iterator[tuple[str, Message]]:
    yield "options", options
    yield "options.image_id", options.image_id
    yield from _box_parts("options.boxes", options.boxes)


def _box_parts(location: str, boxes: pose_pb2.Boxes) -> Iterator[tuple[str, Message]]:
    yield location, boxes
    for i, box in enumerate(boxes.boxes):
        yield f"{location}[{i}]", box


def _plain_request(request: pose_pb2.EstimateRequest) -> dict[str, object]:
    options = {field.name: _plain(value, f"options.{field.name}") for field, value in request.options.ListFields()}
    return {"images": [_plain_image(image, i) for i, image in enumerate(request.images)], "options": options}


def _plain_image(image: pose_pb2.ImageInput, index: int) -> dict[str, object]:
    values: dict[str, object] = {"data": image.data}
    if image.HasField("id"):
        values["id"] = _plain(image.id, f"images[{index}].id")
    if image.HasField("boxes"):
        values["boxes"] = _plain(image.boxes, f"images[{index}].boxes")
    return values


def _plain(value: object, location: str) -> object:
    """A field's value as JSON would hold it."""
    if isinstance(value, pose_pb2.Boxes):
        return [(box.x, box.y, box.width, box.height) for box in value.boxes]
    if not isinstance(value, pose_pb2.ImageId):
        return value
    kind = value.WhichOneof("value")
    if kind is None:
        raise InvalidOptionError(f"{location}: neither `number` nor `text` is set")
    return value.number if kind == "number" else value.text


def _given_id(given: pose_pb2.ImageId, default: ImageId) -> ImageId:
    return {"number": given.number, "text": given.text}.get(given.WhichOneof("value") or "", default)


def _with_id(entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A JSON entry whose id is an `ImageId`."""
    kind = "number" if isinstance(entry[name], int) else "text"
    return {**entry, name: {kind: entry[name]}}
