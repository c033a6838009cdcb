"""The batcher: what shares a batch, what is dropped, what fails alone, and threads that die."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from model.contract.arrays import FloatArray, ImageArray
from service.batching.batcher import Batcher
from service.batching.line import DEFAULT_BOUNDS, LineBounds
from service.errors import InternalError, OverloadedError, UnavailableError
from service.runtime.base import Runtime, RuntimeLostError
from tests.service.fakes import FakeRuntime, Gate


class Doubler(FakeRuntime):
    """Twice the first red value of each item; items of value 255 cannot be computed, those of 254 end the thread."""

    def __init__(self) -> None:
        super().__init__((2, 2))
        self.lost: BaseException = SystemExit()

    def infer(self, batch: ImageArray) -> FloatArray:
        self.batches.append(len(batch))
        if (batch == 254).any():
            raise self.lost
        if (batch == 255).any():
            raise ValueError("255")
        return 2 * batch[:, 0, 0, :1].astype(np.float32)


class GatedDoubler(Doubler):
    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    def infer(self, batch: ImageArray) -> FloatArray:
        self.gate.pass_through()
        return super().infer(batch)


class Tally:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.waits: list[float] = []
        self.drops = 0
        self.restarts = 0

    def batch(self, size: int, waits: Sequence[float]) -> None:
        self.sizes.append(size)
        self.waits += waits

    def dropped(self, items: int) -> None:
        self.drops += items

    def restarted(self) -> None:
        self.restarts += 1


Make = Callable[..., Batcher]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Batcher] = []

    def make_batcher(
        *runtimes: Runtime,
        limit: int = 4,
        bounds: LineBounds = DEFAULT_BOUNDS,
        reopen: Callable[[int], Runtime] = lambda _: Doubler(),
    ) -> Batcher:
        batcher = Batcher("doubler", runtimes, reopen, limit, bounds)
        batcher.meter = Tally()
        made.append(batcher)
        return batcher

    yield make_batcher
    for batcher in made:
        batcher.close()


def tally(batcher: Batcher) -> Tally:
    assert isinstance(batcher.meter, Tally)
    return batcher.meter


def items(*values: int) -> ImageArray:
    return np.array(values, np.uint8)[:, None, None, None].repeat(2, 1).repeat(2, 2).repeat(3, 3)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def test_an_idle_model_starts_at_once_and_a_busy_one_collects(make: Make) -> None:
    runtime = GatedDoubler()
    batcher = make(runtime)
    first = asyncio.create_task(batcher.run(items(1)))
    await runtime.gate.reached()
    others = [asyncio.create_task(batcher.run(items(i, i + 1))) for i in (2, 4, 6)]
    await until(lambda: batcher.depth == 6)
    runtime.gate.go.set()
    values = [(await task).values[:, 0].tolist() for task in (first, *others)]
    assert values == [[2], [4, 6], [8, 10], [12, 14]]
    assert runtime.batches == [1, 4, 2] == tally(batcher).sizes
    assert len(tally(batcher).waits) == 4
    assert min(tally(batcher).waits[1:]) > 0


async def test_a_cancelled_call_is_not_computed(make: Make) -> None:
    runtime = GatedDoubler()
    batcher = make(runtime)
    running = asyncio.create_task(batcher.run(items(1)))
    await runtime.gate.reached()
    gone = asyncio.create_task(batcher.run(items(2, 3, 4)))
    await until(lambda: batcher.depth == 3)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert (batcher.depth, tally(batcher).drops) == (0, 3)
    runtime.gate.go.set()
    await running
    await batcher.run(items(5))
    assert sum(runtime.batches) == 2


async def test_a_call_that_is_cancelled_while_it_computes_disturbs_nobody(make: Make) -> None:
    runtime = GatedDoubler()
    batcher = make(runtime)
    gone = asyncio.create_task(batcher.run(items(1)))
    await runtime.gate.reached()
    gone.cancel()
    runtime.gate.go.set()
    assert (await batcher.run(items(2))).values.tolist() == [[4]]


@pytest.mark.parametrize("place", range(4))
async def test_only_the_bad_item_of_a_batch_fails(make: Make, place: int) -> None:
    runtime = GatedDoubler()
    batcher = make(runtime)
    running = asyncio.create_task(batcher.run(items(0)))
    await runtime.gate.reached()
    values = [1, 2, 3, 4]
    values[place] = 255
    tasks = [asyncio.create_task(batcher.run(items(value))) for value in values]
    await until(lambda: batcher.depth == 4)
    runtime.gate.go.set()
    outcomes = await asyncio.gather(running, *tasks, return_exceptions=True)
    assert isinstance(outcomes.pop(place + 1), InternalError)
    assert all(not isinstance(outcome, BaseException) for outcome in outcomes)
    assert runtime.batches == [1, 4, 1, 1, 1, 1]


async def test_a_bad_item_fails_its_own_call_whole(make: Make) -> None:
    batcher = make(Doubler())
    with pytest.raises(InternalError):
        await batcher.run(items(1, 255, 3, 4, 5, 6))
    assert (await batcher.run(items(7))).values.tolist() == [[14]]


@pytest.mark.parametrize("lost", [SystemExit(), RuntimeLostError("the device is gone"), KeyboardInterrupt()])
async def test_a_dead_thread_fails_its_waiters_at_once_and_is_restarted(make: Make, lost: BaseException) -> None:
    runtime, birth = GatedDoubler(), threading.Event()
    runtime.lost = lost
    indices: list[int] = []

    def reopen(index: int) -> Doubler:
        indices.append(index)
        assert birth.wait(20)
        return Doubler()

    batcher = make(runtime, reopen=reopen)
    doomed = asyncio.create_task(batcher.run(items(254)))
    await runtime.gate.reached()
    waiting = asyncio.create_task(batcher.run(items(1)))
    await until(lambda: batcher.depth == 1)
    runtime.gate.go.set()
    for task in (doomed, waiting):
        with pytest.raises(UnavailableError, match="doubler stopped"):
            await task
    assert not batcher.alive
    with pytest.raises(UnavailableError, match="restarted"):
        await batcher.run(items(1))
    birth.set()
    await until(lambda: batcher.alive)
    assert (await batcher.run(items(1))).values.tolist() == [[2]]
    assert (indices, tally(batcher).restarts) == ([0], 1)


async def test_a_restart_is_tried_until_it_works(make: Make) -> None:
    tries: list[int] = []

    def reopen(index: int) -> Doubler:
        tries.append(index)
        if len(tries) == 1:
            raise OSError("the device is busy")
        return Doubler()

    batcher = make(Doubler(), reopen=reopen)
    with pytest.raises(UnavailableError):
        await batcher.run(items(254))
    await until(lambda: batcher.alive)
    assert (await batcher.run(items(3))).values.tolist() == [[6]]
    assert tries == [0, 0]


async def test_with_two_runtimes_one_death_leaves_the_other_at_work(make: Make) -> None:
    birth = threading.Event()

    def reopen(_: int) -> Doubler:
        assert birth.wait(20)
        return Doubler()

    batcher = make(Doubler(), Doubler(), reopen=reopen)
    with pytest.raises(UnavailableError):
        await batcher.run(items(254))
    assert batcher.alive
    values = await asyncio.gather(*(batcher.run(items(i)) for i in range(20)))
    assert [value.values[0, 0] for value in values] == [2 * i for i in range(20)]
    birth.set()


async def test_idle_devices_share_a_crowd(make: Make) -> None:
    runtimes = [GatedDoubler(), GatedDoubler()]
    runtimes[1].device = "gpu"
    batcher = make(*runtimes)
    crowd = asyncio.create_task(batcher.run(items(*range(8))))
    for runtime in runtimes:
        await runtime.gate.reached()  # both have work, though one could have taken a whole batch
    for runtime in runtimes:
        runtime.gate.go.set()
    assert (await crowd).values[:, 0].tolist() == [2 * i for i in range(8)]
    assert sum(sum(runtime.batches) for runtime in runtimes) == 8


async def test_idle_streams_of_one_device_do_not_part_a_batch(make: Make) -> None:
    runtimes = [Doubler(), Doubler()]
    await make(*runtimes).run(items(0, 1, 2, 3))
    assert sorted(runtime.batches for runtime in runtimes) == [[], [4]]


async def test_a_full_line_is_an_overload(make: Make) -> None:
    runtime = GatedDoubler()
    batcher = make(runtime, bounds=LineBounds(items=3))
    running = asyncio.create_task(batcher.run(items(1)))
    await runtime.gate.reached()
    waiting = asyncio.create_task(batcher.run(items(1, 2, 3)))
    await until(lambda: batcher.depth == 3)
    with pytest.raises(OverloadedError, match="3 items wait for doubler"):
        await batcher.run(items(4))
    runtime.gate.go.set()
    await asyncio.gather(running, waiting)


async def test_closing_fails_what_waits_and_ends_the_threads() -> None:
    runtime = GatedDoubler()
    batcher = Batcher("doubler", [runtime], lambda _: Doubler(), 1)
    running, waiting = (asyncio.create_task(batcher.run(items(i))) for i in (1, 2))
    await runtime.gate.reached()
    await until(lambda: batcher.depth == 1)
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    with pytest.raises(UnavailableError, match="shutting down"):
        await waiting
    runtime.gate.go.set()
    await closing
    assert (await running).values.tolist() == [[2]]
    with pytest.raises(UnavailableError):
        await batcher.run(items(3))


def test_a_batcher_outlives_an_event_loop() -> None:
    runtime = GatedDoubler()
    batcher = Batcher("doubler", [runtime], lambda _: Doubler(), 1)

    async def abandon() -> None:
        task = asyncio.create_task(batcher.run(items(1)))
        await runtime.gate.reached()
        task.cancel()

    asyncio.run(abandon())
    runtime.gate.go.set()  # its result finds no loop any more
    assert asyncio.run(batcher.run(items(2))).values.tolist() == [[4]]
    batcher.close()
