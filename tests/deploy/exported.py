"""What a server exports after a few requests of every kind: metrics, labels, values."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

import httpx
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service import errors
from service.gpu import GpuCollector
from service.pb.pose_pb2 import EstimateRequest, ImageInput
from service.pb.pose_pb2_grpc import PoseServiceStub
from tests.service.test_gpu import FakeNvml

PNG = {"Content-Type": "image/png"}


@dataclass(frozen=True)
class Exported:
    """What Prometheus would have.

    Attributes:
        labels: the labels of each metric, also those that Prometheus adds.
        values: the values that a label was seen with, or can have.
    """

    labels: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    values: dict[str, set[str]] = field(default_factory=lambda: defaultdict[str, set[str]](set))

    def add(self, text: str) -> None:
        """Add an exposition."""
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.labels.setdefault(sample.name, {"instance", "job"}).update(sample.labels)
                for label, value in sample.labels.items():
                    self.values[label].add(value)

    def matches(self, label: str, pattern: str) -> bool:
        """Whether a label can have a value that a matcher's pattern fits."""
        return any(re.fullmatch(pattern, value) for value in self.values[label])


async def export(client: httpx.AsyncClient, stub: PoseServiceStub, photo: bytes) -> Exported:
    """Ask a server over both transports, rightly and wrongly, and read its metrics, and those of a GPU."""
    await client.post("/v1/pose", content=photo, headers=PNG)
    await client.post("/v1/pose", content=b"x" * 300_001, headers=PNG)
    await stub.Estimate(EstimateRequest(images=[ImageInput(data=photo)]))
    found = Exported()
    found.add((await client.get("/metrics")).text)
    found.add(gpu_metrics())
    for error in errors.ServiceError.__subclasses__():
        found.values["status"] |= {str(error.status), error.grpc_code}
        found.values["reason"].add(error.slug)
    found.labels["up"] = {"instance", "job"}
    found.values["job"] = {"fasterpose", "balancer", "prometheus"}
    return found


def gpu_metrics() -> str:
    """The gauges of a GPU that is not there."""
    registry = CollectorRegistry()
    registry.register(GpuCollector(FakeNvml(), ["cuda:0"]))
    return generate_latest(registry).decode()
