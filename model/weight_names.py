"""Names of public weights -> torchvision's, for initial weights that are not stored as torchvision stores them."""

import re

import torch
from torch import Tensor

from model.networks.normalise import IMAGENET_MEAN, IMAGENET_STD

B0_BLOCKS = (1, 2, 2, 3, 3, 4, 1)
"""Blocks of EfficientNet-B0's stages, torchvision's features.1 to features.7."""

LUKEMELAS_EPSILON = 1e-3
TORCHVISION_EPSILON = 1e-5

LUKEMELAS_PARTS = {
    "_expand_conv": "0.0",
    "_bn0": "0.1",
    "_depthwise_conv": "1.0",
    "_bn1": "1.1",
    "_se_reduce": "2.fc1",
    "_se_expand": "2.fc2",
    "_project_conv": "3.0",
    "_bn2": "3.1",
}
"""Parts of a block. The first block expands nothing: it lacks the first two, and torchvision counts the others down."""

YOLO_FIRST, YOLO_FIRST_MEAN = "model.0.conv.weight", "model.0.bn.running_mean"

LUKEMELAS_ENDS = {"_conv_stem": "0.0", "_bn0": "0.1", "_conv_head": "8.0", "_bn1": "8.1"}


def to_torchvision(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a state dict and change what the names' change of network asks for; names of no known form stay.

    - EfficientNet-B0 in EfficientNet-PyTorch's names (`_blocks.N`): its batch norms' epsilon of 1e-3 moves into their
      variances, as torchvision's have 1e-5. It was trained with TensorFlow's padding, which torchvision's convolutions
      of stride 2 do not have, so the statistics need a new estimate; training makes one.
    - YOLO11n in ultralytics' names (`model.N`): see `_from_yolo`.
    - A shortcut whose batch norm was folded in: its weight is the convolution's, its bias the batch norm's.
    """
    if "_conv_stem.weight" in weights:
        return {_from_lukemelas(name): _shift_variance(name, tensor) for name, tensor in weights.items()}
    if YOLO_FIRST in weights:
        return _from_yolo(weights)
    return {_unfolded_name(name): tensor for name, tensor in weights.items()}


def _from_lukemelas(name: str) -> str:
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if block is None:
        part, _, entry = name.partition(".")
        return f"features.{LUKEMELAS_ENDS[part]}.{entry}" if part in LUKEMELAS_ENDS else name
    number, part, entry = int(block[1]), LUKEMELAS_PARTS[block[2]], block[3]
    if number == 0:
        place, _, rest = part.partition(".")
        part = f"{int(place) - 1}.{rest}"
    return f"features.{_place_of_block(number)}.block.{part}.{entry}"


def _place_of_block(number: int) -> str:
    """`stage.index` of the block, counted as torchvision does."""
    for stage, blocks in enumerate(B0_BLOCKS, start=1):
        if number < blocks:
            return f"{stage}.{number}"
        number -= blocks
    return f"{len(B0_BLOCKS)}.{number}"  # a deeper EfficientNet's: no B0 has such a block


def _shift_variance(name: str, tensor: Tensor) -> Tensor:
    is_variance = name.endswith("running_var")
    return tensor + (LUKEMELAS_EPSILON - TORCHVISION_EPSILON) if is_variance else tensor


def _unfolded_name(name: str) -> str:
    return name.replace("downsample.folded.weight", "downsample.0.weight").replace(
        "downsample.folded.bias", "downsample.1.bias"
    )


def _from_yolo(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """`layers` for `model`; the first convolution read RGB of 0 to 1 and shall read what `Normalise` makes of it.

    Its weights take the standard deviations, its batch norm's mean the means. The same comes out everywhere but along
    the edge, where the padding was black and is now the mean colour.
    """
    first = weights[YOLO_FIRST]
    std, mean = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    offset = (first * mean).sum(dim=(1, 2, 3))
    changed = {YOLO_FIRST: first * std, YOLO_FIRST_MEAN: weights[YOLO_FIRST_MEAN] - offset}
    return {name.replace("model.", "layers.", 1): tensor for name, tensor in (weights | changed).items()}
