"""`fasterpose benchmark folder`: what `predict` gains on a folder by having several images under way together."""

import statistics
import time
from contextlib import aclosing
from dataclasses import dataclass, field

from rich.table import Table

from service.bench.report import print_table
from service.file_answers import images_at_once
from service.jobs import ImageResult, PoseOptions
from service.pipeline import Pipeline
from service.predict.answering import in_order
from service.predict.inputs import Photo
from service.predict.photos import PhotoWork


@dataclass
class FolderRates:
    """Images a second, one value a round.

    Attributes:
        images: of the folder.
        window: images under way together.
        alone: one at a time.
        together: `window` at a time.
    """

    images: int
    window: int
    alone: list[float] = field(default_factory=list[float])
    together: list[float] = field(default_factory=list[float])

    @property
    def gain(self) -> float:
        """How many times as fast: the median of the rounds, in each of which both took turns."""
        return statistics.median(after / before for before, after in zip(self.alone, self.together, strict=True))


async def measure_folder(pipeline: Pipeline, paths: list[str], rounds: int) -> FolderRates:
    """Answer a folder one image at a time and several at a time, in turns, as `predict` does.

    Raises:
        ServiceError: an image cannot be answered.
    """
    photos = [Photo(number, path) for number, path in enumerate(paths)]
    rates = FolderRates(len(photos), images_at_once(pipeline))
    await _rate(pipeline, photos, rates.window)  # the shapes of these images are met once before
    for _ in range(rounds):
        rates.alone.append(await _rate(pipeline, photos, 1))
        rates.together.append(await _rate(pipeline, photos, rates.window))
    return rates


def print_folder(rates: FolderRates) -> None:
    """Print the medians."""
    table = Table(title=f"`fasterpose predict` on {rates.images} images, {len(rates.alone)} rounds")
    for column in ("images under way", "images/s", "gain"):
        table.add_column(column, justify="right")
    table.add_row("1", f"{statistics.median(rates.alone):.1f}", "")
    table.add_row(str(rates.window), f"{statistics.median(rates.together):.1f}", f"{rates.gain:.2f}x")
    print_table(table)


async def _rate(pipeline: Pipeline, photos: list[Photo], at_once: int) -> float:
    """Images a second."""
    work = PhotoWork(pipeline, PoseOptions(), boxes=None, overlays=None)
    began = time.perf_counter()
    async with aclosing(in_order(photos, work.answer, at_once, lambda: True)) as answers:
        async for _, outcome in answers:
            if not isinstance(outcome, ImageResult):
                raise outcome[1]
    return len(photos) / (time.perf_counter() - began)
