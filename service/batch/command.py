"""`fasterpose batch` with the engine that was asked for."""

from service.batch.job import BatchJob, run_batch
from service.batch.local import local_crew
from service.jobs import PoseOptions
from service.settings import ServiceSettings, SettingsError


def run_command(job: BatchJob, options: PoseOptions, settings: ServiceSettings, workers: int, *, with_ray: bool) -> int:
    """Run a job on this machine or on a Ray cluster, and return its exit code.

    Raises:
        SettingsError: what was asked for cannot be done.
    """
    if not with_ray:
        return run_batch(job, local_crew(settings, options, workers))
    try:
        from service.batch.ray_crew import RayCrew  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise SettingsError(f"--ray needs {error.name}; install it with: pip install 'fasterpose[ray]'") from error
    return run_batch(job, RayCrew(settings, options, workers))
