"""`fasterpose cost`: what the papers print, beside what is counted here, as Markdown."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import torch
from torch import nn

from model.cost import Cost, count_cost
from model.latency import Latency
from model.published import NOT_REPRODUCED, NOTES, PUBLISHED, PublishedCost

COLUMNS = ("network", "input", "joints", "params", "ours", "FLOPs", "ours, counted so", "multiply-adds", "agrees")

HEAD = """\
Params in millions. FLOPs as the papers print them: (A) weights times output positions over all convolutions, transposed
convolutions and linear layers, divided by 2^30; (S) torchstat's count, divided by 2^20. A charges a transposed
convolution of stride 2 four times what it computes. Multiply-adds are what the hardware executes, in 10^9.
`agrees`: both figures round to the printed ones; numbers are notes."""


@dataclass(frozen=True)
class CountedCost:
    """A published row and its network's cost.

    Attributes:
        published: the row.
        cost: counted here.
    """

    published: PublishedCost
    cost: Cost

    @property
    def agrees(self) -> bool:
        """Whether parameters and operations round to what is printed, where something is."""
        return _rounds_to(self.cost.parameters / 1e6, self.published.parameters) and _rounds_to(
            self.operations, self.published.operations
        )

    @property
    def operations(self) -> float:
        """Operations in the published row's convention and unit."""
        return self.cost.gflops if self.published.convention == "A" else self.cost.torchstat_millions


def count_published(only: str = "") -> list[CountedCost]:
    """Count the published rows whose network's name contains `only`, whatever its case."""
    rows = [row for row in PUBLISHED if only.lower() in row.name.lower()]
    return [CountedCost(row, count_cost(_on_meta(row), row.input_size)) for row in rows]


def report(rows: list[CountedCost], latencies: list[Latency] | None = None) -> str:
    """The table, its notes and what cannot be reproduced; latencies, one a row, add columns."""
    added = latencies[0].columns if latencies else ()
    measured = [latency.cells(row.published) for latency, row in zip(latencies or (), rows, strict=bool(latencies))]
    header = [(*COLUMNS, *added), ("---",) * len((*COLUMNS, *added))]
    table = [(*_cells(row), *cells) for row, cells in zip(rows, measured or [()] * len(rows), strict=True)]
    numbers = sorted({number for row in rows for number in row.published.notes})
    notes = [f"{number}. {NOTES[number]}" for number in numbers]
    others = [f"- {text}" for text in NOT_REPRODUCED]
    return "\n".join([HEAD, "", *map(_line, (*header, *table)), "", *notes, "", "Beyond the table:", "", *others])


def _on_meta(row: PublishedCost) -> nn.Module:
    """The row's network without memory for its weights."""
    with torch.device("meta"):
        return row.build(row.keypoints)


def _cells(row: CountedCost) -> tuple[str, ...]:
    published, cost = row.published, row.cost
    width, height = published.input_size
    digits = 3 if published.convention == "A" else 2
    return (
        published.name,
        f"{height}x{width}",
        str(published.keypoints),
        published.parameters,
        f"{cost.parameters:,}",
        f"{published.operations} ({published.convention})",
        f"{row.operations:.{digits}f}",
        f"{cost.gmacs:.3f}",
        ", ".join(["yes" if row.agrees else "no", *map(str, published.notes)]),
    )


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _rounds_to(value: float, printed: str) -> bool:
    """Whether a value rounds to the printed digits; anything agrees with nothing printed."""
    return not printed or Decimal(value).quantize(Decimal(printed), ROUND_HALF_UP) == Decimal(printed)
