"""Every network's counts to the unit and the third digit (FACTS.md), the claims made of them, and docs/costs.md."""

import itertools
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from torch import nn

from model.contract.crop import Size
from model.cost import Cost, count_cost
from model.cost_report import CountedCost, count_published, report
from model.latency import Latency, measure_latency, median_milliseconds
from model.networks.backbones import build_trunk
from model.networks.fasterpose import FasterPose
from model.networks.lpn import Lpn
from model.published import NOTES, PUBLISHED, PublishedCost

SMALL, LARGE, SQUARE = (192, 256), (288, 384), (256, 256)
DOCUMENT = Path(__file__).parents[2] / "docs" / "costs.md"

KNOWN: list[tuple[str, int, Size, int, float, float]] = [
    ("FasterPose R50", 17, SMALL, 25_737_344, 3.828, 4.111),
    ("FasterPose R101", 17, SMALL, 44_729_472, 7.215, 7.747),
    ("FasterPose R152", 17, SMALL, 60_373_120, 10.602, 11.384),
    ("FasterPose R50", 17, LARGE, 25_737_344, 8.614, 9.249),
    ("FasterPose R101", 17, LARGE, 44_729_472, 16.234, 17.431),
    ("FasterPose R152", 17, LARGE, 60_373_120, 23.854, 25.613),
    ("FasterPose R50", 16, SQUARE, 25_606_208, 5.097, 5.473),
    ("FasterPose R101", 16, SQUARE, 44_598_336, 9.612, 10.321),
    ("FasterPose R152", 16, SQUARE, 60_241_984, 14.128, 15.170),
    ("FasterPose LPN-50", 17, SMALL, 2_900_912, 0.768, 0.825),
    ("SimpleBaseline R50", 17, SMALL, 33_999_697, 8.991, 5.426),
    ("SimpleBaseline R101", 17, SMALL, 52_991_825, 12.378, 9.063),
    ("SimpleBaseline R152", 17, SMALL, 68_635_473, 15.765, 12.699),
    ("SimpleBaseline R50", 17, LARGE, 33_999_697, 20.230, 12.209),
    ("SimpleBaseline R101", 17, LARGE, 52_991_825, 27.850, 20.391),
    ("SimpleBaseline R152", 17, LARGE, 68_635_473, 35.470, 28.573),
    ("SimpleBaseline R50", 16, SQUARE, 33_999_440, 11.987, 7.234),
    ("SimpleBaseline R101", 16, SQUARE, 52_991_568, 16.503, 12.083),
    ("SimpleBaseline R152", 16, SQUARE, 68_635_216, 21.019, 16.931),
    ("Table 5, 8x6: LHR", 17, SMALL, 25_737_344, 3.828, 4.111),
    ("Table 5, 8x6: LHR, 16 joints", 16, SMALL, 25_606_208, 3.823, 4.104),
    ("Table 5, 8x6: 1x1", 17, SMALL, 23_542_865, 3.730, 4.005),
    ("Table 5, 16x12: 1 deconv, LHR", 17, SMALL, 31_967_056, 5.241, 4.420),
    ("Table 5, 16x12: 1 deconv, 1x1", 17, SMALL, 31_901_521, 5.230, 4.407),
    ("Table 5, 32x24: 2 deconv, LHR", 17, SMALL, 32_963_716, 5.991, 4.621),
    ("Table 5, 32x24: 2 deconv, 1x1", 17, SMALL, 32_950_609, 5.982, 4.611),
    ("Table 5, 64x48: 3 deconv", 17, SMALL, 33_999_697, 8.991, 5.426),
    ("LPN-50", 17, SMALL, 2_911_153, 1.008, 1.068),
    ("LPN-101", 17, SMALL, 5_353_458, 1.414, 1.504),
    ("LPN-152", 17, SMALL, 7_377_459, 1.822, 1.943),
    ("LPN-50", 16, SQUARE, 2_910_896, 1.343, 1.423),
    ("Lite-HRNet-18", 17, SMALL, 1_130_769, 205.23, 0.1986),
    ("Lite-HRNet-18", 17, LARGE, 1_130_769, 461.56, 0.4468),
    ("Lite-HRNet-18", 16, SQUARE, 1_130_728, 273.43, 0.2646),
    ("Lite-HRNet-30", 17, SMALL, 1_763_717, 319.20, 0.3095),
    ("Lite-HRNet-30", 17, LARGE, 1_763_717, 717.84, 0.6960),
    ("Lite-HRNet-30", 16, SQUARE, 1_763_676, 425.34, 0.4124),
    ("HRNet-W32", 17, SMALL, 28_536_113, 7.120, 7.645),
    ("HRNet-W32", 17, LARGE, 28_536_113, 16.020, 17.201),
    ("HRNet-W32", 16, SQUARE, 28_536_080, 9.493, 10.193),
    ("HRNet-W48", 17, SMALL, 63_595_745, 14.614, 15.692),
    ("HRNet-W48", 17, LARGE, 63_595_745, 32.882, 35.307),
    ("EfficientPose-A", 17, SMALL, 1_299_393, 0.502, 0.407),
    ("EfficientPose-A", 16, SQUARE, 1_299_360, 0.669, 0.542),
    ("EfficientPose-B", 17, SMALL, 3_252_945, 1.132, 1.046),
    ("EfficientPose-B", 16, SQUARE, 3_252_912, 1.510, 1.395),
    ("EfficientPose-C", 17, SMALL, 5_002_345, 1.459, 1.397),
    ("EfficientPose-C", 16, SQUARE, 5_002_312, 1.945, 1.862),
    ("G-RMI R101", 17, (257, 353), 42_604_659, 59.948, 64.369),
    ("G-RMI R101", 17, (256, 352), 42_604_659, 56.881, 61.076),
]
"""Network, joints, (width, height), parameters, operations in the paper's convention, true multiply-adds in 10^9."""

