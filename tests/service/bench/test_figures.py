"""Rounds -> figures, figures -> tables."""

import json
from pathlib import Path

import pytest
from rich.table import Table

from service.bench.figures import median_ratio, percentile, summarize_rounds
from service.bench.job import LoadResult
from service.bench.report import Target, cell, errors_cell, machine, print_table, print_targets, write_json
from tests.service.bench.loads import result


def test_figures_are_medians_over_the_rounds_and_errors_are_added_up() -> None:
    rounds = [result(10, 5.0, {"503": 1}, people=5), result(30, 7.0), result(20, 90.0, {"503": 2, "429": 1}, people=5)]
    figures = summarize_rounds(rounds)
    assert (figures.images_per_second, figures.people_per_second) == (20, 50)
    assert (figures.p50_ms, figures.p99_ms) == (7.0, 7.0)
    assert figures.errors == {"503": 3, "429": 1}
    assert figures.answers == 60
    assert errors_cell(figures.errors) == "1 x 429, 3 x 503"


def test_percentiles_are_those_of_the_latencies() -> None:
    measured = LoadResult(1.0, 101, 101, [float(i) for i in range(101)], {})
    assert percentile(measured, 50) == 50
    assert percentile(measured, 99) == 99


def test_nothing_answered_is_a_rate_of_0_and_no_latency() -> None:
    figures = summarize_rounds([LoadResult(0.0, 0, 0, [], {"TimeoutError": 4})])
    assert figures.images_per_second == 0
    assert figures.p50_ms is None
    assert cell(figures.p50_ms) == "-"


def test_ratios_are_taken_within_a_round() -> None:
    """The machine was three times slower in the second round: the ratio does not see it."""
    assert median_ratio([30, 10, 33], [10, 3.3333333, 11]) == pytest.approx(3)
    assert median_ratio([1], [0]) is None


def test_a_target_is_met_only_by_a_figure() -> None:
    assert Target("x", 0.9, 0.9).met
    assert not Target("x", 0.89, 0.9).met
    assert Target("x", 1.1, 1.1, at_least=False).met
    assert not Target("x", 1.2, 1.1, at_least=False).met
    assert not Target("x", None, 0.9).met
    assert not Target("x", -0.2, 1.1, at_least=False).met, "a cost below nothing is noise"


def test_tables_are_markdown_of_any_width(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("server", "a rather long name of a column, so that the table is wide", title="What, and where")
    table.add_row("x" * 70, "1")
    print_table(table)
    print_targets([Target("served / raw", 0.95, 0.9), Target("nothing", None, 2.0)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "What, and where"
    rows = [line for line in lines if line.startswith("|")]
    assert rows[1].strip("|-") == ""
    assert "x" * 70 in rows[2]
    assert [cell.strip() for cell in rows[5].strip("|").split("|")] == ["served / raw", ">= 0.9", "0.95", "yes"]
    assert [cell.strip() for cell in rows[6].strip("|").split("|")] == ["nothing", ">= 2", "-", "no"]
    assert all(line == line.rstrip() for line in lines)


def test_json_holds_the_machine_and_the_figures(tmp_path: Path) -> None:
    write_json(tmp_path / "figures.json", {"benchmark": "x", "rounds": [1.5]})
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written == {"machine": machine(), "benchmark": "x", "rounds": [1.5]}
    assert written["machine"]["cores"] >= 1
