"""A client that hangs up: its request is cancelled, so that nothing more is computed for it.

Neither uvicorn nor FastAPI does this by itself.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.types import Receive

from service.errors import ClientGoneError


@asynccontextmanager
async def cancelled_by_hang_up(receive: Receive) -> AsyncGenerator[None]:
    """Cancel what runs inside when the client closes the connection.

    Args:
        receive: the connection's, after the whole body was read.

    Raises:
        ClientGoneError: it did.
    """
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a request is handled in a task")
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
        if gone:  # in the last moment: let the cancellation come out here and not where it would be a surprise
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        if gone:
            task.uncancel()
            raise ClientGoneError from None
        raise
    finally:
        watcher.cancel()
