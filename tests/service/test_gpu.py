import sys
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.gpu import GpuCollector, gpu_collector


class FakeNvml:
    """A library that knows two devices."""

    def nvmlInit(self) -> None:  # noqa: N802
        self.ready = True

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:  # noqa: N802
        return [SimpleNamespace(used=100, gpu=25), SimpleNamespace(used=300, gpu=80)][index]

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:  # noqa: N802
        assert self.ready
        return SimpleNamespace(used=handle.used, total=1000)

    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any:  # noqa: N802
        return handle


def test_each_device_is_shown() -> None:
    registry = CollectorRegistry()
    registry.register(GpuCollector(FakeNvml(), ["cuda", "cuda:1"]))
    text = generate_latest(registry).decode()
    assert 'fasterpose_gpu_memory_used_bytes{device="cuda"} 100.0' in text
    assert 'fasterpose_gpu_memory_total_bytes{device="cuda:1"} 1000.0' in text
    assert 'fasterpose_gpu_busy_ratio{device="cuda:1"} 0.8' in text


def test_a_cpu_has_none() -> None:
    assert gpu_collector(["cpu", "cpu"]) is None


def test_devices_are_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    collector = gpu_collector(["cuda:1", "cuda:0", "cuda:1", "cpu"])
    assert collector is not None
    used = next(collector.collect())
    assert [sample.labels["device"] for sample in used.samples] == ["cuda:0", "cuda:1"]


def test_a_missing_library_costs_only_the_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_collector(["cuda:0"]) is None
