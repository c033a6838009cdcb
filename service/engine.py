"""Both networks loaded and warmed up, as the settings say."""

from model.contract.image import ImageLimits
from model.contract.spec import DetectorSpec, PoseSpec
from service.bundles import LoadedModel, load_detector_model, load_pose_model
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
    return build_pipeline(load_detector_model(settings), load_pose_model(settings), settings)


def build_pipeline(
    detector: LoadedModel[DetectorSpec], pose: LoadedModel[PoseSpec], settings: ServiceSettings
) -> Pipeline:
    """Put loaded networks into a pipeline and warm them up."""
    limits = ImageLimits(max_bytes=settings.max_body_bytes, max_pixels=settings.max_pixels)
    pipeline = Pipeline(Detector(detector), Estimator(pose), limits)
    pipeline.warm_up()
    return pipeline
