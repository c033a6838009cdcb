"""From a recipe to the objects of a run."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from model.config import LossRecipe, OptimiserRecipe, Recipe, RecipeError
from model.contract.skeleton import COCO_17, Skeleton
from model.losses import HeatmapLoss, MeanSquaredError, RegressiveCrossEntropy
from model.networks.fasterpose import FasterPose


def build_network(recipe: Recipe, skeleton: Skeleton = COCO_17) -> FasterPose:
    """The recipe's network with fresh weights."""
    network = recipe.network
    return FasterPose(network.trunk, skeleton.num_keypoints, frozen_stages=network.frozen_stages, bias=network.bias)


def build_loss(recipe: LossRecipe) -> HeatmapLoss:
    """The recipe's loss."""
    if recipe.kind == "mse":
        return MeanSquaredError()
    return RegressiveCrossEntropy(recipe.alpha, recipe.gamma, recipe.positive_threshold)


def build_optimiser(recipe: OptimiserRecipe, network: nn.Module) -> Optimizer:
    """The recipe's optimiser over the network's trainable parameters."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if recipe.kind == "adam":
        return Adam(parameters, lr=recipe.learning_rate, eps=recipe.epsilon, fused=True)
    return AdamW(parameters, lr=recipe.learning_rate, eps=recipe.epsilon, weight_decay=recipe.weight_decay, fused=True)


def load_initial_weights(network: FasterPose, path: Path) -> str:
    """Fill a network with weights from a safetensors file: a whole network's, or a trunk's in torchvision's names.

    Entries stored in half precision are widened. What the file lacks keeps its fresh weights.

    Returns:
        One line for the log: how many tensors were taken and which groups the file lacks.

    Raises:
        RecipeError: the file cannot be read, no tensor fits, or one has another shape.
    """
    weights = {_unfolded_name(name): _widen(tensor) for name, tensor in _read(path).items()}
    is_network = any(name.startswith("trunk.") for name in weights)
    target: nn.Module = network if is_network else network.trunk
    own = target.state_dict()
    known = {name: tensor for name, tensor in weights.items() if name in own}
    wrong = [name for name, tensor in known.items() if tensor.shape != own[name].shape]
    if wrong or not known:
        raise RecipeError(
            f"initial weights {path} do not fit the recipe's network: {wrong or 'no tensor has its name'}"
        )
    target.load_state_dict(known, strict=False)
    lacking = sorted({name.rpartition(".")[0] for name in own.keys() - known.keys() if not name.endswith("tracked")})
    return f"{len(known)} of {len(own)} tensors from {path.name}; freshly initialised: {', '.join(lacking) or 'none'}"


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"initial weights {path} cannot be read: {error}") from error


def _widen(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _unfolded_name(name: str) -> str:
    """A shortcut whose batch norm was folded in: its weight is the convolution's, its bias the batch norm's."""
    return name.replace("downsample.folded.weight", "downsample.0.weight").replace(
        "downsample.folded.bias", "downsample.1.bias"
    )
