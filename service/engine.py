"""Both networks loaded and warmed up, as the settings say."""

import logging
from pathlib import Path

import cv2
import numpy as np

from model.contract.crop import Size
from model.contract.image import ImageLimits
from model.contract.spec import BundleError, DetectorSpec, PoseSpec, load_spec
from service.batching.limit import BatchLimit, choose_limit
from service.batching.line import LineBounds
from service.bundles import LoadedModel, load_detector_model, load_pose_model, open_bundle
from service.detector import Detector, letterbox_for
from service.estimator import Estimator
from service.pipeline import Part, Pipeline
from service.settings import ServiceSettings

PHOTOGRAPHS = ((1280, 720), (960, 640), (800, 600))
"""Common shapes, which photographs have lying and upright: 16:9, 3:2 and 4:3."""

logger = logging.getLogger("fasterpose.model")


def load_pipeline(settings: ServiceSettings) -> Pipeline:
    """Load and warm up the networks, and find out how large their batches should be.

    Raises:
        BundleError: a bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run a network as asked.
    """
    return build_pipeline(load_detector_model(settings), load_pose_model(settings), settings)


def build_pipeline(
    detector: LoadedModel[DetectorSpec], pose: LoadedModel[PoseSpec], settings: ServiceSettings
) -> Pipeline:
    """Put loaded networks into a pipeline and warm them up.

    OpenCV keeps to the thread that calls it from then on: images share the cores here, not the parts of an image, and
    its own threads wait for work by spinning.
    """
    cv2.setNumThreads(1)
    limits = ImageLimits(max_bytes=settings.max_body_bytes, max_pixels=settings.max_pixels)
    return Pipeline(_build_detector(detector, settings), _build_estimator(pose, settings), limits)


def load_part(folder: Path, settings: ServiceSettings) -> Part:
    """Load and warm up one network, whichever a bundle holds.

    Raises:
        BundleError: the bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run it as asked.
    """
    spec = load_spec(folder)
    if isinstance(spec, DetectorSpec):
        return _build_detector(open_bundle(folder, spec, settings), settings)
    return _build_estimator(open_bundle(folder, spec, settings), settings)


def _build_detector(model: LoadedModel[DetectorSpec], settings: ServiceSettings) -> Detector:
    limit = _warm_up(model, settings.detector_batch, _fitted_size(model, PHOTOGRAPHS[0]))
    _warm_up_rectangles(model)
    return Detector(model, limit, LineBounds(settings.max_queue_items, settings.max_queue_bytes))


def _build_estimator(model: LoadedModel[PoseSpec], settings: ServiceSettings) -> Estimator:
    limit = _warm_up(model, settings.pose_batch, model.spec.input_size)
    _check_heatmaps(model)
    return Estimator(model, limit, LineBounds(settings.max_queue_items, settings.max_queue_bytes))


def _check_heatmaps(model: LoadedModel[PoseSpec]) -> None:
    """Refuse a graph whose answers the spec's codec cannot read, before a request meets it."""
    (input_width, input_height), (width, height) = model.spec.input_size, model.spec.codec.heatmap_size
    expected = (1, model.spec.skeleton.num_keypoints, height, width)
    heatmaps = model.runtime.infer(np.zeros((1, input_height, input_width, 3), dtype=np.uint8))
    if heatmaps.shape != expected or not np.isfinite(heatmaps).all():
        name = model.spec.provenance.name
        raise BundleError(
            f"the graph of bundle {name} answers {heatmaps.shape} for one crop, its spec says finite values of "
            f"{expected}; export the bundle again"
        )


def _warm_up(model: LoadedModel[PoseSpec] | LoadedModel[DetectorSpec], setting: int, item_size: Size) -> BatchLimit:
    """The model's largest batch; each runtime has computed one such batch after this."""
    limit = choose_limit(model.runtime, setting, item_size)
    for runtime in model.runtimes[1:]:
        choose_limit(runtime, limit.size, item_size)
    logger.info("%s: %s", model.spec.provenance.name, limit.describe())
    return limit


def _warm_up_rectangles(detector: LoadedModel[DetectorSpec]) -> None:
    """Compute one photograph of each common shape, so that no client waits for the first of it."""
    photographs = (size for width, height in PHOTOGRAPHS for size in ((width, height), (height, width)))
    for width, height in {_fitted_size(detector, photograph) for photograph in photographs}:
        for runtime in detector.runtimes:
            runtime.warm_up(np.zeros((1, height, width, 3), dtype=np.uint8))


def _fitted_size(detector: LoadedModel[DetectorSpec], photograph: Size) -> Size:
    """(width, height) of the detector's input for a photograph of that (width, height)."""
    return letterbox_for(detector, photograph).input_size
