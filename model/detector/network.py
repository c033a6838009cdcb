"""YOLO11n with one class, person, and the graph of it that is served.

Source of the network: ultralytics' `yolo11.yaml`, scale n (AGPL-3.0). The one-class network keeps the hidden widths
of the 80-class head and only drops the other 79 rows of its last layer, so person scores do not change by slicing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from ultralytics.nn.modules.head import Detect
from ultralytics.nn.tasks import DetectionModel

PERSON = 0
COCO_CLASSES = 80
CONFIG = "yolo11n.yaml"
LAST_SCORE_BIAS = "model.23.cv3.0.2.bias"


class WeightsError(ValueError):
    """Weights that this network cannot take; the message names the file and says what to give instead."""


def build_coco_network() -> DetectionModel:
    """YOLO11n for COCO's 80 classes, untrained, in evaluation mode."""
    return DetectionModel(CONFIG, nc=COCO_CLASSES, verbose=False).eval()


def build_person_network(weights: Path) -> DetectionModel:
    """YOLO11n for persons alone, in evaluation mode and float32.

    Args:
        weights: a safetensors file with ultralytics' names, of the 80-class network or of this one-class network.

    Raises:
        WeightsError: no such file, not safetensors, or the weights of another network.
    """
    state = read_weights(weights)
    network = build_coco_network()
    of_persons_alone = LAST_SCORE_BIAS in state and len(state[LAST_SCORE_BIAS]) == 1
    try:
        if of_persons_alone:
            keep_person_row(network)
            network.load_state_dict(state)
        else:
            network.load_state_dict(state)
            keep_person_row(network)
    except RuntimeError as error:
        raise WeightsError(
            f"{weights} does not hold the weights of a YOLO11n; give a safetensors file with its 499 tensors "
            f"({str(error).splitlines()[1].strip()[:200]})"
        ) from error
    return network


def read_weights(weights: Path) -> dict[str, Tensor]:
    """Read a safetensors file; floating point tensors come as float32.

    Raises:
        WeightsError: no such file, or not safetensors.
    """
    if not weights.is_file():
        raise WeightsError(f"no weights at {weights}; give the path of a YOLO11n in safetensors form")
    try:
        state = load_file(weights)
    except SafetensorError as error:
        raise WeightsError(f"{weights} is not a safetensors file ({error})") from error
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def write_weights(network: DetectionModel, path: Path) -> None:
    """Write a network's weights in float16, half the size, with ultralytics' names."""
    state = network.state_dict()
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    save_file({name: tensor.contiguous() for name, tensor in halves.items()}, path)


def keep_person_row(network: DetectionModel) -> None:
    """Drop every class but person from the head, in place."""
    detect = detect_head(network)
    for branch in detect.cv3:
        layers = cast("nn.Sequential", branch)
        layers[2] = _row_of(cast("nn.Conv2d", layers[2]), PERSON)
    detect.nc = 1
    detect.no = 1 + 4 * detect.reg_max
    cast("dict[str, Any]", network.yaml)["nc"] = 1
    network.names = {PERSON: "person"}


def detect_head(network: DetectionModel) -> Detect:
    """The last layer of the network, which turns feature maps into boxes and scores."""
    layers = cast("nn.Sequential", network.model)
    return cast("Detect", layers[-1])


class AnyBatch:
    """The shape (N, C, H, W) of a feature map; equal to every other one but for N."""

    def __init__(self, shape: Sequence[int]) -> None:
        self._shape = tuple(shape[1:])

    def __eq__(self, other: object) -> bool:
        """Whether all but N is alike."""
        return isinstance(other, Sequence) and tuple(cast("Sequence[int]", other)[1:]) == self._shape

    def __hash__(self) -> int:
        """Of all but N."""
        return hash(self._shape)


def allow_any_batch(detector: "ServedDetector") -> None:
    """Make a detector that has computed once keep its anchors for any batch, in place.

    ultralytics' head compares the whole shape with the last one's, and an exported program would be for that batch
    alone.
    """
    head = detect_head(detector.network)
    head.dynamic = False
    head.shape = cast("Any", AnyBatch(cast("Sequence[int]", head.shape)))
    head.anchors, head.strides = head.anchors.contiguous(), head.strides.contiguous()  # a program stores no views


def _row_of(convolution: nn.Conv2d, row: int) -> nn.Conv2d:
    """A 1x1 convolution with one of the output channels of the given one."""
    kept = nn.Conv2d(convolution.in_channels, 1, kernel_size=1)
    weight, bias = convolution.weight, cast("Tensor", convolution.bias)
    with torch.no_grad():
        kept.weight.copy_(weight[row : row + 1])
        cast("Tensor", kept.bias).copy_(bias[row : row + 1])
    return kept


class ServedDetector(nn.Module):
    """The network as it is served: uint8 RGB images in, boxes and scores out.

    Batch norms are folded into the convolutions and the weights rounded to float16 and back, because the bundle
    stores them so: what is measured is what is stored.
    """

    def __init__(self, network: DetectionModel) -> None:
        super().__init__()
        self.network = network.fuse(verbose=False)
        detect = detect_head(self.network)
        # Dynamic: the anchors are computed in the graph, for whatever rectangle comes in.
        detect.export, detect.xyxy, detect.dynamic = True, True, True
        with torch.no_grad():
            for parameter in self.network.parameters():
                parameter.copy_(parameter.half().float())
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Find persons.

        Args:
            images: (N, height, width, 3) uint8 RGB, letterboxed; height and width multiples of 32.

        Returns:
            (N, M, 5) float32 rows of x1, y1, x2, y2 in letterbox pixels and a score of 0..1.
        """
        planes = images.permute(0, 3, 1, 2).float() / 255.0
        rows = cast("Any", self.network)(planes)  # (N, 5, M)
        return cast("Tensor", rows).float().permute(0, 2, 1)
