"""Validation during training: the recipe's validation files, scored by AP, PCK or PCKh on their own boxes."""

from dataclasses import dataclass
from pathlib import Path

from model.config import Recipe, ValidationSource
from model.contract.spec import PoseSpec, Provenance
from model.data.dataset import ImageStore, Sample
from model.data.mpii import PckhTruth, read_pckh_truth
from model.data.sources import Tell, read_mpii_samples, read_samples
from model.evaluate import Predictor, coco_ap, pck, points_on_boxes, results_on_boxes
from model.networks.normalise import IMAGENET_MEAN, IMAGENET_STD
from model.pckh import pckh


@dataclass(frozen=True)
class Validation:
    """One validation file, read and decoded.

    Attributes:
        source: its entry in the recipe.
        annotations: the annotation file.
        spec: crop, codec and skeleton of the network under training.
        samples: its people.
        images: its photographs.
        truth: the ground truth of PCKh, for that metric.
    """

    source: ValidationSource
    annotations: Path
    spec: PoseSpec
    samples: list[Sample]
    images: ImageStore
    truth: PckhTruth | None = None

    def figures(self, predict: Predictor) -> dict[str, float]:
        """`name/AP`, `name/AP50` ..., `name/PCK@0.2`, or `name/Head` ... `name/Mean`."""
        return {f"{self.source.name}/{figure}": value for figure, value in self._figures(predict).items()}

    def _figures(self, predict: Predictor) -> dict[str, float]:
        if self.truth is not None:
            return pckh(points_on_boxes(predict, self.spec, self.images, self.samples), self.truth)
        results = results_on_boxes(predict, self.spec, self.images, self.samples)
        if self.source.metric == "pck":
            return {"PCK@0.2": pck(self.samples, results, self.spec.skeleton)}
        return coco_ap(self.annotations, results, self.spec.skeleton)


def read_validations(
    root: Path, recipe: Recipe, image_budget: int = 2**31, tell: Tell | None = None
) -> list[Validation]:
    """Read and decode every validation source of a recipe; errors as in `read_samples`."""
    spec = draft_spec(recipe)
    return [_read(root, source, spec, image_budget, tell) for source in recipe.validation]


def draft_spec(recipe: Recipe) -> PoseSpec:
    """The spec of a recipe's network before anything was measured; `export` completes its provenance."""
    return PoseSpec(
        provenance=Provenance(recipe.name, "", recipe.network.architecture, "", {}, {}),
        skeleton=recipe.skeleton.build(),
        codec=recipe.codec.build(),
        box_padding=recipe.codec.box_padding,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        flip_shift=recipe.codec.shifts_mirrored,
    )


def _read(root: Path, source: ValidationSource, spec: PoseSpec, image_budget: int, tell: Tell | None) -> Validation:
    if source.ground_truth is None:
        samples, truth = read_samples(root, source, spec.skeleton, tell), None
    else:
        samples = read_mpii_samples(root / source.annotations, root / source.images, spec.skeleton)
        truth = read_pckh_truth(root / source.ground_truth)
    images = ImageStore((sample.image_path for sample in samples), image_budget)
    return Validation(source, root / source.annotations, spec, samples, images, truth)
