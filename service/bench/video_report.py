"""What `fasterpose benchmark video` prints."""

import statistics
from collections.abc import Sequence

import numpy as np
from rich.table import Table

from service.bench.moving_crop import Shot
from service.bench.report import print_table
from service.bench.video import Answers, ids_over_cuts
from service.tracking.smoothing import lag_seconds

Rounds = list[dict[str, list[Answers]]]
"""Of each round: how the film was answered -> an entry a shot."""
EACH, TRACKED, SMOOTHED = "frame by frame", "tracked", "smoothed"


def print_video(shots: Sequence[Shot], rounds: Rounds) -> None:
    """Print a row a shot, and what holds for the whole film."""
    table = Table(title="Moving camera over photographs; jitter and error in percent of the person's size")
    for column in ("photograph", "people", "looks", "swaps", "breaks", *(f"jitter, {way}" for way in rounds[0])):
        table.add_column(column, justify="left" if column == "photograph" else "right")
    for column in (*(f"error, {way}" for way in rounds[0]), "rate"):
        table.add_column(column, justify="right")
    for index, shot in enumerate(shots):
        table.add_row(*_row(index, shot, rounds))
    print_table(table)
    print_table(_verdicts(shots, rounds))


def _row(index: int, shot: Shot, rounds: Rounds) -> list[str]:
    answers = {way: of_shots[index] for way, of_shots in rounds[0].items()}
    tracked = answers[TRACKED]
    counts = [str(len(shot.people)), f"{tracked.looks}/{tracked.frames}", str(tracked.swaps), str(tracked.breaks)]
    jitter = [f"{each.jitter(shot):.2f}" for each in answers.values()]
    error = [f"{each.error(shot, answers[EACH]):.2f}" for each in answers.values()]
    return [shot.name[-28:], *counts, *jitter, *error, f"{_ratio(rounds, [index]):.2f}x"]


def _verdicts(shots: Sequence[Shot], rounds: Rounds) -> Table:
    every, first = range(len(shots)), rounds[0]
    swaps = sum(each.swaps for way in (TRACKED, SMOOTHED) for each in first[way])
    swaps += sum(ids_over_cuts(first[way]) for way in (TRACKED, SMOOTHED))
    jitter = {way: float(np.mean([first[way][i].jitter(shots[i]) for i in every])) for way in first}
    part, ratio = jitter[SMOOTHED] / jitter[TRACKED], _ratio(rounds, every)
    table = Table(title=f"The whole film, {sum(each.frames for each in first[TRACKED])} frames, {len(rounds)} rounds")
    for column in ("what", "wanted", "measured", "holds"):
        table.add_column(column)
    table.add_row("ids that go to somebody else", "0", str(swaps), _says(swaps == 0))
    table.add_row("jitter after smoothing", "at most 0.5 of before", f"{part:.2f}", _says(part <= 0.5))
    table.add_row("rate, tracked to frame by frame", "at least 2x", f"{ratio:.2f}x", _says(ratio >= 2))
    table.add_row("CPU time, frame by frame to tracked", "", f"{_cpu_ratio(rounds):.2f}x", "")
    table.add_row("lag of a point at one size a second", "", f"{1000 * lag_seconds(1):.0f} ms", "")
    return table


def _ratio(rounds: Rounds, shots: Sequence[int]) -> float:
    """How many times as fast as frame by frame: the median of the rounds, in each of which both took turns."""
    return statistics.median(_seconds(each[EACH], shots) / _seconds(each[TRACKED], shots) for each in rounds)


def _cpu_ratio(rounds: Rounds) -> float:
    """The same by CPU time, of the whole film."""
    seconds = [{way: sum(shot.cpu_seconds for shot in shots) for way, shots in each.items()} for each in rounds]
    return statistics.median(each[EACH] / each[TRACKED] for each in seconds)


def _seconds(answers: list[Answers], shots: Sequence[int]) -> float:
    return sum(answers[index].seconds for index in shots)


def _says(holds: bool) -> str:
    return "yes" if holds else "NO"
