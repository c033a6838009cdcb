import pytest

from model.contract.arrays import FloatArray, ImageArray
from service.batching import limit
from service.batching.limit import BatchLimit, choose_limit, smallest_useful
from service.runtime.base import OutOfMemoryError
from tests.service.fakes import FakePoseRuntime


@pytest.mark.parametrize(
    ("seconds", "size"),
    [
        ({1: 1.0, 2: 2.0, 4: 4.0}, 1),  # a CPU: batches bring nothing
        ({1: 1.0, 2: 1.1, 4: 1.3, 8: 2.0, 16: 4.1}, 8),  # a GPU: until it is full
        ({1: 1.0, 2: 1.8, 4: 3.2}, 4),
        ({1: 1.0, 2: 1.7, 4: 3.3}, 2),  # 4 is no more than 5 % better than 2
    ],
)
def test_the_smallest_batch_that_is_nearly_the_fastest(seconds: dict[int, float], size: int) -> None:
    assert smallest_useful(seconds) == size


class Clocked(FakePoseRuntime):
    """Takes as long as its table says, by a clock of its own."""

    def __init__(self, cost: dict[int, float]) -> None:
        super().__init__((48, 64))
        self.now = 0.0
        self.cost = cost

    def infer(self, batch: ImageArray) -> FloatArray:
        self.batches.append(len(batch))
        self.now += self.cost[len(batch)]
        return batch[:, :1, :1, 0].astype("float32")

    def perf_counter(self) -> float:
        return self.now


def test_sizes_are_tried_while_they_bring_a_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Clocked({1: 0.010, 2: 0.012, 4: 0.016, 8: 0.032, 16: 0.064, 32: 0.128})
    monkeypatch.setattr(limit, "time", runtime)
    chosen = choose_limit(runtime, setting=0, item_size=(48, 64))
    assert chosen.size == 4
    assert list(chosen.seconds) == [1, 2, 4, 8, 16]
    assert chosen.seconds[2] == pytest.approx(0.012)
    assert "up to 4 (measured: 1: 10.0 ms, 2: 12.0 ms" in chosen.describe()


def test_a_slow_model_is_not_tried_further(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Clocked({1: 0.03, 2: 0.06})  # a batch of 4 might take more than 0.1 s
    monkeypatch.setattr(limit, "time", runtime)
    assert list(choose_limit(runtime, setting=0, item_size=(48, 64)).seconds) == [1, 2]


class Small(Clocked):
    def infer(self, batch: ImageArray) -> FloatArray:
        if len(batch) > 2:
            raise OutOfMemoryError("no memory")
        return super().infer(batch)


def test_sizes_that_memory_does_not_hold_are_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Small({1: 0.010, 2: 0.012})
    monkeypatch.setattr(limit, "time", runtime)
    assert choose_limit(runtime, setting=0, item_size=(48, 64)).size == 2


def test_a_set_limit_is_warmed_up_and_not_measured() -> None:
    runtime = FakePoseRuntime((48, 64))
    chosen = choose_limit(runtime, setting=6, item_size=(48, 64))
    assert (chosen, runtime.batches) == (BatchLimit(6, {}), [6])
    assert chosen.describe() == "batches of up to 6 (set)"
