"""Prometheus metrics, API.md's names, in a registry of their own for each application."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from model.contract.spec import DetectorSpec, PoseSpec
from service.batching.batcher import Batcher
from service.bundles import LoadedModel
from service.formats import Outcome
from service.gpu import gpu_collector
from service.jobs import STAGES, ImageResult
from service.pipeline import Part, Pipeline
from service.settings import ServiceSettings

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
ENCODE = "encode"
"""The stage behind the pipeline's."""
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
        stage_seconds = Histogram(
            "fasterpose_stage_duration_seconds",
            "Time of one image in a stage; `encode` is a response's.",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._stages = {stage: stage_seconds.labels(stage) for stage in (*STAGES, ENCODE)}
        self._people = Histogram(
            "fasterpose_persons_per_image", "People answered for an image.", buckets=PEOPLE, registry=self.registry
        )
        self.in_flight = Gauge("fasterpose_in_flight_requests", "Requests being answered.", registry=self.registry)
        self._rejected = Counter(
            "fasterpose_rejected", "Requests turned away, by reason.", ["reason"], registry=self.registry
        )
        self._batch_size = Histogram(
            "fasterpose_batch_size", "Items of a batch.", ["model"], buckets=BATCHES, registry=self.registry
        )
        self._queue_wait = Histogram(
            "fasterpose_queue_wait_seconds",
            "From a caller's joining a model's line until the first of its items is taken up.",
            ["model"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._queue_depth = Gauge(
            "fasterpose_queue_depth",
            "Items that wait: images for the detector, people for the pose network, images for room to be decoded.",
            ["model"],
            registry=self.registry,
        )
        self._dropped = Counter(
            "fasterpose_dropped_items",
            "Items that were not computed, because their caller gave up: deadline, hang-up, cancellation.",
            ["model"],
            registry=self.registry,
        )
        self._restarts = Counter(
            "fasterpose_model_restarts", "Model threads that died and compute again.", ["model"], registry=self.registry
        )
        self._ready = Gauge("fasterpose_ready", "1 while `GET /readyz` says ready, else 0.", registry=self.registry)
        self._in_flight_limit = Gauge(
            "fasterpose_in_flight_limit", "Most requests in flight (setting max_in_flight).", registry=self.registry
        )
        self._queue_limit = Gauge(
            "fasterpose_queue_limit",
            "Most items that wait for a model (setting max_queue_items).",
            registry=self.registry,
        )
        self._model_info = Gauge(
            "fasterpose_model_info",
            "A loaded network; the value is 1.",
            ["model", "version", "runtime", "precision", "sha256"],
            registry=self.registry,
        )

        self._key_requests: Counter | None = None

    def count_request(self, transport: str, method: str, status: str, seconds: float) -> None:
        """One request was answered."""
        self._requests.labels(transport, method, status).inc()
        self._request_seconds.labels(transport, method).observe(seconds)

    def count_rejected(self, reason: str) -> None:
        """One request was turned away."""
        self._rejected.labels(reason).inc()

    def count_images(self, outcomes: Iterable[Outcome]) -> None:
        """The images of a request went through the pipeline, those that could be answered."""
        for outcome in outcomes:
            if isinstance(outcome, ImageResult):
                for stage, seconds in outcome.seconds.items():
                    self._stages[stage].observe(seconds)
                self._people.observe(len(outcome.people))

    def count_key(self, name: str, status: str) -> None:
        """One request came with a key. The counter is there from the first one on: a server without keys has none."""
        if self._key_requests is None:
            self._key_requests = Counter(
                "fasterpose_key_requests", "Requests of each API key.", ["key", "status"], registry=self.registry
            )
        self._key_requests.labels(name, status).inc()

    def observe_encoding(self, seconds: float) -> None:
        """One response was written."""
        self._stages[ENCODE].observe(seconds)

    def watch_state(self, settings: ServiceSettings, is_ready: Callable[[], bool]) -> None:
        """Show whether the service is ready, and the limits that say how full it is."""
        self._ready.set_function(is_ready)
        self._in_flight_limit.set(settings.max_in_flight)
        self._queue_limit.set(settings.max_queue_items)

    def watch(self, pipeline: Pipeline) -> None:
        """Show a loaded pipeline: its networks, and what they do from now on."""
        room = pipeline.room  # which outlives the pipeline when a network is replaced
        self._queue_depth.labels("decode").set_function(lambda: room.waiting)
        for part in (pipeline.detector, pipeline.estimator):
            self._show_part(part)
        gpus = gpu_collector([runtime.device for runtime in pipeline.estimator.model.runtimes])
        if gpus is not None:
            self.registry.register(gpus)

    def replace(self, before: Part, after: Part) -> None:
        """Show a network in the place of another, whose counters stay and whose gauges go."""
        self._model_info.remove(*_model_labels(before.model))
        self._queue_depth.remove(before.batcher.name)
        self._show_part(after)

    def _show_part(self, part: Part) -> None:
        self._model_info.labels(*_model_labels(part.model)).set(1)
        part.batcher.meter = self._meter(part.batcher)

    def _meter(self, batcher: Batcher) -> "BatchMetrics":
        name = batcher.name
        self._queue_depth.labels(name).set_function(lambda: batcher.depth)
        return BatchMetrics(
            self._batch_size.labels(name),
            self._queue_wait.labels(name),
            self._dropped.labels(name),
            self._restarts.labels(name),
        )

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)


@dataclass(frozen=True)
class BatchMetrics:
    """One model's share of the metrics, told by its batcher."""

    sizes: Histogram
    waits: Histogram
    drops: Counter
    restarts: Counter

    def batch(self, size: int, waits: Sequence[float]) -> None:
        """A batch was taken up."""
        self.sizes.observe(size)
        for wait in waits:
            self.waits.observe(wait)

    def dropped(self, items: int) -> None:
        """Items were not computed, because their caller gave up."""
        self.drops.inc(items)

    def restarted(self) -> None:
        """A model thread computes again."""
        self.restarts.inc()


def _model_labels(model: LoadedModel[PoseSpec] | LoadedModel[DetectorSpec]) -> tuple[str, ...]:
    provenance, runtime = model.spec.provenance, model.runtime
    return provenance.name, provenance.version, runtime.name, runtime.precision, model.sha256
