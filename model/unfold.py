"""A bundle's graph back to a network that trains on: `as_stored` folded its batch norms into the convolutions."""

from pathlib import Path

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import Tensor, nn

from model.config import RecipeError
from model.networks.normalise import Normalise
from model.precisions import GRAPH

SERVED_PREFIX = "network."
HALF_SUFFIX = "_half"


def load_bundle(network: nn.Module, folder: Path, crops: Tensor) -> str:
    """Fill a network with a bundle's weights, so that it computes in evaluation what the bundle does.

    The statistics that training then normalises with are measured on `crops`.

    Args:
        network: of the bundle's architecture.
        folder: the bundle.
        crops: (B, H, W, 3) uint8 RGB training crops on the network's device, some hundred.

    Returns:
        One line for the log.

    Raises:
        RecipeError: the graph cannot be read, or is another network's.
    """
    weights = _read_weights(folder / GRAPH)
    try:
        network.load_state_dict(_with_plain_norms(network, weights))
    except RuntimeError as error:  # torch's error for names or shapes that do not fit
        raise RecipeError(f"initial weights {folder} are another network's: {error}") from error
    _measure_norms(network, crops)
    return f"{len(weights)} tensors from {folder / GRAPH}, batch norms measured on {len(crops)} crops"


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        graph = onnx.load(path).graph
    except (OSError, DecodeError) as error:
        raise RecipeError(f"initial weights {path} cannot be read: {error}") from error
    weights = {_own_name(tensor.name): torch.tensor(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Identity" and _own_name(node.input[0]) in weights:  # the exporter keeps equal tensors once
            weights[_own_name(node.output[0])] = weights[_own_name(node.input[0])]
    return {name: weight.float() for name, weight in weights.items()}


def _own_name(name: str) -> str:
    return name.removeprefix(SERVED_PREFIX).removesuffix(HALF_SUFFIX)


def _with_plain_norms(network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The network's entries: a folded convolution's bias becomes that of a batch norm that does nothing else."""
    own = network.state_dict()
    state = {name if name in own else _norm_entry(name): weight for name, weight in weights.items()}
    for name, norm in _norms(network).items():
        ones = torch.ones(norm.num_features)
        state |= {f"{name}.weight": ones, f"{name}.running_mean": 0 * ones, f"{name}.running_var": ones - norm.eps}
        state[f"{name}.num_batches_tracked"] = torch.tensor(0)
    return state


@torch.no_grad()
def _measure_norms(network: nn.Module, crops: Tensor) -> None:
    """Give every batch norm the statistics of its input, and the scale and shift that leave its output as it was."""
    norms = _norms(network).values()
    inputs: dict[nn.Module, Tensor] = {}
    hooks = [norm.register_forward_pre_hook(lambda module, args: inputs.update({module: args[0]})) for norm in norms]
    network.eval()(Normalise().to(crops.device)(crops))
    for hook in hooks:
        hook.remove()
    for norm in norms:
        variance, mean = torch.var_mean(inputs[norm], dim=(0, 2, 3))
        norm.bias.add_(mean)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.state_dict()["running_mean"].copy_(mean)
        norm.state_dict()["running_var"].copy_(variance)


def _norms(network: nn.Module) -> dict[str, nn.BatchNorm2d]:
    return {name: module for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}


def _norm_entry(name: str) -> str:
    """A convolution's entry -> its batch norm's, in torchvision's names: conv1.bias -> bn1.bias, downsample.0 -> .1."""
    return name.replace("conv", "bn").replace("downsample.0", "downsample.1")
