"""The `[network]` table of a recipe: one class an architecture, told apart by `kind`."""

from abc import ABC, abstractmethod
from typing import Annotated, Literal, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from model.networks.backbones import TrunkName, is_torchvision_network
from model.networks.efficientpose import Variant
from model.networks.lite_hrnet import Depth
from model.networks.lpn import LpnName
from model.networks.simple_baseline import Head
from model.networks.yolo import YoloName
from model.section import Section

RESNET_STRIDE = 32


def _known_trunk(name: str) -> str:
    if name in (*get_args(TrunkName), *get_args(LpnName), *get_args(YoloName)) or is_torchvision_network(name):
        return name
    raise ValueError(f"{name!r} is no ResNet, no LPN, not yolo11n and no classification network of torchvision")


class Architecture(Section, ABC):
    """What every network's table tells of it."""

    @property
    @abstractmethod
    def architecture(self) -> str:
        """What bundles call the network."""

    @property
    def heatmap_stride(self) -> int:
        """Input pixels a heatmap pixel."""
        return 4


class FasterPoseRecipe(Architecture):
    """FasterPose; also the network of a table that names no kind.

    Attributes:
        trunk: `resnet18` to `resnet152`, `lpn50` to `lpn152`, `yolo11n`, or a classification network of torchvision.
        bias: whether the LHR has a bias.
        frozen_stages: how many of the trunk's stages keep their initial weights; a ResNet's are stem, layer1 .. layer4.
    """

    kind: Literal["fasterpose"] = "fasterpose"
    trunk: Annotated[str, AfterValidator(_known_trunk)]
    bias: bool = True
    frozen_stages: Annotated[int, Field(ge=0)] = 0

    @property
    def architecture(self) -> str:
        """What bundles call the network."""
        return f"fasterpose-{self.trunk}"


class SimpleBaselineRecipe(Architecture):
    """SimpleBaseline, and with fewer deconvolutions the rows of FasterPose's Table 5; see `SimpleBaseline`."""

    kind: Literal["simple_baseline"]
    trunk: TrunkName
    deconvolutions: Annotated[int, Field(ge=0, le=3)] = 3
    head: Head = "lhr"
    frozen_stages: Annotated[int, Field(ge=0, le=5)] = 0

    @property
    def architecture(self) -> str:
        """What bundles call the network."""
        return f"simple-baseline-{self.trunk}-d{self.deconvolutions}-{self.head}"

    @property
    def heatmap_stride(self) -> int:
        """Input pixels a heatmap pixel."""
        return 4 if self.head == "lhr" else RESNET_STRIDE // 2**self.deconvolutions


class LpnRecipe(Architecture):
    """LPN; without global context it is the network of the paper's abstract."""

    kind: Literal["lpn"]
    trunk: LpnName
    global_context: bool = True

    @property
    def architecture(self) -> str:
        """What bundles call the network."""
        return self.trunk if self.global_context else f"{self.trunk}-without-context"


class LiteHRNetRecipe(Architecture):
    """Lite-HRNet; with the loss `rce` it is the paper's FasterPose on Lite-HRNet, which has no LHR."""

    kind: Literal["lite_hrnet"]
    depth: Depth

    @property
    def architecture(self) -> str:
        """What bundles call the network."""
        return f"lite-hrnet-{self.depth}"


class HRNetRecipe(Architecture):
    """HRNet-W32 or -W48."""

    kind: Literal["hrnet"]
    width: Literal[32, 48]

    @property
    def architecture(self) -> str:
        """What bundles call the network."""
        return f"hrnet-w{self.width}"


class EfficientPoseRecipe(Architecture):
    """EfficientPose-A, -B or -C."""

    kind: Literal["efficientpose"]
    variant: Variant

    @property
    def architecture(self) -> str:
        """What bundles call the network."""
        return f"efficientpose-{self.variant}"


class GRmiRecipe(Architecture):
    """G-RMI's dilated ResNet, without its offset maps, which no loss here trains."""

    kind: Literal["grmi"]
    trunk: Literal["resnet50", "resnet101", "resnet152"] = "resnet101"

    @property
    def architecture(self) -> str:
        """What bundles call the network."""
        return f"grmi-{self.trunk}"

    @property
    def heatmap_stride(self) -> int:
        """Input pixels a heatmap pixel."""
        return 8


def _with_kind(content: object) -> object:
    return {"kind": "fasterpose"} | cast("dict[str, object]", content) if isinstance(content, dict) else content


AnyNetwork = (
    FasterPoseRecipe
    | SimpleBaselineRecipe
    | LpnRecipe
    | LiteHRNetRecipe
    | HRNetRecipe
    | EfficientPoseRecipe
    | GRmiRecipe
)

NetworkRecipe = Annotated[Annotated[AnyNetwork, Field(discriminator="kind")], BeforeValidator(_with_kind)]
"""The network's table; without `kind` it is FasterPose's."""
