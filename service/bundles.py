"""Model bundles opened: a spec and a compiled graph."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from model.contract.spec import BundleError, DetectorSpec, PoseSpec, load_detector_spec, load_pose_spec
from service.runtime.base import Runtime
from service.runtime.opening import open_runtimes
from service.settings import ServiceSettings
from service.zoo import find_bundle

Spec = TypeVar("Spec", PoseSpec, DetectorSpec)


@dataclass(frozen=True)
class LoadedModel(Generic[Spec]):
    """A bundle that is ready to compute.

    Attributes:
        spec: the bundle's facts.
        runtimes: its compiled graph, once for each device and stream; all have the same precision. They compute
            independently of each other, each called from one thread at a time.
        sha256: hash of the graph file that runs, in hex.
        reopen: index of a runtime whose thread died -> another one on the same device.
    """

    spec: Spec
    runtimes: tuple[Runtime, ...]
    sha256: str
    reopen: Callable[[int], Runtime]

    @property
    def runtime(self) -> Runtime:
        """The first runtime; it speaks for the others where only name, precision or input size are asked for."""
        return self.runtimes[0]


def load_pose_model(settings: ServiceSettings) -> LoadedModel[PoseSpec]:
    """The pose network that the settings name.

    Raises:
        BundleError: the bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run it as asked.
    """
    folder = find_bundle(settings.model)
    return open_bundle(folder, load_pose_spec(folder), settings)


def load_detector_model(settings: ServiceSettings) -> LoadedModel[DetectorSpec]:
    """The person detector that the settings name.

    Raises:
        BundleError: the bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run it as asked.
    """
    folder = find_bundle(settings.detector)
    return open_bundle(folder, load_detector_spec(folder), settings)


def open_bundle(folder: Path, spec: Spec, settings: ServiceSettings) -> LoadedModel[Spec]:
    """A bundle's graph, opened as the settings say.

    Raises:
        BundleError: the bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run it as asked.
    """
    files = spec.provenance.files
    graph, runtimes, reopen = open_runtimes(folder, spec, settings)
    if graph.name not in files:
        raise BundleError(f"the spec of bundle {folder.name} has no hash of {graph.name}; export the bundle again")
    _check_input(folder, runtimes[0], spec.input_size)
    return LoadedModel(spec, runtimes, files[graph.name], reopen)


def _check_input(folder: Path, runtime: Runtime, expected: tuple[int, int]) -> None:
    if runtime.input_size != expected:
        raise BundleError(f"the graph of bundle {folder.name} takes {runtime.input_size}, its spec says {expected}")
