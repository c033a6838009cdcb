"""How the batch of an optimiser step is split: among processes, and into parts that are computed one after another."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from torch.utils.data import Sampler

from model.data.dataset import Batch, EpochSampler, SampleKey


class Share(NamedTuple):
    """Samples of one part, and how much of the step's loss they are: their number over that of the whole step."""

    keys: list[SampleKey]
    weight: float


class Part(NamedTuple):
    """Loaded samples, weighed as in `Share`."""

    batch: Batch
    weight: float


@dataclass(frozen=True)
class StepBatch:
    """One optimiser step.

    Attributes:
        samples: of all processes together.
        parts: of this process, in the order in which they are computed.
    """

    samples: int
    parts: list[Part]


class Shares(Sampler[list[SampleKey]]):
    """The batches that one process loads; every process has as many, so that none waits for another in vain."""

    def __init__(
        self, order: EpochSampler, batch_size: int, accumulate: int = 1, rank: int = 0, world: int = 1
    ) -> None:
        """Split `batch_size` samples a step among `world` processes and into `accumulate` parts."""
        self.order, self.batch_size, self.accumulate = order, batch_size, accumulate
        self.rank, self.world = rank, world

    def __iter__(self) -> Iterator[list[SampleKey]]:
        """The keys of each part in turn, for a DataLoader."""
        for _, shares in self._steps():
            yield from (share.keys for share in shares)

    def group(self, loaded: Iterable[Batch]) -> Iterator[StepBatch]:
        """What a DataLoader made of the parts, step by step."""
        batches = iter(loaded)
        for samples, shares in self._steps():
            yield StepBatch(samples, [Part(next(batches), share.weight) for share in shares])

    def _steps(self) -> Iterator[tuple[int, list[Share]]]:
        keys = list(self.order)
        for start in range(0, len(keys), self.batch_size):
            step = keys[start : start + self.batch_size]
            yield len(step), self._split(step)

    def _split(self, keys: list[SampleKey]) -> list[Share]:
        """An epoch's last step may have less samples than processes: those without one weigh another's with 0."""
        parts = max(1, min(self.accumulate, len(keys) // self.world))
        own = [keys[part * self.world + self.rank :: parts * self.world] for part in range(parts)]
        return [Share(share or keys[:1], len(share) / len(keys)) for share in own]
