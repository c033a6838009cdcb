"""YOLO11n without its detection head as a trunk: features of a detector that has seen 64,000 photographs of people.

Source of the network: ultralytics' `yolo11.yaml`, scale n. What starts from its weights is AGPL-3.0.
"""

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.networks.trunk import Trunk

YoloName = Literal["yolo11n"]

STAGE_ENDS = (1, 3, 5, 7, 11, 23)
"""Layers at which P1 to P5 of the backbone and the neck end; the detection head, 23, is left out."""

P3, P4, P5 = 2, 3, 4
"""Backbone stages that the neck reads, of strides 8, 16 and 32."""

NECK_WIDTHS = (64, 128, 256)
"""Channels of the neck's three outputs, of strides 8, 16 and 32."""


class YoloTrunk(Trunk):
    """YOLO11n's backbone and neck; the neck's three outputs side by side at stride 8.

    FasterPose's regressor can read a single map of stride 32, as from a ResNet. A detector's coarsest map says where
    people are and has forgotten where their wrists are: after 6,400 people of the small sets, PCK@0.2 on LSPet was
    0.11 from the neck's map of stride 32, 0.09 from the backbone's and 0.25 from the three together.

    State-dict names are ultralytics' with `layers` instead of `model`.
    """

    out_channels = sum(NECK_WIDTHS)
    stride = 8

    def __init__(self, frozen_stages: int = 0) -> None:
        """Build the trunk; the first `frozen_stages` of (P1 .. P5, neck) are never trained."""
        super().__init__()
        self.layers = _layers_before_head()
        self.freeze(frozen_stages)

    def stages(self) -> list[list[nn.Module]]:
        """(P1 .. P5, neck)."""
        starts = (0, *STAGE_ENDS)
        return [list(self.layers[start:end]) for start, end in zip(starts, STAGE_ENDS, strict=False)]

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB, H and W multiples of 32 -> (B, 448, H / 8, W / 8) features."""
        outputs = self._backbone(images)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen_stages < len(STAGE_ENDS)):
            return _side_by_side(self._neck(outputs[P3], outputs[P4], outputs[P5]))

    def fold_norms(self) -> None:
        """Fold each batch norm into the convolution before it; for evaluation only."""
        for module in list(self.modules()):
            parts = dict(module.named_children())
            conv, norm = parts.get("conv"), parts.get("bn")
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module.conv, module.bn = fuse_conv_bn_eval(conv, norm), nn.Identity()

    def _backbone(self, images: Tensor) -> list[Tensor]:
        """The output of each stage of the backbone."""
        outputs = [images]
        for index in range(len(STAGE_ENDS) - 1):
            outputs.append(self.run_stage(index, outputs[-1]))
        return outputs[1:]

    def _neck(self, p3: Tensor, p4: Tensor, p5: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Down from the coarsest map to the finest and up again (PANet), layers 11 to 22 of `yolo11.yaml`."""
        up5, join4, mix4, up4, join3, mix3, down3, rejoin4, remix4, down4, rejoin5, remix5 = self.layers[11:]
        middle = mix4(join4([up5(p5), p4]))
        fine = mix3(join3([up4(middle), p3]))
        middle = remix4(rejoin4([down3(fine), middle]))
        return fine, middle, remix5(rejoin5([down4(middle), p5]))


def _side_by_side(maps: Sequence[Tensor]) -> Tensor:
    """Maps of strides 8, 16 and 32 as one of stride 8."""
    fine, middle, coarse = maps
    return torch.cat([fine, interpolate(middle, scale_factor=2.0), interpolate(coarse, scale_factor=4.0)], dim=1)


def _layers_before_head() -> nn.ModuleList:
    # Here and not above: ultralytics takes seconds to import, and most networks are built without it.
    from model.detector.network import build_coco_network  # noqa: PLC0415

    with torch.device("cpu"):  # ultralytics computes strides while it builds, which the meta device cannot
        network = cast("nn.Sequential", build_coco_network().model)
    return nn.ModuleList(list(network)[: STAGE_ENDS[-1]]).to(torch.get_default_device())