DISAGREEING = {"Table 5, 8x6: LHR", "Table 5, 8x6: 1x1", "Table 5, 16x12: 1 deconv, LHR", "LPN-101"} | {
    "EfficientPose-C",
    "G-RMI R101",
}


@pytest.fixture(scope="module")
def rows() -> list[CountedCost]:
    return count_published()


def named(rows: list[CountedCost], name: str, size: Size = SMALL, keypoints: int = 17) -> Cost:
    """The cost of one row."""
    (row,) = (
        row
        for row in rows
        if (row.published.name, row.published.input_size, row.published.keypoints) == (name, size, keypoints)
    )
    return row.cost


@pytest.mark.parametrize(("name", "keypoints", "size", "parameters", "operations", "gmacs"), KNOWN)
def test_a_network_costs_what_is_known(
    rows: list[CountedCost], name: str, keypoints: int, size: Size, parameters: int, operations: float, gmacs: float
) -> None:
    cost = named(rows, name, size, keypoints)
    is_lite = name.startswith("Lite")
    assert cost.parameters == parameters
    assert operations == (round(cost.torchstat_millions, 2) if is_lite else round(cost.gflops, 3))
    assert round(cost.gmacs, 4 if is_lite else 3) == gmacs


def test_every_published_row_is_known() -> None:
    assert [(row.name, row.keypoints, row.input_size) for row in PUBLISHED] == [known[:3] for known in KNOWN]


def test_figures_agree_with_the_printed_ones_but_where_a_note_says_why(rows: list[CountedCost]) -> None:
    assert {row.published.name for row in rows if not row.agrees} == DISAGREEING
    assert all(row.published.notes for row in rows if not row.agrees)
    assert {number for row in PUBLISHED for number in row.notes} == NOTES.keys()


def test_agreeing_is_rounding_to_the_printed_digits() -> None:
    row = PublishedCost("some", lambda _: nn.Identity(), 17, SMALL, "25.7", "3.8")
    assert CountedCost(row, Cost(25_650_001, round(3.751 * 2**30), 0, 0)).agrees
    assert not CountedCost(row, Cost(25_649_999, round(3.751 * 2**30), 0, 0)).agrees
    assert not CountedCost(row, Cost(25_650_001, round(3.851 * 2**30), 0, 0)).agrees


