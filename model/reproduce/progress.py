"""How long a reproduction still takes, judged by its finished trainings."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import mean

from model.reproduce.jobs import Job
from model.reproduce.results import Result


def time_left(jobs: Sequence[Job], results: Mapping[Path, Result | None]) -> timedelta | None:
    """What the jobs without a result will take; None before any has one.

    A row takes as long as it took with other seeds, or else as long as the mean of the rows that finished.
    """
    taken: dict[str, list[float]] = {}
    for job in jobs:
        result = results[job.folder]
        if result is not None and result.failure is None:
            taken.setdefault(job.row.recipe, []).append(result.seconds)
    if not taken:
        return None
    typical = {recipe: mean(seconds) for recipe, seconds in taken.items()}
    others = mean(typical.values())
    missing = [job.row.recipe for job in jobs if results[job.folder] is None]
    return timedelta(seconds=round(sum(typical.get(recipe, others) for recipe in missing)))
