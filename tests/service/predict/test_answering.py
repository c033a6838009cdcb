import asyncio
from collections.abc import Iterator

from service.predict.answering import in_order


async def test_answers_come_in_order_and_only_so_many_are_under_way() -> None:
    under_way = most = 0
    slow = asyncio.Event()

    async def answer(item: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await (slow.wait() if item == 0 else asyncio.sleep(0))
        if item == 2:
            slow.set()  # the first ends after the third
        under_way -= 1
        return item * 10

    found = [pair async for pair in in_order(range(6), answer, 3, lambda: True)]
    assert found == [(item, item * 10) for item in range(6)]
    assert most == 3


async def test_items_are_read_no_further_than_they_are_answered() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for i in range(10):
            read.append(i)
            yield i

    async def answer(item: int) -> int:
        return item

    answers = in_order(items(), answer, 2, lambda: len(read) < 5)
    assert await anext(answers) == (0, 0)
    assert read == [0, 1, 2]
    assert [item async for item, _ in answers] == [1, 2, 3]
    assert read == [0, 1, 2, 3, 4]  # the last one was not begun any more
