"""What the GPUs do, for Prometheus, read from NVIDIA's management library when it is scraped."""

import importlib
import logging
from collections.abc import Iterator
from typing import Any, Protocol, cast

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

logger = logging.getLogger("fasterpose.model")


class Nvml(Protocol):
    """The part of `pynvml` (package nvidia-ml-py) that is used."""

    def nvmlInit(self) -> None:  # noqa: N802 - the library's names
        """Load the driver's library."""
        ...

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:  # noqa: ANN401, N802
        """A device."""
        ...

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:  # noqa: ANN401, N802
        """Its `used` and `total` bytes."""
        ...

    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any:  # noqa: ANN401, N802
        """`gpu`: percent of the last moments in which a kernel ran."""
        ...


class GpuCollector(Collector):
    """Memory and busy share of the GPUs that compute here."""

    def __init__(self, nvml: Nvml, devices: list[str]) -> None:
        """Read the given devices, named as torch does: `cuda:0`."""
        nvml.nvmlInit()
        self._nvml = nvml
        self._handles = {device: nvml.nvmlDeviceGetHandleByIndex(_index(device)) for device in devices}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, read now."""
        used = GaugeMetricFamily("fasterpose_gpu_memory_used_bytes", "Memory in use on the GPU.", labels=["device"])
        total = GaugeMetricFamily("fasterpose_gpu_memory_total_bytes", "Memory of the GPU.", labels=["device"])
        busy = GaugeMetricFamily(
            "fasterpose_gpu_busy_ratio", "Share of the last moments in which the GPU computed.", labels=["device"]
        )
        for device, handle in self._handles.items():
            memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
            used.add_metric([device], memory.used)
            total.add_metric([device], memory.total)
            busy.add_metric([device], self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)
        yield from (used, total, busy)


def gpu_collector(devices: list[str]) -> GpuCollector | None:
    """A collector for the CUDA devices among `devices`; None if there are none, or they cannot be read."""
    on_cuda = sorted({device for device in devices if device.startswith("cuda")})
    if not on_cuda:
        return None
    try:
        return GpuCollector(cast("Nvml", importlib.import_module("pynvml")), on_cuda)
    except Exception as error:  # the library, the driver or the device is missing: metrics must not stop the server
        logger.warning("no GPU metrics: %r (pip install nvidia-ml-py)", error)
        return None


def _index(device: str) -> int:
    return int(device.partition(":")[2] or 0)
