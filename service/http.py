"""`POST /v1/pose`: a request's way from the body to the response.

`PoseRoute` answers before FastAPI's routing begins, whose layers would cost as much as all that is done here. FastAPI
has the route too, for the API's description and for other methods than POST.
"""

import asyncio
import time

import orjson
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.accept import ImageType, wanted_image
from service.access.routes import POSE_PATH
from service.bodies import read_call
from service.calls import PoseCall, answer_call
from service.deadline import Deadline
from service.errors import ClientGoneError, InvalidOptionError, ServiceError
from service.formats import Outcome, all_results, coco_results, cvat, native
from service.hang_up import cancelled_by_hang_up
from service.overlay import draw_people, encode_image
from service.pipeline import Pipeline
from service.problems import problem_response
from service.schemas import PoseResponse
from service.state import Service

router = APIRouter()


@router.post(POSE_PATH, response_model=PoseResponse, tags=["pose"], summary="Find people and their keypoints")
async def pose(request: Request) -> Response:
    """Images in, people with COCO keypoints out.

    Send one image as raw bytes (the fastest form), one or more as multipart parts `image`, or base64 in JSON.
    Options are query parameters; in JSON they stand in `options`. With `Accept: image/jpeg` or `image/png` the
    answer is the image with boxes and skeletons drawn.
    """
    return await answer_request(request, request.app.state.service)


class PoseRoute:
    """An ASGI middleware that answers `POST /v1/pose` itself, and leaves all else to the application behind it."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or scope["path"] != POSE_PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = router.routes[0]  # as FastAPI would note it, for what surrounds this
        request = Request(scope, receive)
        try:
            response = await answer_request(request, self._service)
        except ServiceError as error:
            response = problem_response(request, error)
        except ClientDisconnect:  # it hung up while it sent its body
            response = problem_response(request, ClientGoneError())
        await response(scope, receive, send)


async def answer_request(request: Request, service: Service) -> Response:
    """Answer one request.

    Raises:
        ServiceError: it cannot be answered.
        ClientDisconnect: the client hung up while it sent its body.
    """
    settings = service.settings
    with service.admitted() as pipeline:
        async with Deadline(request.state.arrival, settings.timeout_ms) as deadline:
            call = await read_call(request, settings)
            deadline.move(call.options.timeout_ms or settings.timeout_ms)
            image_type = _image_type(request, call)
            async with cancelled_by_hang_up(request.receive):
                outcomes = await answer_call(pipeline, call, keep_pixels=image_type is not None)
                service.metrics.count_images(outcomes)
                start = time.perf_counter()
                response = await _respond(request, pipeline, call, outcomes, image_type)
                service.metrics.observe_encoding(time.perf_counter() - start)
                return response


def _image_type(request: Request, call: PoseCall) -> ImageType | None:
    """The image type that the client wants drawn, None for JSON."""
    image_type = wanted_image(request.headers.get("accept", "*/*"))
    if image_type is not None and len(call.images) > 1:
        raise InvalidOptionError(f"Accept: {image_type} draws one image, and {len(call.images)} were sent")
    if image_type is not None and call.options.format != "native":
        raise InvalidOptionError(f"format: {call.options.format} does not go with Accept: {image_type}; choose one")
    return image_type


async def _respond(
    request: Request, pipeline: Pipeline, call: PoseCall, outcomes: list[Outcome], image_type: ImageType | None
) -> Response:
    if image_type is not None:
        return Response(await _overlay(pipeline, call, outcomes, image_type), media_type=image_type)
    if call.options.format == "native":
        elapsed = asyncio.get_running_loop().time() - request.state.arrival
        return _json(native(pipeline, outcomes, elapsed))
    results = all_results(outcomes)
    if call.options.format == "cvat":
        return _json(cvat(results[0], pipeline.estimator.spec.skeleton, call.options.keypoint_threshold))
    return _json(coco_results(results))


async def _overlay(pipeline: Pipeline, call: PoseCall, outcomes: list[Outcome], image_type: ImageType) -> bytes:
    (result,) = all_results(outcomes)
    skeleton, threshold = pipeline.estimator.spec.skeleton, call.options.keypoint_threshold

    def draw() -> bytes:
        return encode_image(draw_people(result.kept_pixels(), result.people, skeleton, threshold), image_type)

    return await asyncio.to_thread(draw)


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
