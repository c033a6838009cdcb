"""The routes of the protocol, and what it calls models: the whole pipeline as `pose`, and each network by its name."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.calls import answer_call
from service.deadline import Deadline
from service.errors import NotFoundError, UnavailableError
from service.formats import all_results
from service.hang_up import cancelled_by_hang_up
from service.inference.answer import infer_response, tensors_of
from service.inference.asked import BOXES, IMAGES, PIXELS, read_asked
from service.inference.body import HEADER, InferResponse, receive
from service.operations import show_model
from service.pipeline import Pipeline
from service.schemas import ModelMetadata, ModelOut, ModelReady, ServerMetadata, Tensor
from service.state import Service

PIPELINE = "pose"
"""The model that finds people and estimates their poses."""

router = APIRouter(tags=["Open Inference Protocol"])


@router.get("/v2", summary="The server")
async def server_metadata(request: Request) -> ServerMetadata:
    """Name, version and extensions of the server."""
    return ServerMetadata(name="fasterpose", version=request.app.version, extensions=["binary_tensor_data"])


@router.get("/v2/models/{name}", summary="Tensors of a model")
async def model_metadata(request: Request, name: str) -> ModelMetadata:
    """A model's version, platform, inputs and outputs.

    `pose` is the whole pipeline, and takes `images` or `pixels`, with or without `boxes`. The other names are those of
    the networks, as they are inside.
    """
    service: Service = request.app.state.service
    pipeline = service.pipeline
    if name == PIPELINE:
        return _pipeline_metadata(pipeline)
    model = await show_model(request, name)
    size = model.input_size
    return ModelMetadata(
        name=model.name,
        versions=[model.version],
        platform=model.runtime,
        inputs=[Tensor(name="images", datatype="UINT8", shape=[-1, size.height, size.width, 3])],
        outputs=[_network_output(pipeline, model)],
    )


@router.get("/v2/models/{name}/ready", summary="Is a model ready?")
@router.get("/v2/models/{name}/versions/{version}/ready", summary="Is a version of a model ready?")
async def model_ready(request: Request, name: str, version: str | None = None) -> ModelReady:
    """The model is loaded and computes."""
    service: Service = request.app.state.service
    metadata = await model_metadata(request, name)
    _check_version(version, metadata.versions)
    if service.status != "ready":
        raise UnavailableError(f"The server is {service.status}.")
    return ModelReady(name=name, ready=True)


@router.get("/v2/models/{name}/versions/{version}", summary="Tensors of a version of a model")
async def version_metadata(request: Request, name: str, version: str) -> ModelMetadata:
    """As without a version; only the one that is loaded is there."""
    metadata = await model_metadata(request, name)
    _check_version(version, metadata.versions)
    return metadata


@router.post("/v2/models/{name}/infer", response_model=InferResponse, summary="Find people and their keypoints")
@router.post(
    "/v2/models/{name}/versions/{version}/infer", response_model=InferResponse, summary="The same, of a version"
)
async def infer(request: Request, name: str, version: str | None = None) -> Response:
    """Photographs or pixels in, people as tensors out; `name` is `pose`.

    Inputs: `images`, BYTES [N], image files; or `pixels`, UINT8 [N, height, width, 3] or [height, width, 3], RGB; for
    one image also `boxes`, FP32 [P, 4], x, y, width, height. Parameters: the options of `POST /v1/pose`.

    Outputs, for the P people of all images: `keypoints` FP32 [P, K, 3] x, y, score; `scores` and `box_scores` FP32
    [P]; `boxes` FP32 [P, 4]; `image_index` INT32 [P]; and for the images `image_sizes` INT32 [N, 2], width, height.
    """
    service: Service = request.app.state.service
    settings = service.settings
    with service.admitted() as pipeline:
        await _check_name(request, name, version)
        async with Deadline(request.state.arrival, settings.timeout_ms) as deadline:
            content, headers = await request.body(), request.headers
            encoding = headers.get("content-encoding", "identity")
            received = await asyncio.to_thread(receive, content, headers.get(HEADER), encoding)
            asked = await asyncio.to_thread(read_asked, received, settings)
            deadline.move(asked.call.options.timeout_ms or settings.timeout_ms)
            async with cancelled_by_hang_up(request.receive):
                outcomes = await answer_call(pipeline, asked.call)
                service.metrics.count_images(outcomes)
                spec = pipeline.estimator.spec
                tensors = tensors_of(all_results(outcomes), spec.skeleton.num_keypoints)
                return infer_response(asked, tensors, name, spec.provenance.version)


async def _check_name(request: Request, name: str, version: str | None) -> None:
    """Refuse a model that is not there, or that does not compute by itself."""
    metadata = await model_metadata(request, name)
    _check_version(version, metadata.versions)
    if name != PIPELINE:
        raise NotFoundError(
            f"{name} does not compute by itself here: letterbox, crops and decoding around it belong to {PIPELINE}. "
            f"Infer with {PIPELINE}; for boxes alone ask it for the outputs boxes, box_scores and image_index, for the "
            "poses in boxes of your own send the input boxes."
        )


def _check_version(version: str | None, loaded: list[str]) -> None:
    if version is not None and version not in loaded:
        raise NotFoundError(f"Version {version!r} is not loaded; loaded is {', '.join(loaded)}.")


def _pipeline_metadata(pipeline: Pipeline) -> ModelMetadata:
    spec = pipeline.estimator.spec
    points = spec.skeleton.num_keypoints
    return ModelMetadata(
        name=PIPELINE,
        versions=[spec.provenance.version],
        platform="fasterpose",
        inputs=[
            Tensor(name=IMAGES, datatype="BYTES", shape=[-1]),
            Tensor(name=PIXELS, datatype="UINT8", shape=[-1, -1, -1, 3]),
            Tensor(name=BOXES, datatype="FP32", shape=[-1, 4]),
        ],
        outputs=[
            Tensor(name="keypoints", datatype="FP32", shape=[-1, points, 3]),
            Tensor(name="scores", datatype="FP32", shape=[-1]),
            Tensor(name="boxes", datatype="FP32", shape=[-1, 4]),
            Tensor(name="box_scores", datatype="FP32", shape=[-1]),
            Tensor(name="image_index", datatype="INT32", shape=[-1]),
            Tensor(name="image_sizes", datatype="INT32", shape=[-1, 2]),
        ],
    )


def _network_output(pipeline: Pipeline, model: ModelOut) -> Tensor:
    if model.task == "detector":
        return Tensor(name="boxes_scores", datatype="FP32", shape=[-1, -1, 5])
    width, height = pipeline.estimator.spec.codec.heatmap_size
    return Tensor(name="heatmaps", datatype="FP32", shape=[-1, len(model.keypoint_names), height, width])
