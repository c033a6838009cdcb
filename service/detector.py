"""The person detector: image -> letterbox -> network -> boxes of people."""

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Size
from model.contract.detections import ScoredBox, read_people
from model.contract.letterbox import Letterbox
from model.contract.spec import DetectorSpec
from service.batching.batcher import Batcher, Computed
from service.batching.limit import BatchLimit
from service.batching.line import DEFAULT_BOUNDS, LineBounds
from service.bundles import LoadedModel


def letterbox_for(model: LoadedModel[DetectorSpec], image_size: Size) -> Letterbox:
    """The letterbox of an image of (width, height) pixels in the smallest input that a detector takes."""
    stride = model.spec.stride if model.runtime.open_sides else 0
    return Letterbox.within(image_size, model.spec.input_size, stride)


def fit_image(model: LoadedModel[DetectorSpec], image: ImageArray) -> tuple[Letterbox, ImageArray]:
    """An image, (H, W, 3) uint8 RGB, fitted into the smallest input that a detector takes, and the map back."""
    height, width = image.shape[:2]
    letterbox = letterbox_for(model, (width, height))
    return letterbox, letterbox.fit_image(image)


class Detector:
    """Finds people; images of all requests share its batches."""

    def __init__(
        self, model: LoadedModel[DetectorSpec], limit: BatchLimit, bounds: LineBounds = DEFAULT_BOUNDS
    ) -> None:
        self.model = model
        self.spec = model.spec
        self.limit = limit
        self.batcher = Batcher(model.spec.provenance.name, model.runtimes, model.reopen, limit.size, bounds)

    def letterbox(self, image: ImageArray) -> tuple[Letterbox, ImageArray]:
        """The image fitted into the smallest input that the network takes, and the map back."""
        return fit_image(self.model, image)

    async def infer(self, fitted: ImageArray) -> Computed:
        """(H, W, 3) uint8 letterboxed image -> (1, M, 5) float32 rows x1, y1, x2, y2, score, letterbox pixels."""
        return await self.batcher.run(fitted[None])

    def people(self, rows: FloatArray, letterbox: Letterbox, threshold: float, most: int) -> list[ScoredBox]:
        """The network's (M, 5) rows -> people, highest score first; see `model.contract.detections.read_people`."""
        return read_people(self.spec, rows, letterbox, threshold, most)
