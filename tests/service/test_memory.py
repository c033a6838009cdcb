"""Memory is given back in pauses of the work, and not more often."""

import asyncio
import threading

from service.memory import LEAST_PAUSE_S, IdleTrim, malloc_trim


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class GiveBack:
    def __init__(self) -> None:
        self.threads: list[int] = []
        self.done = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> None:
        self.threads.append(threading.get_ident())
        self._loop.call_soon_threadsafe(self.done.set)


async def test_it_is_given_back_once_after_work_and_not_on_the_event_loop() -> None:
    clock, give_back = Clock(), GiveBack()
    trim = IdleTrim(give_back, clock)
    clock.now_s = LEAST_PAUSE_S
    trim.look(in_flight=0, admitted=0)  # nothing was done yet
    trim.look(in_flight=1, admitted=3)  # busy
    assert not give_back.threads
    trim.look(in_flight=0, admitted=3)
    await give_back.done.wait()
    clock.now_s *= 2
    trim.look(in_flight=0, admitted=3)  # nothing was done since
    assert len(give_back.threads) == 1
    assert give_back.threads[0] != threading.get_ident()


async def test_it_is_not_given_back_after_every_request() -> None:
    clock, give_back = Clock(), GiveBack()
    trim = IdleTrim(give_back, clock)
    clock.now_s = LEAST_PAUSE_S
    trim.look(in_flight=0, admitted=1)
    await give_back.done.wait()
    clock.now_s += LEAST_PAUSE_S - 1
    trim.look(in_flight=0, admitted=2)
    assert len(give_back.threads) == 1
    give_back.done.clear()
    clock.now_s += 1
    trim.look(in_flight=0, admitted=2)
    await give_back.done.wait()
    assert len(give_back.threads) == 2


def test_without_glibc_nothing_happens() -> None:
    clock = Clock()
    trim = IdleTrim(None, clock)
    clock.now_s = LEAST_PAUSE_S
    trim.look(in_flight=0, admitted=1)  # outside an event loop: a task could not be made


def test_this_systems_library_takes_the_call() -> None:
    give_back = malloc_trim()
    assert give_back is None or give_back() in {0, 1}
