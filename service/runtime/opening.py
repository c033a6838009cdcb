"""The runtimes of a bundle: what runs it, in which precision, on which devices and streams."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from model.contract.crop import Size
from model.contract.spec import DetectorSpec, PoseSpec, Provenance
from service.runtime import openvino
from service.runtime.base import DeviceGraph, Precision, Runtime, RuntimeUnavailableError
from service.runtime.devices import available_cores, choose_runtime, is_cuda, parse_devices
from service.runtime.precision import choose_precision, graph_file
from service.settings import RuntimeKind, ServiceSettings

STREAMS = 2
"""Runtimes on a device, where the settings leave it open: on CUDA one computes while the other copies; on CPUs see
`OpenVinoGraph`."""


class OpenRuntimes(NamedTuple):
    """What a bundle computes with.

    Attributes:
        graph: the graph file that runs.
        runtimes: one for each device and stream, the streams of a device side by side.
        reopen: index of a runtime -> another one on the same device.
    """

    graph: Path
    runtimes: tuple[Runtime, ...]
    reopen: Callable[[int], Runtime]


def open_runtimes(folder: Path, spec: PoseSpec | DetectorSpec, settings: ServiceSettings) -> OpenRuntimes:
    """Open the runtimes that the settings ask for.

    Args:
        folder: the bundle.
        spec: its facts.
        settings: runtime, precision, devices, threads and streams.

    Raises:
        BundleError: the bundle has no such graph.
        RuntimeUnavailableError: the machine cannot run it as asked.
    """
    devices = parse_devices(settings.device)
    kind = choose_runtime(settings.runtime, devices)
    precision = _precision(folder, spec.provenance, kind, devices, settings)
    graph = graph_file(folder, kind, precision)
    streams = settings.streams or _default_streams(devices, settings.threads)
    opened = [
        _open_graph(graph, kind, precision, device, settings.threads, streams, spec.input_size) for device in devices
    ]
    runtimes = tuple(each.open_runtime() for each in opened for _ in range(streams))

    def reopen(index: int) -> Runtime:
        return opened[index // streams].open_runtime()

    return OpenRuntimes(graph, runtimes, reopen)


def _default_streams(devices: tuple[str, ...], threads: int) -> int:
    """Two, but on a CPU no more than threads that compute."""
    return STREAMS if is_cuda(devices[0]) else min(STREAMS, threads or available_cores())


def _precision(
    folder: Path, provenance: Provenance, kind: RuntimeKind, devices: tuple[str, ...], settings: ServiceSettings
) -> Precision:
    if settings.precision != "auto":
        return settings.precision
    first, *others = (_fast_precisions(kind, device) for device in devices)
    everywhere: list[Precision] = [precision for precision in first if all(precision in other for other in others)]
    return choose_precision(folder, provenance, kind, everywhere)


def _fast_precisions(kind: RuntimeKind, device: str) -> tuple[Precision, ...]:
    if kind == "openvino":
        return openvino.fast_precisions(device)
    _check_torch()
    from service.runtime import torch_graph  # noqa: PLC0415 - the CPU server has no torch

    return torch_graph.fast_precisions(device)


def _open_graph(
    graph: Path, kind: RuntimeKind, precision: Precision, device: str, threads: int, streams: int, largest: Size
) -> DeviceGraph:
    if kind == "openvino":
        return openvino.OpenVinoGraph(graph, precision, device, threads, streams, largest)
    _check_torch()
    from service.runtime import torch_graph  # noqa: PLC0415 - the CPU server has no torch

    return torch_graph.TorchGraph(graph, precision, device, threads)


def _check_torch() -> None:
    if find_spec("torch") is None:
        raise RuntimeUnavailableError(
            "the torch runtime needs torch, which is not installed; install it with: pip install 'fasterpose[gpu]', "
            "or choose --runtime openvino with --device cpu"
        )
