"""A crew on this machine, its cores or its GPUs shared among the workers."""

import os
from functools import partial

from service.batch.crew import Crew
from service.batch.worker import Load
from service.engine import load_pipeline
from service.jobs import PoseOptions
from service.runtime.devices import parse_devices
from service.settings import ServiceSettings, picklable


def local_crew(settings: ServiceSettings, options: PoseOptions, workers: int) -> Crew:
    """Workers that share what the settings name.

    Args:
        settings: which networks, and how they run.
        options: as of a request.
        workers: processes; 0: one for each device.

    Raises:
        RuntimeUnavailableError: the settings name devices that do not go together.
    """
    count = workers or len(parse_devices(settings.device))
    loads: list[Load] = [partial(load_pipeline, share(settings, number, count)) for number in range(count)]
    return Crew(loads, options)


def share(settings: ServiceSettings, number: int, count: int) -> ServiceSettings:
    """The settings of one worker of several: the devices are dealt out, and so are the CPU's threads."""
    if count == 1:
        return picklable(settings)
    devices = parse_devices(settings.device)
    own = devices[number::count] if count < len(devices) else [devices[number % len(devices)]]
    threads = (settings.threads or os.cpu_count() or 1) // count
    return picklable(settings).model_copy(update={"device": ",".join(own), "threads": max(1, threads)})
