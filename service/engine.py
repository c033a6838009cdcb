"""Both networks loaded and warmed up, as the settings say."""

from model.contract.image import ImageLimits
from service.bundles import load_detector_model, load_pose_model
from service.detector import Detector
from service.estimator import Estimator
from service.pipeline import Pipeline
from service.settings import ServiceSettings


def load_pipeline(settings: ServiceSettings) -> Pipeline:
    """Load and warm up the networks.

    Raises:
        BundleError: a bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run a network as asked.
    """
    detector, estimator = Detector(load_detector_model(settings)), Estimator(load_pose_model(settings))
    limits = ImageLimits(max_bytes=settings.max_body_bytes, max_pixels=settings.max_pixels)
    pipeline = Pipeline(detector, estimator, limits)
    pipeline.warm_up()
    return pipeline
