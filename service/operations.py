"""Routes for operators: models, health, metrics."""

from fastapi import APIRouter, Request, Response

from service.detector import Detector
from service.errors import NotFoundError, UnavailableError
from service.estimator import Estimator
from service.schemas import Health, InputSize, ModelList, ModelOut
from service.state import Service

router = APIRouter()


@router.get("/v1/models", tags=["models"], summary="The loaded networks")
async def list_models(request: Request) -> ModelList:
    """The detector and the pose estimator: version, hash, precision, batch, keypoints, licence, measured accuracy."""
    pipeline = _service(request).pipeline
    return ModelList(models=[describe_detector(pipeline.detector), describe_pose(pipeline.estimator)])


@router.get("/v1/models/{name}", tags=["models"], summary="One loaded network")
async def show_model(request: Request, name: str) -> ModelOut:
    """One network, by its bundle's name."""
    models = (await list_models(request)).models
    for model in models:
        if model.name == name:
            return model
    raise NotFoundError(f"No model is called {name!r}; loaded are: {', '.join(model.name for model in models)}.")


@router.get("/healthz", tags=["operations"], summary="Live?")
@router.get("/v2/health/live", tags=["operations"], summary="Live? (Open Inference Protocol)")
async def live() -> Health:
    """The process answers."""
    return Health(status="live")


@router.get("/readyz", tags=["operations"], summary="Ready?")
@router.get("/v2/health/ready", tags=["operations"], summary="Ready? (Open Inference Protocol)")
async def ready(request: Request) -> Health:
    """The models are loaded and warmed up, and the server is not shutting down."""
    status = _service(request).status
    if status != "ready":
        raise UnavailableError(f"The server is {status}.")
    return Health(status=status)


@router.get("/metrics", tags=["operations"], summary="Prometheus metrics")
async def metrics(request: Request) -> Response:
    """Counters and histograms in Prometheus' text form."""
    text = _service(request).metrics.exposition()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def describe_pose(estimator: Estimator) -> ModelOut:
    """A pose network's entry in the list of models."""
    skeleton = estimator.spec.skeleton
    entry = _describe(estimator)
    return entry.model_copy(update={"keypoint_names": list(skeleton.keypoint_names), "skeleton": list(skeleton.edges)})


def describe_detector(detector: Detector) -> ModelOut:
    """A detector's entry in the list of models."""
    return _describe(detector)


def _describe(part: Detector | Estimator) -> ModelOut:
    provenance, runtime = part.spec.provenance, part.model.runtime
    width, height = part.spec.input_size
    return ModelOut(
        name=provenance.name,
        task="pose" if isinstance(part, Estimator) else "detector",
        version=provenance.version,
        architecture=provenance.architecture,
        sha256=part.model.sha256,
        input_size=InputSize(width=width, height=height),
        runtime=runtime.name,
        device=", ".join(dict.fromkeys(runtime.device for runtime in part.model.runtimes)),
        precision=runtime.precision,
        max_batch=part.batcher.limit,
        batch_ms={size: round(1000 * seconds, 2) for size, seconds in part.limit.seconds.items()},
        keypoint_names=[],
        skeleton=[],
        licence=provenance.licence,
        accuracy=provenance.accuracy,
    )


def _service(request: Request) -> Service:
    return request.app.state.service
