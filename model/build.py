"""From a recipe to the objects of a run."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from model.config import OptimiserRecipe, Recipe, RecipeError
from model.cross_entropy import PixelCrossEntropy, SoftmaxCrossEntropy, mask, one_hot
from model.integral import DsntLoss, IntegralLoss
from model.loss_recipes import (
    AnyLoss,
    CeMaskRecipe,
    CeOneHotRecipe,
    CeSoftmaxRecipe,
    DsntRecipe,
    IntegralRecipe,
    MseRecipe,
    OhkmRecipe,
    RceRecipe,
)
from model.losses import HardKeypointMining, HeatmapLoss, MeanSquaredError, RegressiveCrossEntropy
from model.network_recipes import (
    AnyNetwork,
    EfficientPoseRecipe,
    FasterPoseRecipe,
    GRmiRecipe,
    HRNetRecipe,
    LiteHRNetRecipe,
    LpnRecipe,
    SimpleBaselineRecipe,
)
from model.networks.efficientpose import EfficientPose
from model.networks.fasterpose import FasterPose
from model.networks.grmi import GRmi
from model.networks.hrnet import HRNet
from model.networks.lite_hrnet import LiteHRNet
from model.networks.lpn import Lpn
from model.networks.simple_baseline import SimpleBaseline
from model.weight_names import to_torchvision

PoseNetwork = FasterPose | SimpleBaseline | Lpn | LiteHRNet | HRNet | EfficientPose | GRmi
"""(B, 3, H, W) normalised RGB -> (B, N, H / heatmap_stride, W / heatmap_stride) logits."""


def build_network(recipe: Recipe) -> PoseNetwork:
    """The recipe's network with fresh weights, its last bias where the recipe's loss wants it.

    Raises:
        RecipeError: the trunk cannot be one, or has not so many stages to freeze.
    """
    try:
        count = recipe.skeleton.build().num_keypoints
        return build_architecture(recipe.network, count, build_loss(recipe.loss).initial_logit)
    except ValueError as error:
        raise RecipeError(f"recipe {recipe.name}: network: {error}") from error


def build_architecture(  # noqa: PLR0911 - one for each architecture
    network: AnyNetwork, num_keypoints: int, initial_logit: float = 0.0
) -> PoseNetwork:
    """A network with fresh weights.

    Args:
        network: which.
        num_keypoints: heatmaps.
        initial_logit: where the last bias starts.

    Raises:
        ValueError: the trunk cannot be one, or has not so many stages to freeze.
    """
    match network:
        case FasterPoseRecipe(trunk=trunk, bias=bias, frozen_stages=frozen):
            return FasterPose(trunk, num_keypoints, frozen_stages=frozen, bias=bias, initial_logit=initial_logit)
        case SimpleBaselineRecipe(trunk=trunk, deconvolutions=count, head=head, frozen_stages=frozen):
            return SimpleBaseline(
                trunk,
                num_keypoints,
                deconvolutions=count,
                head=head,
                frozen_stages=frozen,
                initial_logit=initial_logit,
            )
        case LpnRecipe(trunk=trunk, global_context=context):
            return Lpn(trunk, num_keypoints, global_context=context, initial_logit=initial_logit)
        case LiteHRNetRecipe(depth=depth):
            return LiteHRNet(depth, num_keypoints, initial_logit=initial_logit)
        case HRNetRecipe(width=width):
            return HRNet(width, num_keypoints, initial_logit=initial_logit)
        case EfficientPoseRecipe(variant=variant):
            return EfficientPose(variant, num_keypoints, initial_logit=initial_logit)
        case GRmiRecipe(trunk=trunk):
            return GRmi(num_keypoints, trunk=trunk, initial_logit=initial_logit)


def build_loss(recipe: AnyLoss) -> HeatmapLoss:  # noqa: PLR0911 - one for each loss
    """The recipe's loss."""
    match recipe:
        case RceRecipe(alpha=alpha, gamma=gamma, positive_threshold=threshold):
            return RegressiveCrossEntropy(alpha, gamma, threshold)
        case MseRecipe():
            return MeanSquaredError()
        case OhkmRecipe(hard_keypoints=count):
            return HardKeypointMining(count)
        case CeOneHotRecipe(alpha=balance):
            return PixelCrossEntropy(one_hot, balance)
        case CeMaskRecipe(mask=name, alpha=balance):
            return PixelCrossEntropy(mask(name), balance)
        case CeSoftmaxRecipe():
            return SoftmaxCrossEntropy()
        case IntegralRecipe():
            return IntegralLoss()
        case DsntRecipe(regularisation=factor):
            return DsntLoss(factor)


def build_optimiser(recipe: OptimiserRecipe, network: nn.Module) -> Optimizer:
    """The recipe's optimiser over the network's trainable parameters."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if recipe.kind == "adam":
        return Adam(parameters, lr=recipe.learning_rate, eps=recipe.epsilon, fused=True)
    return AdamW(parameters, lr=recipe.learning_rate, eps=recipe.epsilon, weight_decay=recipe.weight_decay, fused=True)


def load_initial_weights(network: nn.Module, path: Path) -> str:
    """Fill a network with weights from a safetensors file: a whole network's, or a trunk's (`to_torchvision`).

    Entries stored in half precision are widened. What the file lacks keeps its fresh weights.

    Returns:
        One line for the log: how many tensors were taken and which groups the file lacks.

    Raises:
        RecipeError: the file cannot be read, no tensor fits, or one has another shape.
    """
    weights = to_torchvision({name: _widen(tensor) for name, tensor in _read(path).items()})
    is_network = any(name.startswith("trunk.") for name in weights)
    target = network if is_network else dict(network.named_children()).get("trunk", network)
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
