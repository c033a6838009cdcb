"""How long a reproduction still takes, judged by its finished trainings."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import mean

from model.reproduce.jobs import Job
from model.reproduce.results import Result


class Clock:
    """Estimates what is left: a row takes as long as it took with other seeds, or else as long as the others' mean."""

    def __init__(self, jobs: Sequence[Job], results: Mapping[Path, Result | None]) -> None:
        """Keep the plan; `results` are those of earlier runs of the command."""
        self.jobs = jobs
        self.ready = sum(result is not None for result in results.values())

    def left(self, results: Mapping[Path, Result | None]) -> str:
        """One phrase for the log."""
        seconds = self.seconds_left(results)
        if seconds is None:
            return "how long all take is known after the first"
        return f"about {timedelta(seconds=round(seconds))} left for all"

    def seconds_left(self, results: Mapping[Path, Result | None]) -> float | None:
        """Seconds of training that are left; None before anything finished."""
        taken: dict[str, list[float]] = {}
        for job in self.jobs:
            result = results[job.folder]
            if result is not None and result.failure is None:
                taken.setdefault(job.row.recipe, []).append(result.seconds)
        if not taken:
            return None
        typical = {recipe: mean(seconds) for recipe, seconds in taken.items()}
        others = mean(typical.values())
        return sum(typical.get(job.row.recipe, others) for job in self.jobs if results[job.folder] is None)
