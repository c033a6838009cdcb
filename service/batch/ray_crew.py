"""A job on a Ray cluster: Ray Data hands out the paths, its actors answer them, and the job writes what comes back.

Every node must see the images under the same paths. A node that dies costs time: what it had is answered by others.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# Ray is an extra, and only in the environment of `make test-ray`.

import asyncio
import math
import os
import socket
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any

import numpy as np
import orjson
import ray
import ray.data
from ray.exceptions import RayError

from service.batch.answers import Answer, Answered, Event, Ready, answer_image, describe
from service.batch.crew import CrewError
from service.engine import load_pipeline
from service.jobs import PoseOptions
from service.runtime.devices import is_cuda, parse_devices
from service.settings import ServiceSettings, SettingsError, picklable

BLOCK = 64
"""Images of a task: what comes back together, and what is answered again if the job is killed meanwhile."""

Batch = dict[str, Any]


class RayWorker:
    """An actor with a pipeline of its own."""

    def __init__(self, settings: ServiceSettings, options: PoseOptions) -> None:
        """Load the networks."""
        self._pipeline = load_pipeline(settings)
        self._options = options
        self._who = {
            "worker": f"{socket.gethostname()} process {os.getpid()}",
            "record": orjson.dumps(describe(self._pipeline, options)),
        }

    async def __call__(self, batch: Batch) -> AsyncGenerator[Batch, None]:
        """Answer some images together: `image` holds their paths."""
        answers = await asyncio.gather(*(answer_image(self._pipeline, str(i), self._options) for i in batch["image"]))
        yield {
            "image": np.array([answer.image for answer in answers], dtype=object),
            "line": np.array([answer.line for answer in answers], dtype=object),
            "people": np.array([answer.people for answer in answers]),
            "failed": np.array([answer.failed for answer in answers]),
            **{name: np.array([value] * len(answers), dtype=object) for name, value in self._who.items()},
        }


class RayCrew:
    """Actors on a cluster that answer images in no order."""

    def __init__(self, settings: ServiceSettings, options: PoseOptions, workers: int) -> None:
        """A crew that is not started yet.

        Args:
            settings: which networks, and how they run.
            options: as of a request.
            workers: actors; 0: one for each node, or on CUDA one for each GPU.
        """
        cuda = is_cuda(parse_devices(settings.device)[0])  # an actor sees only the GPU that Ray gave to it
        self._settings = picklable(settings).model_copy(update={"device": "cuda"} if cuda else {})
        self._options = options
        self._workers = workers
        self._stopped = False

    def answers(self, images: Iterable[str]) -> Iterator[Event]:
        """Answer images on the cluster that RAY_ADDRESS names, or on one of this machine alone.

        Raises:
            CrewError: Ray gives up.
        """
        if not ray.is_initialized():
            ray.init(log_to_driver=False)
        ray.data.DataContext.get_current().enable_progress_bars = False  # the job has its own
        known: set[str] = set()
        try:
            for row in self._answered(list(images)):
                if row["worker"] not in known:
                    known.add(row["worker"])
                    yield Ready(row["worker"], orjson.loads(row["record"]))
                yield Answered(row["worker"], Answer(row["image"], row["line"], row["people"], row["failed"]))
                if self._stopped:
                    return
        except RayError as error:
            raise CrewError(f"Ray gave up: {error}") from error

    def stop(self) -> None:
        """Take no more answers; what is under way is answered when the job goes on."""
        self._stopped = True

    def _answered(self, images: list[str]) -> Iterator[dict[str, Any]]:
        blocks = math.ceil(len(images) / BLOCK)
        rows = ray.data.from_items([{"image": image} for image in images], override_num_blocks=blocks)
        answered = rows.map_batches(
            RayWorker,
            fn_constructor_args=(self._settings, self._options),
            batch_size=BLOCK,
            **self._share(),
        )
        for batch in answered.iter_batches(batch_size=None, batch_format="pyarrow"):
            yield from batch.to_pylist()

    def _share(self) -> dict[str, Any]:
        """How many actors there are, and what Ray counts for each."""
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if self._settings.device == "cuda":
            gpus = int(sum(node.get("GPU", 0) for node in resources))
            if not gpus:
                raise SettingsError(f"--device {self._settings.device}, but the cluster has no GPU")
            return {"concurrency": self._workers or gpus, "num_gpus": 1}
        workers = self._workers or len(resources)
        cores = min(node.get("CPU", 1) for node in resources) // math.ceil(workers / len(resources))
        return {"concurrency": workers, "num_cpus": self._settings.threads or max(1, cores)}
