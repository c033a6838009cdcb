"""Both networks loaded and warmed up, as the settings say."""

import logging

from model.contract.image import ImageLimits
from model.contract.spec import DetectorSpec, PoseSpec
from service.batching.limit import BatchLimit, choose_limit
from service.batching.line import LineBounds
from service.bundles import LoadedModel, load_detector_model, load_pose_model
from service.detector import Detector
from service.estimator import Estimator
from service.pipeline import Pipeline
from service.settings import ServiceSettings

logger = logging.getLogger("fasterpose.model")


def load_pipeline(settings: ServiceSettings) -> Pipeline:
    """Load and warm up the networks, and find out how large their batches should be.

    Raises:
        BundleError: a bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run a network as asked.
    """
    detector, pose = load_detector_model(settings), load_pose_model(settings)
    bounds = LineBounds(settings.max_queue_items, settings.max_queue_bytes)
    limits = ImageLimits(max_bytes=settings.max_body_bytes, max_pixels=settings.max_pixels)
    return Pipeline(
        Detector(detector, _warm_up(detector, settings.detector_batch), bounds),
        Estimator(pose, _warm_up(pose, settings.pose_batch), bounds),
        limits,
    )


def _warm_up(model: LoadedModel[PoseSpec] | LoadedModel[DetectorSpec], setting: int) -> BatchLimit:
    """The model's largest batch; each runtime has computed one such batch after this."""
    limit = choose_limit(model.runtime, setting)
    for runtime in model.runtimes[1:]:
        choose_limit(runtime, limit.size)
    logger.info("%s: %s", model.spec.provenance.name, limit.describe())
    return limit
