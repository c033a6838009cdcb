"""Distillation: a bundle's heatmaps as soft targets, also for joints that nobody labelled."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from model.config import DistillationRecipe, Recipe, RecipeError
from model.contract.spec import load_pose_spec
from model.graph import Graph, open_graph
from model.losses import HeatmapLoss
from model.precisions import GRAPH


class Teacher:
    """A bundle's network, run on the CPU by OpenVINO, on the crops that the student sees."""

    def __init__(self, graph: Graph, input_size: tuple[int, int], weight: float) -> None:
        """Keep a teacher of `input_size` (width, height), whose heatmaps count `weight` in the loss, 0..1."""
        self.graph, self.input_size, self.weight = graph, input_size, weight

    def loss(self, loss: HeatmapLoss, logits: Tensor, crops: Tensor, heatmaps: Tensor, weights: Tensor) -> Tensor:
        """`(1 - weight)` of the loss against the labels and `weight` of that against the teacher, for all joints.

        Args:
            loss: the recipe's.
            logits: (B, K, h, w) of the student.
            crops: (B, H, W, 3) uint8 RGB.
            heatmaps: (B, K, h, w) of the labels.
            weights: (B, K), 0 for joints without a label.
        """
        soft = self.heatmaps(crops, (logits.shape[2], logits.shape[3]))
        taught = loss(logits, soft, torch.ones_like(weights))
        return (1 - self.weight) * loss(logits, heatmaps, weights) + self.weight * taught

    @torch.no_grad()
    def heatmaps(self, crops: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, H, W, 3) uint8 RGB crops -> (B, K, h, w) float32 in 0..1 of `size` (h, w), on the crops' device."""
        images = _resized(crops.permute(0, 3, 1, 2).float(), (self.input_size[1], self.input_size[0]))
        inputs = images.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return _resized(torch.from_numpy(self.graph(inputs)).to(crops.device), size).clamp(0, 1)


def open_teacher(recipe: Recipe, bundle: Path | None) -> Teacher | None:
    """The teacher that a recipe's `[distillation]` asks for; none if it asks for none.

    Raises:
        RecipeError: a recipe without teacher, a teacher without recipe, or one whose heatmaps mean something else.
        BundleError, FileNotFoundError: the bundle cannot be read.
    """
    match recipe.distillation, bundle:
        case None, None:
            return None
        case DistillationRecipe(weight=weight), Path():
            return _open(recipe, bundle, weight)
        case None, _:
            raise RecipeError(f"recipe {recipe.name} has no [distillation]; leave --teacher out, or add its weight")
        case _:
            raise RecipeError(f"recipe {recipe.name} distils; name a bundle with --teacher")


def _open(recipe: Recipe, bundle: Path, weight: float) -> Teacher:
    spec = load_pose_spec(bundle)
    wanted = recipe.skeleton.build()
    if spec.skeleton.keypoint_names != wanted.keypoint_names:
        raise RecipeError(f"teacher {bundle} has the keypoints of {spec.skeleton.name}; {wanted.name} is needed")
    if spec.codec.alignment != recipe.codec.alignment:
        raise RecipeError(
            f"teacher {bundle} has codec.alignment {spec.codec.alignment}; "
            f"recipe {recipe.name} must have it too, not {recipe.codec.alignment}"
        )
    if not (bundle / GRAPH).is_file():
        raise FileNotFoundError(f"teacher {bundle} holds no {GRAPH}")
    return Teacher(open_graph(bundle / GRAPH), spec.input_size, weight)


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) resampled to (B, C, *size)."""
    if images.shape[2:] == size:
        return images
    return interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
