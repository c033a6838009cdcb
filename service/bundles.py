"""Model bundles opened: a spec and a compiled graph."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from model.contract.spec import BundleError, DetectorSpec, PoseSpec, Provenance, load_detector_spec, load_pose_spec
from service.runtime.base import Precision, Runtime
from service.runtime.openvino import OpenVinoRuntime, supports_bf16
from service.runtime.precision import choose_precision, graph_file
from service.settings import PrecisionChoice, ServiceSettings
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
    return _load(folder, load_pose_spec(folder), settings)


def load_detector_model(settings: ServiceSettings) -> LoadedModel[DetectorSpec]:
    """The person detector that the settings name.

    Raises:
        BundleError: the bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run it as asked.
    """
    folder = find_bundle(settings.detector)
    return _load(folder, load_detector_spec(folder), settings)


def _load(folder: Path, spec: Spec, settings: ServiceSettings) -> LoadedModel[Spec]:
    provenance = spec.provenance
    precision = _precision(folder, provenance, settings.precision, settings.device)
    graph = graph_file(folder, precision)
    if graph.name not in provenance.files:
        raise BundleError(f"the spec of bundle {folder.name} has no hash of {graph.name}; export the bundle again")

    def open_runtime(index: int) -> Runtime:  # noqa: ARG001 - one device and one stream so far
        return OpenVinoRuntime(graph, precision, settings.device, settings.threads)

    model = LoadedModel(spec, (open_runtime(0),), provenance.files[graph.name], open_runtime)
    _check_input(folder, model.runtime, spec.input_size)
    return model


def _precision(folder: Path, provenance: Provenance, choice: PrecisionChoice, device: str) -> Precision:
    if choice != "auto":
        return choice
    return choose_precision(folder, provenance, supports_bf16(device))


def _check_input(folder: Path, runtime: Runtime, expected: tuple[int, int]) -> None:
    if runtime.input_size != expected:
        raise BundleError(f"the graph of bundle {folder.name} takes {runtime.input_size}, its spec says {expected}")
