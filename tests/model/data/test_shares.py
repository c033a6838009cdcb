import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from model.data.dataset import Batch, EpochSampler, SampleKey
from model.data.shares import Shares

COUNT = 11


def dealt(rank: int = 0, world: int = 1, accumulate: int = 1) -> list[tuple[int, list[tuple[list[int], float]]]]:
    """For every step its samples, and the parts of one process: which samples and their weight."""
    shares = Shares(EpochSampler(COUNT, seed=3), 4, accumulate, rank, world)
    loaded = [Batch(torch.tensor([key.sample for key in keys]), torch.empty(0), torch.empty(0)) for keys in shares]
    return [
        (step.samples, [(part.batch.crops.tolist(), part.weight) for part in step.parts])
        for step in shares.group(loaded)
    ]


def test_alone_a_step_is_one_batch_in_the_epochs_order() -> None:
    order = [key.sample for key in EpochSampler(COUNT, seed=3)]
    assert dealt() == [(4, [(order[:4], 1.0)]), (4, [(order[4:8], 1.0)]), (3, [(order[8:], 1.0)])]


@pytest.mark.parametrize(("world", "accumulate"), [(2, 1), (1, 3), (2, 2), (3, 1), (4, 4)])
def test_all_processes_and_parts_together_are_the_step(world: int, accumulate: int) -> None:
    expected = [set(samples) for _, ((samples, _),) in dealt()]
    ranks = [dealt(rank, world, accumulate) for rank in range(world)]
    for step, samples in enumerate(expected):
        parts = [part for rank in ranks for part in rank[step][1]]
        weighed = [sample for keys, weight in parts if weight for sample in keys]
        assert sorted(weighed) == sorted(samples)
        assert sum(weight for _, weight in parts) == pytest.approx(1)
        assert len({len(rank[step][1]) for rank in ranks}) == 1


def test_a_process_without_a_sample_of_its_own_weighs_anothers_with_nothing() -> None:
    (_, own), (_, others) = dealt(3, 4)[-1], dealt(0, 4)[-1]
    assert own == [(others[0][0], 0.0)]


def test_a_resumed_epoch_goes_on_with_its_steps() -> None:
    order = EpochSampler(COUNT, seed=3)
    every = list(Shares(order, 4, rank=1, world=2))
    order.skip = 4
    assert list(Shares(order, 4, rank=1, world=2)) == every[1:]
    assert all(isinstance(key, SampleKey) for keys in every for key in keys)
