"""Model bundles opened: a spec and a compiled graph."""

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
        runtime: its compiled graph.
        sha256: hash of the graph file that runs, in hex.
    """

    spec: Spec
    runtime: Runtime
    sha256: str


def load_pose_model(settings: ServiceSettings) -> LoadedModel[PoseSpec]:
    """The pose network that the settings name.

    Raises:
        BundleError: the bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run it as asked.
    """
    folder = find_bundle(settings.model)
    spec = load_pose_spec(folder)
    runtime, sha256 = _compile(folder, spec, settings)
    _check_input(folder, runtime, spec.input_size)
    return LoadedModel(spec, runtime, sha256)


def load_detector_model(settings: ServiceSettings) -> LoadedModel[DetectorSpec]:
    """The person detector that the settings name.

    Raises:
        BundleError: the bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run it as asked.
    """
    folder = find_bundle(settings.detector)
    spec = load_detector_spec(folder)
    runtime, sha256 = _compile(folder, spec, settings)
    _check_input(folder, runtime, spec.input_size)
    return LoadedModel(spec, runtime, sha256)


def _compile(folder: Path, spec: PoseSpec | DetectorSpec, settings: ServiceSettings) -> tuple[Runtime, str]:
    provenance = spec.provenance
    precision = _precision(folder, provenance, settings.precision, settings.device)
    graph = graph_file(folder, precision)
    if graph.name not in provenance.files:
        raise BundleError(f"the spec of bundle {folder.name} has no hash of {graph.name}; export the bundle again")
    runtime = OpenVinoRuntime(graph, precision, settings.device, settings.threads, spec.input_size)
    return runtime, provenance.files[graph.name]


def _precision(folder: Path, provenance: Provenance, choice: PrecisionChoice, device: str) -> Precision:
    if choice != "auto":
        return choice
    return choose_precision(folder, provenance, supports_bf16(device))


def _check_input(folder: Path, runtime: Runtime, expected: tuple[int, int]) -> None:
    if runtime.input_size != expected:
        raise BundleError(f"the graph of bundle {folder.name} takes {runtime.input_size}, its spec says {expected}")
