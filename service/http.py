"""`POST /v1/pose`: a request's way from the body to the response."""

import asyncio
import time

import orjson
from fastapi import APIRouter, Request, Response

from service.accept import ImageType, wanted_image
from service.bodies import read_call
from service.calls import PoseCall, answer_call
from service.deadline import deadline
from service.errors import InvalidOptionError
from service.formats import Outcome, coco_results, cvat, native
from service.hang_up import cancelled_by_hang_up
from service.jobs import ImageResult
from service.overlay import draw_people, encode_image
from service.pipeline import Pipeline
from service.schemas import PoseResponse
from service.state import Service

router = APIRouter()


@router.post("/v1/pose", response_model=PoseResponse, tags=["pose"], summary="Find people and their keypoints")
async def pose(request: Request) -> Response:
    """Images in, people with COCO keypoints out.

    Send one image as raw bytes (the fastest form), one or more as multipart parts `image`, or base64 in JSON.
    Options are query parameters; in JSON they stand in `options`. With `Accept: image/jpeg` or `image/png` the
    answer is the image with boxes and skeletons drawn.
    """
    service: Service = request.app.state.service
    with service.admitted() as pipeline:
        async with deadline(request.state.arrival, service.settings.timeout_ms):  # its own stands in what is read here
            call = await read_call(request, service.settings)
        image_type = _image_type(request, call)
        timeout_ms = call.options.timeout_ms or service.settings.timeout_ms
        async with cancelled_by_hang_up(request.receive), deadline(request.state.arrival, timeout_ms):
            outcomes = await answer_call(pipeline, call, keep_pixels=image_type is not None)
            for outcome in outcomes:
                if isinstance(outcome, ImageResult):
                    service.metrics.count_image(outcome)
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
    results = _all_results(outcomes)
    if call.options.format == "cvat":
        return _json(cvat(results[0], pipeline.estimator.spec.skeleton, call.options.keypoint_threshold))
    return _json(coco_results(results))


def _all_results(outcomes: list[Outcome]) -> list[ImageResult]:
    """The results of all images; a bare list has no place for the error of one."""
    for outcome in outcomes:
        if not isinstance(outcome, ImageResult):
            image_id, error = outcome
            raise type(error)(f"image {image_id!r}: {error.detail} (format=native answers the others)")
    return [outcome for outcome in outcomes if isinstance(outcome, ImageResult)]


async def _overlay(pipeline: Pipeline, call: PoseCall, outcomes: list[Outcome], image_type: ImageType) -> bytes:
    (result,) = _all_results(outcomes)
    skeleton, threshold = pipeline.estimator.spec.skeleton, call.options.keypoint_threshold

    def draw() -> bytes:
        return encode_image(draw_people(result.kept_pixels(), result.people, skeleton, threshold), image_type)

    return await asyncio.to_thread(draw)


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
