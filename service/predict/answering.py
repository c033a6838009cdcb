"""Several images under way together, their outcomes in the order in which they were given."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


async def in_order(
    items: Iterable[Item],
    answer: Callable[[Item], Coroutine[Any, Any, Answer]],
    at_once: int,
    go_on: Callable[[], bool],
) -> AsyncGenerator[tuple[Item, Answer]]:
    """Answer items, `at_once` of them at one time.

    Args:
        items: read no further ahead than they are answered.
        answer: of one item.
        at_once: tasks under way together.
        go_on: asked before each item; once it says no, what is under way is answered and nothing more.

    Yields:
        Each item and its answer.
    """
    under_way: deque[tuple[Item, asyncio.Task[Answer]]] = deque()
    try:
        for item in items:
            if not go_on():
                break
            if len(under_way) >= at_once:
                yield await _first(under_way)
            under_way.append((item, asyncio.create_task(answer(item))))
        while under_way:
            yield await _first(under_way)
    finally:
        for _, task in under_way:
            task.cancel()


async def _first(under_way: deque[tuple[Item, asyncio.Task[Answer]]]) -> tuple[Item, Answer]:
    item, task = under_way[0]
    answer = await task
    under_way.popleft()
    return item, answer
