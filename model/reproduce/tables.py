"""The tables of FasterPose (arXiv 2107.03215) as printed, each row with the recipe that trains it."""

from dataclasses import dataclass
from typing import Literal

TableName = Literal["table2", "table4", "table5", "table6", "figure5"]


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        label: what the table calls it.
        recipe: name of its recipe in model/recipes.
        printed: figure -> as printed, percent; figures that the paper does not print are left out.
    """

    label: str
    recipe: str
    printed: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A published table, or a figure's curves with the figures at their end.

    Attributes:
        name: what the command calls it.
        title: what it compares.
        columns: its figures, named as `fasterpose evaluate` names them.
        rows: in the paper's order.
        notes: what to know before comparing.
    """

    name: TableName
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def _ap(label: str, recipe: str, average_precision: str) -> Row:
    return Row(label, recipe, {"AP": average_precision})


def _baseline(label: str, recipe: str, figures: str) -> Row:
    """A SimpleBaseline row, which its own repository prints in full."""
    return Row(label, recipe, dict(zip(("AP", "AP50", "AP75", "AP_M", "AP_L", "AR"), figures.split(), strict=True)))


def _parts(label: str, recipe: str, figures: str) -> Row:
    """An MPII row of SimpleBaseline's repository."""
    parts = ("Head", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle", "Mean", "Mean@0.1")
    return Row(label, recipe, dict(zip(parts, figures.split(), strict=True)))


def _mean(label: str, recipe: str, mean: str) -> Row:
    return Row(label, recipe, {"Mean": mean})


def _feature(size: str, average_precision: str, at_50: str) -> Row:
    return Row(f"{size} features", f"table5-{size}", {"AP": average_precision, "AP50": at_50})


def _loss(label: str, recipe: str, figures: str) -> Row:
    return Row(label, recipe, dict(zip(("AP", "AP50", "AP75", "AR"), figures.split(), strict=True)))


TABLE2 = Table(
    "table2",
    "networks on COCO val2017",
    ("AP", "AP50", "AP75", "AP_M", "AP_L", "AR"),
    (
        _baseline("SimpleBaseline R50 256x192", "coco-simple-baseline-r50-256x192", "70.4 88.6 78.3 67.1 77.2 76.3"),
        _ap("FasterPose R50 256x192", "coco-r50-256x192", "71.7"),
        _baseline("SimpleBaseline R101 256x192", "coco-simple-baseline-r101-256x192", "71.4 89.3 79.3 68.1 78.1 77.1"),
        _ap("FasterPose R101 256x192", "coco-r101-256x192", "73.5"),
        _baseline("SimpleBaseline R152 256x192", "coco-simple-baseline-r152-256x192", "72.0 89.3 79.8 68.7 78.9 77.8"),
        _ap("FasterPose R152 256x192", "coco-r152-256x192", "74.2"),
        _baseline("SimpleBaseline R50 384x288", "coco-simple-baseline-r50-384x288", "72.2 89.3 78.9 68.1 79.7 77.6"),
        _ap("FasterPose R50 384x288", "coco-r50-384x288", "72.7"),
        _baseline("SimpleBaseline R101 384x288", "coco-simple-baseline-r101-384x288", "73.6 89.6 80.3 69.9 81.1 79.1"),
        _ap("FasterPose R101 384x288", "coco-r101-384x288", "75.0"),
        _baseline("SimpleBaseline R152 384x288", "coco-simple-baseline-r152-384x288", "74.3 89.6 81.1 70.5 81.6 79.7"),
        _ap("FasterPose R152 384x288", "coco-r152-384x288", "75.6"),
        _ap("LPN-50 256x192", "coco-lpn-50-256x192", "67.6"),
        _ap("FasterPose LPN-50 256x192", "coco-fasterpose-lpn50-256x192", "68.2"),
    ),
    (
        "SimpleBaseline's rows are quoted by the paper from SimpleBaseline's own training, whose augmentation is "
        "weaker (rotation 40 for 45, scale 0.3 for 0.35, no half-body). Give all rows one [augmentation] in a setting "
        "to compare networks and losses alone.",
    ),
)

TABLE4 = Table(
    "table4",
    "networks on MPII val",
    ("Mean", "Mean@0.1", "Head", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle"),
    (
        _parts(
            "SimpleBaseline R50", "mpii-simple-baseline-r50-256x256", "96.4 95.3 89.0 83.2 88.4 84.0 79.6 88.5 34.0"
        ),
        _mean("FasterPose R50", "mpii-r50-256x256", "88.6"),
        _parts(
            "SimpleBaseline R101", "mpii-simple-baseline-r101-256x256", "96.9 95.9 89.5 84.4 88.4 84.5 80.7 89.1 34.0"
        ),
        _mean("FasterPose R101", "mpii-r101-256x256", "89.3"),
        _parts(
            "SimpleBaseline R152", "mpii-simple-baseline-r152-256x256", "97.0 95.9 90.0 85.0 89.2 85.3 81.3 89.6 35.0"
        ),
        _mean("FasterPose R152", "mpii-r152-256x256", "89.8"),
    ),
    ("SimpleBaseline's parts are those of its repository.",),
)

TABLE5 = Table(
    "table5",
    "the resolution of the features before the heatmaps, R50 with MSE",
    ("AP", "AP50"),
    (
        _feature("8x6", "70.3", "88.6"),
        _feature("16x12", "70.4", "88.7"),
        _feature("32x24", "70.4", "88.7"),
        _feature("64x48", "70.4", "88.6"),
    ),
    ("The first two rows print the parameters of other networks; notes 4 and 5 of docs/costs.md.",),
)

TABLE6 = Table(
    "table6",
    "losses, FasterPose-R50",
    ("AP", "AP50", "AP75", "AR"),
    (
        _loss("MSE", "table6-mse", "70.3 88.6 78.8 76.6"),
        _loss("CE one-hot", "table6-ce-one-hot", "69.7 89.1 78.1 76.2"),
        _loss("CE mask", "table6-ce-mask", "70.0 88.9 76.9 76.6"),
        _loss("RCE", "table6-rce", "70.9 89.5 78.9 76.8"),
    ),
    (
        "The paper does not say whether alpha and gamma were applied to the rows of CE; here they are not "
        "(`[loss] alpha = 0.7` in a setting balances them), and all rows are decoded alike.",
    ),
)

FIGURE5 = Table(
    "figure5",
    "convergence of low and high resolution, MSE and RCE",
    ("AP", "AP50"),
    (
        Row("LR/MSE", "table6-mse", {"AP": "70.3", "AP50": "88.6"}),
        Row("HR/MSE", "table5-64x48", {"AP": "70.4", "AP50": "88.6"}),
        Row("LR/RCE", "table6-rce", {"AP": "70.9", "AP50": "89.5"}),
    ),
    ("Its curves are two rows of Table 6 and one of Table 5: with their --output they are not run again.",),
)

TABLES: dict[TableName, Table] = {table.name: table for table in (TABLE2, TABLE4, TABLE5, TABLE6, FIGURE5)}
