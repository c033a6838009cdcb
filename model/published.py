"""Costs as the papers print them, each with the network that they are counted for here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import nn

from model.contract.crop import Size
from model.networks.efficientpose import EfficientPose
from model.networks.fasterpose import FasterPose
from model.networks.grmi import GRmi
from model.networks.hrnet import HRNet
from model.networks.lite_hrnet import LiteHRNet
from model.networks.lpn import Lpn
from model.networks.simple_baseline import SimpleBaseline

Convention = Literal["A", "S"]

SMALL: Size = (192, 256)
LARGE: Size = (288, 384)
SQUARE: Size = (256, 256)


@dataclass(frozen=True)
class PublishedCost:
    """A row of a published table, or two of them that print the same.

    Attributes:
        name: the network as this report calls it.
        build: number of keypoints -> network.
        keypoints: 17 on COCO, 16 on MPII.
        input_size: (width, height) of the crop in pixels.
        parameters: as printed, millions; empty if nobody printed it.
        operations: as printed: GFLOPs in convention A, millions in convention S (see `model.cost`); empty likewise.
        convention: how `operations` were counted.
        milliseconds: FasterPose's latency on one RTX 2080 Ti, if it prints one.
        notes: numbers of the notes that say why a figure differs, see `NOTES`.
    """

    name: str
    build: Callable[[int], nn.Module]
    keypoints: int
    input_size: Size
    parameters: str
    operations: str
    convention: Convention = "A"
    milliseconds: float | None = None
    notes: tuple[int, ...] = ()


def table5(deconvolutions: int, head: Literal["lhr", "conv"]) -> Callable[[int], nn.Module]:
    """SimpleBaseline on ResNet-50 with so many deconvolutions."""
    return partial(SimpleBaseline, "resnet50", deconvolutions=deconvolutions, head=head)


R50, R101, R152 = (partial(FasterPose, trunk) for trunk in ("resnet50", "resnet101", "resnet152"))
SB50, SB101, SB152 = (partial(SimpleBaseline, trunk) for trunk in ("resnet50", "resnet101", "resnet152"))

PUBLISHED: tuple[PublishedCost, ...] = (
    PublishedCost("FasterPose R50", R50, 17, SMALL, "25.7", "3.8", milliseconds=6.4, notes=(1, 2)),
    PublishedCost("FasterPose R101", R101, 17, SMALL, "44.7", "7.2", milliseconds=13.0),
    PublishedCost("FasterPose R152", R152, 17, SMALL, "60.4", "10.6", milliseconds=18.7),
    PublishedCost("FasterPose R50", R50, 17, LARGE, "25.7", "8.6", milliseconds=7.5),
    PublishedCost("FasterPose R101", R101, 17, LARGE, "44.7", "16.2", milliseconds=14.3),
    PublishedCost("FasterPose R152", R152, 17, LARGE, "60.4", "23.9", milliseconds=21.5),
    PublishedCost("FasterPose R50", R50, 16, SQUARE, "", "5.1"),
    PublishedCost("FasterPose R101", R101, 16, SQUARE, "", "9.6"),
    PublishedCost("FasterPose R152", R152, 16, SQUARE, "", "14.1"),
    PublishedCost("FasterPose LPN-50", partial(FasterPose, "lpn50"), 17, SMALL, "2.90", "0.8", milliseconds=4.6),
    PublishedCost("SimpleBaseline R50", SB50, 17, SMALL, "34.0", "9.0", milliseconds=7.5, notes=(1, 3)),
    PublishedCost("SimpleBaseline R101", SB101, 17, SMALL, "53.0", "12.4", milliseconds=15.0),
    PublishedCost("SimpleBaseline R152", SB152, 17, SMALL, "68.6", "15.8", milliseconds=20.9, notes=(3,)),
    PublishedCost("SimpleBaseline R50", SB50, 17, LARGE, "34.0", "20.2", milliseconds=9.4, notes=(3,)),
    PublishedCost("SimpleBaseline R101", SB101, 17, LARGE, "53.0", "27.9", milliseconds=17.5),
    PublishedCost("SimpleBaseline R152", SB152, 17, LARGE, "68.6", "35.5", milliseconds=24.1, notes=(3,)),
    PublishedCost("SimpleBaseline R50", SB50, 16, SQUARE, "", "12.0"),
    PublishedCost("SimpleBaseline R101", SB101, 16, SQUARE, "", "16.5"),
    PublishedCost("SimpleBaseline R152", SB152, 16, SQUARE, "", "21.0"),
    PublishedCost("Table 5, 8x6: LHR", table5(0, "lhr"), 17, SMALL, "25.6", "3.8", notes=(4,)),
    PublishedCost("Table 5, 8x6: LHR, 16 joints", table5(0, "lhr"), 16, SMALL, "25.6", "3.8", notes=(4,)),
    PublishedCost("Table 5, 8x6: 1x1", table5(0, "conv"), 17, SMALL, "25.6", "3.8", notes=(4,)),
    PublishedCost("Table 5, 16x12: 1 deconv, LHR", table5(1, "lhr"), 17, SMALL, "31.9", "5.2", notes=(5,)),
    PublishedCost("Table 5, 16x12: 1 deconv, 1x1", table5(1, "conv"), 17, SMALL, "31.9", "5.2", notes=(5,)),
    PublishedCost("Table 5, 32x24: 2 deconv, LHR", table5(2, "lhr"), 17, SMALL, "33.0", "6.0"),
    PublishedCost("Table 5, 32x24: 2 deconv, 1x1", table5(2, "conv"), 17, SMALL, "33.0", "6.0"),
    PublishedCost("Table 5, 64x48: 3 deconv", table5(3, "lhr"), 17, SMALL, "34.0", "9.0"),
    PublishedCost("LPN-50", partial(Lpn, "lpn50"), 17, SMALL, "2.91", "1.0", milliseconds=4.8, notes=(6,)),
    PublishedCost("LPN-101", partial(Lpn, "lpn101"), 17, SMALL, "5.3", "1.4", notes=(7,)),
    PublishedCost("LPN-152", partial(Lpn, "lpn152"), 17, SMALL, "7.4", "1.8"),
    PublishedCost("LPN-50", partial(Lpn, "lpn50"), 16, SQUARE, "2.9", "1.3"),
    PublishedCost("Lite-HRNet-18", partial(LiteHRNet, 18), 17, SMALL, "1.13", "205.2", "S", notes=(11,)),
    PublishedCost("Lite-HRNet-18", partial(LiteHRNet, 18), 17, LARGE, "1.1", "461.6", "S"),
    PublishedCost("Lite-HRNet-18", partial(LiteHRNet, 18), 16, SQUARE, "1.1", "273.4", "S"),
    PublishedCost("Lite-HRNet-30", partial(LiteHRNet, 30), 17, SMALL, "1.8", "319.2", "S"),
    PublishedCost("Lite-HRNet-30", partial(LiteHRNet, 30), 17, LARGE, "1.8", "717.8", "S"),
    PublishedCost("Lite-HRNet-30", partial(LiteHRNet, 30), 16, SQUARE, "1.8", "425.3", "S"),
    PublishedCost("HRNet-W32", partial(HRNet, 32), 17, SMALL, "28.5", "7.1"),
    PublishedCost("HRNet-W32", partial(HRNet, 32), 17, LARGE, "28.5", "16.0"),
    PublishedCost("HRNet-W32", partial(HRNet, 32), 16, SQUARE, "28.5", "9.5"),
    PublishedCost("HRNet-W48", partial(HRNet, 48), 17, SMALL, "63.6", "14.6"),
    PublishedCost("HRNet-W48", partial(HRNet, 48), 17, LARGE, "63.6", "32.9"),
    PublishedCost("EfficientPose-A", partial(EfficientPose, "a"), 17, SMALL, "1.3", "0.5"),
    PublishedCost("EfficientPose-A", partial(EfficientPose, "a"), 16, SQUARE, "1.3", "0.7", notes=(8,)),
    PublishedCost("EfficientPose-B", partial(EfficientPose, "b"), 17, SMALL, "3.3", "1.1"),
    PublishedCost("EfficientPose-B", partial(EfficientPose, "b"), 16, SQUARE, "3.3", "1.5"),
    PublishedCost("EfficientPose-C", partial(EfficientPose, "c"), 17, SMALL, "5.0", "1.6", notes=(9,)),
    PublishedCost("EfficientPose-C", partial(EfficientPose, "c"), 16, SQUARE, "5.0", "2.0", notes=(9,)),
    PublishedCost("G-RMI R101", partial(GRmi, offsets=True), 17, (257, 353), "42.6", "57.0", notes=(10,)),
    PublishedCost("G-RMI R101", partial(GRmi, offsets=True), 17, (256, 352), "42.6", "57.0", notes=(10,)),
)

NOTES: dict[int, str] = {
    1: "FasterPose's claim of 42 % of SimpleBaseline's FLOPs (R50, 256x192) is one of convention A, which charges a "
    "stride-2 deconvolution four times: 3.83 / 8.99 = 42.6 %. In multiply-adds it is 4.11 / 5.43 = 75.8 %; its own "
    "latencies are 6.4 / 7.5 = 85.3 %. Likewise what follows the trunk is 58.5 % of SimpleBaseline in A (it says "
    "59 %) and 26.2 % in multiply-adds. The parameters hold by any count: 24.3 % fewer in all, 78.8 % fewer "
    "weights in the regressor.",
    2: "Whether the LHR has a bias is not said: 25,737,344 parameters with it, 25,736,256 without; both round to "
    "25.7M.",
    3: "Printed differently elsewhere: 8.9 and 15.7 (256x192, cut instead of rounded), 20.0 and 35.3 "
    "(SimpleBaseline's README, 384x288); FasterPose itself has 35.5 in its Table 2 and 35.6 in its Table 3 for "
    "the same R152.",
    4: "Table 5's first row cannot be a 17-joint network of this form: with LHR it has 25.7M parameters (as in the "
    "paper's other tables), with 1x1 convolutions 23.5M. 25.6M is the head for 16 joints.",
    5: "Table 5's second row is one deconvolution and a 1x1 convolution at 16x12, though the text has all rows "
    "predict 64x48 heatmaps; with LHR it has 32.0M.",
    6: "LPN's abstract says 2.7M: without the global context blocks it is 2,732,689. FasterPose's table has 2.91M.",
    7: "5,353,458 was cut to 5.3M instead of rounded.",
    8: "EfficientPose's abstract says 0.65.",
    9: "Not reproduced: 1.459 at 256x192 and 1.945 at 256x256 in convention A. Divided by 10^9 instead of 2^30 the "
    "first is 1.566, the printed 1.6, but the second then is 2.089. The parameters agree to the unit with the "
    "released code.",
    10: "Not reproduced at the published 353x257; 352x256 comes within 0.2 %.",
    11: "FasterPose on Lite-HRNet-18 is this network trained with RCE; it has no LHR.",
}
"""Why figures differ, by number."""

NOT_REPRODUCED = (
    "Integral Pose Regression R101 256x256, 45.0M and 11.0 GFLOPs: no configuration was found that gives them.",
    "CPN, RSN and RMPE are quoted by the paper and not built here. Its CPN row (72.6 / 86.1 / 69.7 / 78.3 / "
    "64.1), with an AP75 below its AP, is almost certainly not CPN's (72.1 / 91.4 / 80.0 / 68.7 / 77.2); RSN is "
    "cited as HRNet's paper.",
    "LPN-50's AP is 67.6 in the paper and 69.1 in LPN's own repository (iterative training, soft-argmax); the "
    "gain that the text calls 0.8 points is 67.6 to 68.2, 0.6.",
    "SimpleBaseline's APs are quoted from its weaker augmentation, FasterPose's use the stronger one; RCE on R50 "
    "is 70.9 in Table 6 (weaker) and 71.7 in Table 2 (stronger). A fair row has to be trained anew.",
    "The paper's latencies are of an RTX 2080 Ti: compare ratios, not milliseconds.",
)
"""What else of the papers' tables stands against itself or cannot be counted here."""
