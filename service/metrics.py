"""Prometheus metrics, API.md's names, in a registry of their own for each application."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from model.contract.spec import DetectorSpec, PoseSpec
from service.bundles import LoadedModel
from service.jobs import ImageResult

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PEOPLE = (0, 1, 2, 3, 5, 8, 13, 20, 50, 100)


class Metrics:
    """All that is counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "fasterpose_requests", "Requests answered.", ["transport", "method", "status"], registry=self.registry
        )
        self._request_seconds = Histogram(
            "fasterpose_request_duration_seconds",
            "From a request's arrival to the end of its answer.",
            ["transport", "method"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            "fasterpose_stage_duration_seconds",
            "Time of one image in a stage; `encode` is a response's.",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._people = Histogram(
            "fasterpose_persons_per_image", "People answered for an image.", buckets=PEOPLE, registry=self.registry
        )
        self.in_flight = Gauge("fasterpose_in_flight_requests", "Requests being answered.", registry=self.registry)
        self._rejected = Counter(
            "fasterpose_rejected", "Requests turned away, by reason.", ["reason"], registry=self.registry
        )
        self._model_info = Gauge(
            "fasterpose_model_info",
            "A loaded network; the value is 1.",
            ["model", "version", "runtime", "precision", "sha256"],
            registry=self.registry,
        )

    def count_request(self, transport: str, method: str, status: str, seconds: float) -> None:
        """One request was answered."""
        self._requests.labels(transport, method, status).inc()
        self._request_seconds.labels(transport, method).observe(seconds)

    def count_rejected(self, reason: str) -> None:
        """One request was turned away."""
        self._rejected.labels(reason).inc()

    def count_image(self, result: ImageResult) -> None:
        """One image went through the pipeline."""
        for stage, seconds in result.seconds.items():
            self._stage_seconds.labels(stage).observe(seconds)
        self._people.observe(len(result.people))

    def observe_encoding(self, seconds: float) -> None:
        """One response was written."""
        self._stage_seconds.labels("encode").observe(seconds)

    def show_model(self, model: LoadedModel[PoseSpec] | LoadedModel[DetectorSpec]) -> None:
        """A network was loaded."""
        provenance, runtime = model.spec.provenance, model.runtime
        labels = (provenance.name, provenance.version, runtime.name, runtime.precision, model.sha256)
        self._model_info.labels(*labels).set(1)

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