def test_note_1_states_the_ratios(rows: list[CountedCost]) -> None:
    ours, theirs = named(rows, "FasterPose R50"), named(rows, "SimpleBaseline R50")
    trunk = count_cost(build_trunk("resnet50"), SMALL)
    heads = 2048 * 17 * 64, (2048 + 2 * 256) * 256 * 16 + 256 * 17
    shares = {
        "3.83 / 8.99": ours.gflops / theirs.gflops,
        "4.11 / 5.43": ours.gmacs / theirs.gmacs,
        "6.4 / 7.5": 6.4 / 7.5,
        "deconvolutions in A": 1 - trunk.gflops / theirs.gflops,
        "deconvolutions in T": 1 - trunk.gmacs / theirs.gmacs,
        "parameters": 1 - ours.parameters / theirs.parameters,
        "regressor": 1 - heads[0] / heads[1],
    }
    stated = ["42.6 %", "75.8 %", "85.3 %", "58.5 %", "26.2 %", "24.3 %", "78.8 %"]
    assert [f"{100 * share:.1f} %" for share in shares.values()] == stated
    positions = [NOTES[1].index(text) for text in stated]
    assert positions == sorted(positions)
    assert all(text in NOTES[1] for text in itertools.islice(shares, 3))


def test_other_notes_state_what_is_counted(rows: list[CountedCost]) -> None:
    counts = [
        (2, count_cost(FasterPose("resnet50", 17), SMALL).parameters),
        (2, count_cost(FasterPose("resnet50", 17, bias=False), SMALL).parameters),
        (6, count_cost(Lpn("lpn50", 17, global_context=False), SMALL).parameters),
        (7, named(rows, "LPN-101").parameters),
    ]
    assert all(f"{count:,}" in NOTES[number] for number, count in counts)
    small, square = named(rows, "EfficientPose-C"), named(rows, "EfficientPose-C", SQUARE, 16)
    figures = (small.gflops, square.gflops, small.published_operations / 1e9, square.published_operations / 1e9)
    assert all(f"{figure:.3f}" in NOTES[9] for figure in figures)
    assert abs(named(rows, "G-RMI R101", (256, 352)).gflops / 57.0 - 1) <= 0.0021


def test_the_document_is_what_the_command_prints(rows: list[CountedCost]) -> None:
    text = DOCUMENT.read_text()
    assert "```bash\nfasterpose cost\n```" in text
    assert text.endswith(f"\n\n{report(rows)}\n")


def test_only_counts_what_its_name_contains() -> None:
    assert {row.published.name for row in count_published("lpn-15")} == {"LPN-152"}
    assert count_published("hourglass") == []


def test_latencies_add_columns(rows: list[CountedCost]) -> None:
    lines = report(rows[:1], [Latency(12.34, None)]).splitlines()
    header = next(line for line in lines if line.startswith("| network"))
    row = next(line for line in lines if line.startswith("| FasterPose R50"))
    assert header.endswith("| published ms (2080 Ti) | CPU ms |")
    assert row.endswith("| 6.4 | 12.3 |")
    assert "| 6.4 | 12.3 | 4.6 |" in report(rows[:1], [Latency(12.34, 4.56)])


def test_a_network_is_timed_as_it_is_served() -> None:
    tiny = PublishedCost("tiny", lambda count: nn.Conv2d(3, count, 3, stride=4, padding=1), 17, (32, 32), "", "")
    latency = measure_latency(tiny)
    assert 0 < latency.cpu < 1000


def test_the_median_ignores_the_warm_up() -> None:
    runs: list[int] = []
    milliseconds = median_milliseconds(lambda: runs.append(len(runs)), seconds=0)
    assert len(runs) == 3 + 5
    assert 0 <= milliseconds < 10
