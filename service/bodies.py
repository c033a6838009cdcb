"""The three body forms of `POST /v1/pose` -> the images and options of one call."""

import io

from starlette.requests import Request

from service.calls import (
    PoseCall,
    as_boxes,
    check_call,
    check_image_count,
    own_or_common,
    refuse_single_image_options,
)
from service.errors import InvalidBodyError, InvalidOptionError, UnsupportedMediaError
from service.jobs import ImageId, ImageJob
from service.multipart import read_parts
from service.parse import check_json_body, check_options, decode_base64, parse_options_part, parse_query
from service.schemas import ImageIn, Options
from service.settings import ServiceSettings

BODY_FORMS = "image/*, application/octet-stream, multipart/form-data or application/json"
OF_EACH_IMAGE = "the JSON form, images[i]"
"""Where the options stand that belong to one image of several."""


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
    check_call(call, settings)
    return call


async def _whole_body(request: Request) -> bytes:
    """In one buffer that grows: pieces that are joined when all are there hold a body twice, and leave holes behind."""
    body = io.BytesIO()
    async for piece in request.stream():
        body.write(piece)
    return body.getvalue()


async def _read_raw(request: Request) -> PoseCall:
    options = check_options(parse_query(request.query_params.multi_items()))
    return PoseCall([_only_image(await _whole_body(request), options)], options)


async def _read_multipart(request: Request, settings: ServiceSettings) -> PoseCall:
    query = parse_query(request.query_params.multi_items())
    files, part = await _read_form(request, settings)
    twice = sorted(query.keys() & part.keys())
    if twice:
        raise InvalidOptionError(f"{twice[0]}: given both in the query and in the part `options`")
    options = check_options(query | part)
    if len(files) == 1:
        return PoseCall([_only_image(files[0], options)], options)
    refuse_single_image_options(options, OF_EACH_IMAGE)
    return PoseCall([ImageJob(data, i) for i, data in enumerate(files)], options)


async def _read_json(request: Request, settings: ServiceSettings) -> PoseCall:
    if request.query_params:
        raise InvalidOptionError(f"{next(iter(request.query_params))}: a JSON body carries its options in `options`")
    body = check_json_body(await _whole_body(request))
    check_image_count(len(body.images), settings)
    if len(body.images) > 1:
        refuse_single_image_options(body.options, OF_EACH_IMAGE)
    return PoseCall([_json_image(image, i, body.options) for i, image in enumerate(body.images)], body.options)


def _json_image(image: ImageIn, index: int, options: Options) -> ImageJob:
    image_id, boxes, location = own_or_common(index, image.id, image.boxes, options)
    return ImageJob(decode_base64(image.data, f"images[{index}].data"), image_id, boxes, location)


def _only_image(data: bytes, options: Options) -> ImageJob:
    image_id: ImageId = 0 if options.image_id is None else options.image_id
    return ImageJob(data, image_id, as_boxes(options.boxes))


async def _read_form(request: Request, settings: ServiceSettings) -> tuple[list[bytes], dict[str, object]]:
    """The parts `image`, in order, and the values of the part `options`."""
    most = settings.max_images + 2  # one image more, so that it can be said how many are allowed, and the options
    files: list[bytes] = []
    options: dict[str, object] | None = None
    for part in read_parts(request.headers["content-type"], await _whole_body(request), most):
        if part.name == "image" and part.is_file:
            files.append(part.content)
        elif part.name != "options":
            raise InvalidOptionError(f"{part.name}: unknown part; send files as `image` and at most one part `options`")
        elif options is not None:
            raise InvalidBodyError("The form has more than one part `options`.")
        else:
            options = parse_options_part(part.content)
    if not files:
        raise InvalidOptionError("image: no part `image` with a file; with curl: -F image=@photo.jpg")
    check_image_count(len(files), settings)
    return files, options or {}
