"""The three body forms of `POST /v1/pose` -> the images and options of one call."""

from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from model.contract.crop import Box
from service.errors import InvalidBodyError, InvalidOptionError, TooLargeError, UnsupportedMediaError
from service.jobs import ImageId, ImageJob
from service.parse import check_json_body, check_options, decode_base64, parse_options_part, parse_query
from service.schemas import BoxIn, ImageIn, Options
from service.settings import ServiceSettings

BODY_FORMS = "image/*, application/octet-stream, multipart/form-data or application/json"


@dataclass(frozen=True)
class PoseCall:
    """One request, checked.

    Attributes:
        images: at least one.
        options: the request's options.
    """

    images: list[ImageJob]
    options: Options


async def read_call(request: Request, settings: ServiceSettings) -> PoseCall:
    """Read a request's body by its content type, and check all that can be checked without decoding an image.

    Raises:
        ServiceError: the body or an option is wrong, or there is more than the limits allow.
    """
    media_type = request.headers.get("content-type", "application/octet-stream").split(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaError("Compressed bodies are not taken; send the image file as it is.")
    if media_type == "application/json":
        call = await _read_json(request, settings)
    elif media_type == "multipart/form-data":
        call = await _read_multipart(request, settings)
    elif media_type.startswith("image/") or media_type == "application/octet-stream":
        call = await _read_raw(request)
    else:
        raise UnsupportedMediaError(f"Content-Type {media_type} is not taken; send {BODY_FORMS}.")
    _check_call(call, settings)
    return call


async def _read_raw(request: Request) -> PoseCall:
    options = check_options(parse_query(request.query_params.multi_items()))
    return PoseCall([_only_image(await request.body(), options)], options)


async def _read_multipart(request: Request, settings: ServiceSettings) -> PoseCall:
    query = parse_query(request.query_params.multi_items())
    files, part = await _read_parts(request, settings)
    twice = sorted(query.keys() & part.keys())
    if twice:
        raise InvalidOptionError(f"{twice[0]}: given both in the query and in the part `options`")
    options = check_options(query | part)
    if len(files) == 1:
        return PoseCall([_only_image(files[0], options)], options)
    _refuse_single_image_options(options)
    return PoseCall([ImageJob(data, i) for i, data in enumerate(files)], options)


async def _read_json(request: Request, settings: ServiceSettings) -> PoseCall:
    if request.query_params:
        raise InvalidOptionError(f"{next(iter(request.query_params))}: a JSON body carries its options in `options`")
    body = check_json_body(await request.body())
    _check_image_count(len(body.images), settings)
    if len(body.images) > 1:
        _refuse_single_image_options(body.options)
    return PoseCall([_json_image(image, i, body.options) for i, image in enumerate(body.images)], body.options)


def _json_image(image: ImageIn, index: int, options: Options) -> ImageJob:
    for name, own, common in (("id", image.id, options.image_id), ("boxes", image.boxes, options.boxes)):
        if own is not None and common is not None:
            raise InvalidOptionError(f"images[{index}].{name}: given both with the image and in the options")
    image_id = next((i for i in (image.id, options.image_id) if i is not None), index)
    boxes, location = image.boxes, f"images[{index}].boxes"
    if options.boxes is not None:
        boxes, location = options.boxes, "options.boxes"
    return ImageJob(decode_base64(image.data, f"images[{index}].data"), image_id, _boxes(boxes), location)


def _only_image(data: bytes, options: Options) -> ImageJob:
    image_id: ImageId = 0 if options.image_id is None else options.image_id
    return ImageJob(data, image_id, _boxes(options.boxes))


def _boxes(boxes: list[BoxIn] | None) -> tuple[Box, ...] | None:
    return None if boxes is None else tuple(boxes)


def _refuse_single_image_options(options: Options) -> None:
    for name in ("boxes", "image_id"):
        if getattr(options, name) is not None:
            raise InvalidOptionError(f"{name}: belongs to one image; for several use the JSON form, images[i].{name}")


async def _read_parts(request: Request, settings: ServiceSettings) -> tuple[list[bytes], dict[str, object]]:
    """The parts `image`, in order, and the values of the part `options`."""
    parser = MultiPartParser(request.headers, request.stream(), max_files=settings.max_images + 1, max_fields=1)
    parser.spool_max_size = settings.max_body_bytes  # in memory, never a file: the body is bounded already
    try:
        form = await parser.parse()
    except MultiPartException as error:
        refusal = TooLargeError if error.message.startswith("Too many files") else InvalidBodyError
        raise refusal(error.message) from error
    files: list[bytes] = []
    options: dict[str, object] = {}
    for name, value in form.multi_items():
        content = await value.read() if isinstance(value, UploadFile) else value.encode()
        if name == "image" and isinstance(value, UploadFile):
            files.append(content)
        elif name == "options":
            options = parse_options_part(content)
        else:
            raise InvalidOptionError(f"{name}: unknown part; send files as `image` and at most one part `options`")
    _check_image_count(len(files), settings)
    return files, options


def _check_image_count(count: int, settings: ServiceSettings) -> None:
    if count == 0:
        raise InvalidOptionError("image: no part `image` with a file; with curl: -F image=@photo.jpg")
    if count > settings.max_images:
        raise TooLargeError(f"{count} images; at most {settings.max_images} are taken in one request.")


def _check_call(call: PoseCall, settings: ServiceSettings) -> None:
    ids = [image.image_id for image in call.images]
    for i, image in enumerate(call.images):
        if image.image_id in ids[:i]:
            raise InvalidOptionError(f"images[{i}].id: {image.image_id!r} is the id of two images")
        _check_box_count(image, call.options, settings)
    if call.options.format == "cvat" and len(call.images) > 1:
        raise InvalidOptionError("format: cvat answers one image; send one request for each")


def _check_box_count(image: ImageJob, options: Options, settings: ServiceSettings) -> None:
    count = len(image.boxes or ())
    if count > settings.max_boxes:
        raise TooLargeError(
            f"{image.boxes_location}: {count} boxes; at most {settings.max_boxes} are taken for an image."
        )
    if "max_persons" in options.model_fields_set and count > options.max_persons:
        raise InvalidOptionError(f"max_persons: {options.max_persons}, but {image.boxes_location} holds {count} boxes")
