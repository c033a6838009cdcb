"""A worker process: it loads the pipeline and answers the images that the job sends, until the job goes away."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from model.contract.spec import BundleError
from service.batch.answers import Answer, answer_image, describe
from service.file_answers import images_at_once
from service.jobs import PoseOptions
from service.pipeline import Pipeline
from service.runtime.base import RuntimeUnavailableError
from service.settings import SettingsError

Load = Callable[[], Pipeline]


@dataclass(frozen=True)
class Loaded:
    """A worker's first message.

    Attributes:
        record: what its answers depend on.
        at_once: images it takes before it has answered one.
    """

    record: dict[str, Any]
    at_once: int


@dataclass(frozen=True)
class Refused:
    """A worker's only message, where a network cannot be loaded: a sentence for the user."""

    reason: str


Message = Loaded | Refused | Answer


def work(connection: "Connection[Message, str]", load: Load, options: PoseOptions) -> None:
    """Answer images.

    Args:
        connection: to the job, which sends paths until it closes it.
        load: makes the pipeline.
        options: as of a request.
    """
    for stop in (signal.SIGINT, signal.SIGTERM):  # they may reach all processes; the job ends its workers itself
        signal.signal(stop, signal.SIG_IGN)
    try:
        pipeline = load()
    except (BundleError, RuntimeUnavailableError, SettingsError) as error:
        connection.send(Refused(str(error)))
        return
    try:
        connection.send(Loaded(describe(pipeline, options), images_at_once(pipeline)))
        asyncio.run(_answer_all(connection, pipeline, options))
    except* (EOFError, OSError):
        pass  # the job is gone, and nobody reads the answers
    finally:
        pipeline.close()


async def _answer_all(connection: "Connection[Message, str]", pipeline: Pipeline, options: PoseOptions) -> None:
    async def answer(image: str) -> None:
        connection.send(await answer_image(pipeline, image, options))

    async with asyncio.TaskGroup() as group:
        while True:
            image = await asyncio.to_thread(connection.recv)
            group.create_task(answer(image))  # the group keeps it
