"""From several rounds of one load to the figures of a table."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from service.bench.job import LoadResult


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds; the errors of all rounds.

    Attributes:
        images_per_second: good answers a second.
        people_per_second: people in them a second.
        p50_ms: median latency of a good answer; None where there was none.
        p99_ms: the latency that 99 of 100 good answers did not exceed.
        errors: name -> how often, over all rounds.
        answers: good answers, over all rounds.
        server_cpu_ms: CPU time of the server for an answer, if it is known.
        client_cpu_ms: CPU time of the load generator for an answer.
    """

    images_per_second: float
    people_per_second: float
    p50_ms: float | None
    p99_ms: float | None
    errors: dict[str, int]
    answers: int
    server_cpu_ms: float | None
    client_cpu_ms: float | None


def summarize_rounds(rounds: Sequence[LoadResult]) -> Figures:
    """The figures of one load that was run several times."""
    return Figures(
        images_per_second=statistics.median(image_rate(result) for result in rounds),
        people_per_second=statistics.median(people_rate(result) for result in rounds),
        p50_ms=_median_percentile(rounds, 50),
        p99_ms=_median_percentile(rounds, 99),
        errors=dict(sum((Counter(result.errors) for result in rounds), Counter[str]())),
        answers=sum(result.images for result in rounds),
        server_cpu_ms=_median(server_cpu_ms(result) for result in rounds),
        client_cpu_ms=_median(client_cpu_ms(result) for result in rounds),
    )


def image_rate(result: LoadResult) -> float:
    """Good answers a second."""
    return result.images / result.seconds if result.seconds > 0 else 0.0


def people_rate(result: LoadResult) -> float:
    """People in good answers a second."""
    return result.people / result.seconds if result.seconds > 0 else 0.0


def server_cpu_ms(result: LoadResult) -> float | None:
    """CPU time of the server for an answer, ms; None where it is not known or there was no answer."""
    if result.server_cpu_seconds is None or not result.answers:
        return None
    return 1000 * result.server_cpu_seconds / result.answers


def client_cpu_ms(result: LoadResult) -> float | None:
    """CPU time of the load generator for an answer, ms; None where there was no answer."""
    return 1000 * result.client_cpu_seconds / result.answers if result.answers else None


def percentile(result: LoadResult, percent: float) -> float | None:
    """The latency, ms, that so many of 100 good answers did not exceed; None without any."""
    return float(np.percentile(result.latencies_ms, percent)) if result.latencies_ms else None


def median_ratio(numerators: Iterable[float], denominators: Iterable[float]) -> float | None:
    """The median of the ratios within each round: a machine that slows down in one slows both. None without any."""
    ratios = [above / below for above, below in zip(numerators, denominators, strict=True) if below > 0]
    return statistics.median(ratios) if ratios else None


def _median_percentile(rounds: Sequence[LoadResult], percent: float) -> float | None:
    return _median(percentile(result, percent) for result in rounds)


def _median(values: Iterable[float | None]) -> float | None:
    """The median of those that are there."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
