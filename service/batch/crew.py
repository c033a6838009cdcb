"""The worker processes of a job: they are kept busy, and replaced when they die.

An image whose worker died is given to another one alone; if that one dies too, the image is to blame. So a file that
kills its process costs two restarts and one line with an error, and no other image is blamed for it.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from service.batch.answers import Answer, Answered, DeadWorkerError, Event, Ready, to_answer
from service.batch.worker import Load, Loaded, Message, Refused, work
from service.jobs import PoseOptions
from service.settings import SettingsError


class CrewError(Exception):
    """The workers cannot work; the message says why."""


class Worker:
    """One process as the job sees it.

    Attributes:
        name: `worker 0`.
        connection: to the process.
        at_once: images it takes at one time; 0 until its networks are loaded.
        under_way: images it has and has not answered.
        alone: whether the image under way is tried by itself.
    """

    def __init__(self, number: int, load: Load, options: PoseOptions) -> None:
        """Start the process."""
        self.name = f"worker {number}"
        self.at_once = 0
        self.under_way: set[str] = set()
        self.alone = False
        self._made_with = number, load, options
        spawn = multiprocessing.get_context("spawn")  # a fork would share the parent's file and threads
        connection, theirs = spawn.Pipe()
        self.connection: Connection[str, Message] = connection
        self._process: SpawnProcess = spawn.Process(target=work, args=(theirs, load, options), name=self.name)
        self._process.start()
        theirs.close()  # so that the process's death ends the connection

    @property
    def has_place(self) -> bool:
        """Whether it takes one more image beside those under way."""
        return not self.alone and len(self.under_way) < self.at_once

    def give(self, image: str, *, alone: bool = False) -> None:
        """Send it an image. If it has died, its connection will say so."""
        self.alone = alone
        self.under_way.add(image)
        with suppress(OSError):
            self.connection.send(image)

    def replace(self) -> "Worker":
        """Another worker in its place."""
        return Worker(*self._made_with)

    def ending(self) -> str:
        """Wait for the dead process, and say how it ended."""
        self._process.join()
        code = self._process.exitcode or 0
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self.connection.close()


class Crew:
    """Workers that answer images in no order."""

    def __init__(self, loads: list[Load], options: PoseOptions) -> None:
        """A crew that is not started yet, of one worker for each way to load a pipeline."""
        self._loads = loads
        self._options = options
        self._workers: list[Worker] = []
        self._waiting: deque[str] = deque()
        self._suspects: deque[str] = deque()
        self._stopped = False

    def answers(self, images: Iterable[str]) -> Iterator[Event]:
        """Start the workers and answer images until all are answered, or the crew is stopped.

        Raises:
            CrewError: a worker died before it had loaded its networks.
            SettingsError: the networks cannot be loaded as asked.
        """
        self._waiting.extend(images)
        loads = self._loads[: len(self._waiting)]
        self._workers = [Worker(number, load, self._options) for number, load in enumerate(loads)]
        try:
            while self._hand_out():
                for connection in wait([worker.connection for worker in self._workers], timeout=1):
                    worker = next(each for each in self._workers if each.connection is connection)
                    yield from self._hear(worker)
        finally:
            for worker in self._workers:
                worker.kill()

    def stop(self) -> None:
        """Hand out no more images; what is under way is answered."""
        self._stopped = True

    def _hand_out(self) -> bool:
        """Give images to workers that have a place; suspects to idle ones, such as the one in the dead one's place.

        Returns:
            Whether there is anything to wait for.
        """
        if not self._stopped:
            for worker in self._workers:
                if self._suspects and worker.has_place and not worker.under_way:
                    worker.give(self._suspects.popleft(), alone=True)
                while self._waiting and worker.has_place:
                    worker.give(self._waiting.popleft())
        left = not self._stopped and (self._waiting or self._suspects)
        return bool(left) or any(worker.under_way for worker in self._workers)

    def _hear(self, worker: Worker) -> Iterator[Event]:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        match message:
            case Refused():
                raise SettingsError(message.reason)
            case Loaded():
                worker.at_once = message.at_once
                yield Ready(worker.name, message.record)
            case Answer():
                worker.under_way.discard(message.image)
                worker.alone = False
                yield Answered(worker.name, message)

    def _bury(self, worker: Worker) -> Iterator[Event]:
        """Replace a dead worker; its images are tried one by one."""
        ending = worker.ending()
        worker.connection.close()
        if not worker.at_once:
            raise CrewError(f"{worker.name} ended while it loaded the networks ({ending})")
        if worker.alone:
            (image,) = worker.under_way
            error = DeadWorkerError(f"The process that computed it died ({ending}), and so did another one before.")
            yield Answered(worker.name, to_answer(image, (image, error)))
        else:
            self._suspects.extend(sorted(worker.under_way))
        self._workers[self._workers.index(worker)] = worker.replace()
