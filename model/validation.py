"""Validation during training: the recipe's validation files, scored by AP or PCK on their own boxes."""

from dataclasses import dataclass
from pathlib import Path

from model.config import Recipe, ValidationSource
from model.contract.skeleton import COCO_17
from model.contract.spec import PoseSpec, Provenance
from model.data.dataset import ImageStore, Sample
from model.data.sources import read_samples
from model.evaluate import Predictor, coco_ap, pck, results_on_boxes
from model.networks.normalise import IMAGENET_MEAN, IMAGENET_STD


@dataclass(frozen=True)
class Validation:
    """One validation file, read and decoded.

    Attributes:
        source: its entry in the recipe.
        annotations: the annotation file.
        spec: crop, codec and skeleton of the network under training.
        samples: its people.
        images: its photographs.
    """

    source: ValidationSource
    annotations: Path
    spec: PoseSpec
    samples: list[Sample]
    images: ImageStore

    def figures(self, predict: Predictor) -> dict[str, float]:
        """`name/AP`, `name/AP50` ... or `name/PCK@0.2`."""
        results = results_on_boxes(predict, self.spec, self.images, self.samples)
        if self.source.metric == "pck":
            return {f"{self.source.name}/PCK@0.2": pck(self.samples, results)}
        return {f"{self.source.name}/{stat}": value for stat, value in coco_ap(self.annotations, results).items()}


def read_validations(root: Path, recipe: Recipe, image_budget: int = 2**31) -> list[Validation]:
    """Read and decode every validation source of a recipe; errors as in `read_samples`."""
    spec = draft_spec(recipe)
    return [_read(root, source, spec, image_budget) for source in recipe.validation]


def draft_spec(recipe: Recipe) -> PoseSpec:
    """The spec of a recipe's network before anything was measured; `export` completes its provenance."""
    return PoseSpec(
        provenance=Provenance(recipe.name, "", recipe.network.architecture, "", {}, {}),
        skeleton=COCO_17,
        codec=recipe.codec.build(),
        box_padding=recipe.codec.box_padding,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        flip_shift=recipe.codec.shifts_mirrored,
    )


def _read(root: Path, source: ValidationSource, spec: PoseSpec, image_budget: int) -> Validation:
    samples = read_samples(root, source, COCO_17)
    images = ImageStore((sample.image_path for sample in samples), image_budget)
    return Validation(source, root / source.annotations, spec, samples, images)
