"""The report of a reproduction: Markdown, JSON and a plot, written after every training."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from model.reproduce.curves import draw_curves
from model.reproduce.jobs import Job
from model.reproduce.results import Result
from model.reproduce.tables import Row, Table
from model.whole_file import write_whole

NOT_RUN = "-"


@dataclass(frozen=True)
class RowSummary:
    """A row over its seeds.

    Attributes:
        row: of the table.
        jobs: its trainings, one for each seed.
        results: of those that are finished.
    """

    row: Row
    jobs: list[Job]
    results: list[Result]

    def values(self, figure: str) -> list[float]:
        """A figure, percent, of every training that reached its end."""
        return [100 * result.figures[figure] for result in self.results if figure in result.figures]


def write_summary(table: Table, jobs: Sequence[Job], results: Mapping[Path, Result | None], output: Path) -> Path:
    """Write `<table>.md`, `<table>.json` and `<table>.png` into the output folder.

    Returns:
        The Markdown file.
    """
    output.mkdir(parents=True, exist_ok=True)
    rows = summarise(table, jobs, results)
    curves = {row.row.label: [result.curve for result in row.results] for row in rows}
    write_whole(output / f"{table.name}.png", draw_curves(curves, table.title))
    write_whole(output / f"{table.name}.json", json.dumps(_content(table, rows), indent=1).encode())
    path = output / f"{table.name}.md"
    write_whole(path, page(table, rows).encode())
    return path


def summarise(table: Table, jobs: Sequence[Job], results: Mapping[Path, Result | None]) -> list[RowSummary]:
    """The table's chosen rows, in its order."""
    rows: list[RowSummary] = []
    for row in table.rows:
        own = [job for job in jobs if job.row == row]
        finished = [result for job in own if (result := results[job.folder]) is not None]
        if own:
            rows.append(RowSummary(row, own, finished))
    return rows


def page(table: Table, rows: Sequence[RowSummary]) -> str:
    """The table as Markdown: what the paper prints, then the mean and the standard deviation over the seeds."""
    figures = _figures(table, rows)
    head = ["row", *[text for name in table.columns for text in (f"{name}, paper", name)], *figures[1], "seeds"]
    lines = [f"# {table.name}: {table.title}", "", _line(head), _line(["---"] * len(head))]
    lines += [_line(_cells(row, table, figures)) for row in rows]
    lines += [
        "",
        "Percent; mean and standard deviation over the seeds, of the last epoch's weights with the flip test.",
    ]
    lines += ["", _how(rows), "", *[f"- {note}" for note in (*table.notes, *_failures(rows))]]
    return "\n".join([*lines, "", f"![the figures after every epoch]({table.name}.png)", ""])


def _figures(table: Table, rows: Sequence[RowSummary]) -> tuple[list[str], list[str]]:
    """The figures behind the table's columns, of the first source that has them, and those of other sources."""
    recipe = rows[0].jobs[0].recipe
    wanted = "pckh" if "Mean" in table.columns else "ap"
    main = next((source.name for source in recipe.validation if source.metric == wanted), "")
    others = [f"{source.name}/PCK@0.2" for source in recipe.validation if source.metric == "pck"]
    return [f"{main}/{column}" for column in table.columns], others


def _cells(row: RowSummary, table: Table, figures: tuple[list[str], list[str]]) -> list[str]:
    pairs = [
        text
        for column, figure in zip(table.columns, figures[0], strict=True)
        for text in (row.row.printed.get(column, ""), _spread(row.values(figure)))
    ]
    others = [_spread(row.values(figure)) for figure in figures[1]]
    return [row.row.label, *pairs, *others, f"{len(row.results)} of {len(row.jobs)}"]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return NOT_RUN
    return f"{mean(values):.1f}" if len(values) == 1 else f"{mean(values):.1f} ± {stdev(values):.1f}"


def _how(rows: Sequence[RowSummary]) -> str:
    """One sentence of each row's training, those that train alike together."""
    told: dict[str, list[str]] = {}
    for row in rows:
        told.setdefault(_training(row), []).append(row.row.label)
    return " ".join((f"{', '.join(labels)}: " if len(told) > 1 else "") + f"{text}." for text, labels in told.items())


def _training(row: RowSummary) -> str:
    recipe = row.jobs[0].recipe
    width, height = recipe.codec.input_size
    schedule = recipe.schedule
    text = f"{recipe.network.architecture} at {height}x{width}, {schedule.epochs} epochs at batch {schedule.batch_size}"
    if not row.results:
        return text
    result = row.results[0]
    start = f"from {result.initial_weights}" if result.initial_weights else "from fresh weights"
    precision = "bf16" if result.bf16 else "fp32"
    return f"{text}, {result.steps} steps {start}, {precision} on {result.device}"


def _failures(rows: Sequence[RowSummary]) -> list[str]:
    return [
        f"{row.row.label}, seed {result.recipe.seed}, did not reach its end: {result.failure}"
        for row in rows
        for result in row.results
        if result.failure
    ]


def _content(table: Table, rows: Sequence[RowSummary]) -> dict[str, Any]:
    return {
        "table": table.name,
        "title": table.title,
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "rows": [
            {
                "label": row.row.label,
                "printed": row.row.printed,
                "figures": _statistics(row),
                "trainings": [result.model_dump(mode="json") for result in row.results],
            }
            for row in rows
        ],
    }


def _statistics(row: RowSummary) -> dict[str, dict[str, float]]:
    """Figure -> mean and standard deviation over the seeds, percent."""
    names = sorted({name for result in row.results for name in result.figures})
    return {
        name: {"mean": mean(values), "deviation": stdev(values) if len(values) > 1 else 0.0}
        for name in names
        if (values := row.values(name))
    }


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
