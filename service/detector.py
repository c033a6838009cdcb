"""The person detector: image -> letterbox -> network -> boxes of people."""

from model.contract.arrays import FloatArray, ImageArray
from model.contract.detections import ScoredBox, read_people
from model.contract.letterbox import Letterbox
from model.contract.spec import DetectorSpec
from service.bundles import LoadedModel


class Detector:
    """Finds people in one image at a time."""

    def __init__(self, model: LoadedModel[DetectorSpec]) -> None:
        self.model = model
        self.spec = model.spec

    def letterbox(self, image: ImageArray) -> tuple[Letterbox, ImageArray]:
        """The image fitted into the smallest input that the network takes, and the map back."""
        height, width = image.shape[:2]
        letterbox = Letterbox.within((width, height), self.spec.input_size, self.spec.stride)
        return letterbox, letterbox.fit_image(image)

    def infer(self, fitted: ImageArray) -> FloatArray:
        """(H, W, 3) uint8 letterboxed image -> (M, 5) float32 rows x1, y1, x2, y2, score, letterbox pixels."""
        return self.model.runtime.infer(fitted[None])[0]

    def people(self, rows: FloatArray, letterbox: Letterbox, threshold: float, most: int) -> list[ScoredBox]:
        """The network's (M, 5) rows -> people, highest score first; see `model.contract.detections.read_people`."""
        return read_people(self.spec, rows, letterbox, threshold, most)
