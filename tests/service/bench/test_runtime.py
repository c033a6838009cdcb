"""`fasterpose benchmark runtime`: what is timed against what."""

import time
from pathlib import Path

import numpy as np
import pytest

from model.contract.arrays import FloatArray, ImageArray
from service.bench.runtime import EAGER, Contender, Graph, open_graphs, print_timings, time_graphs, timings_content
from service.settings import ServiceSettings
from tests.service.bench.test_stages import CountingEager


class Waiting:
    """A network that takes some time and remembers its batches."""

    def __init__(self, seconds: float) -> None:
        self.batches: list[tuple[int, ...]] = []
        self._seconds = seconds

    def infer(self, batch: ImageArray) -> FloatArray:
        self.batches.append(batch.shape)
        time.sleep(self._seconds)
        return np.zeros((len(batch), 1), np.float32)


def test_every_contender_computes_the_same_batches_and_is_compared_with_the_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow, fast = Waiting(0.02), Waiting(0.005)
    graph = Graph("net", (8, 6), (Contender("slow", slow.infer), Contender("fast", fast.infer)), ("int8: none",))
    timings = time_graphs([graph], [1, 4], rounds=3)
    assert slow.batches == fast.batches == [(1, 6, 8, 3)] * 6 + [(4, 6, 8, 3)] * 6
    assert [(timing.runtime, timing.batch) for timing in timings] == [
        ("slow", 1),
        ("fast", 1),
        ("slow", 4),
        ("fast", 4),
    ]
    assert timings[0].ratio == 1
    assert timings[1].ratio > 1.5
    assert all(timing.best_ms <= timing.median_ms for timing in timings)
    assert timings[2].images_per_second == pytest.approx(4000 / timings[2].median_ms)
    print_timings([graph], timings, rounds=3)
    printed = capsys.readouterr().out
    assert "x slow" in printed
    assert "int8: none" in printed
    assert "make benchmark-runtime" in printed
    assert len(timings_content(timings, 3)["timings"]) == 4  # type: ignore[arg-type]


def test_the_precisions_of_the_bundles_are_opened_and_a_missing_one_is_named(bundles: tuple[Path, Path]) -> None:
    settings = ServiceSettings(model=str(bundles[0]), detector=str(bundles[1]))
    for graph in open_graphs(settings, CountingEager()):
        names = [contender.name for contender in graph.contenders]
        assert names[:2] == [EAGER, "openvino fp32"]
        assert any(reason.startswith("int8 is not measured: ") for reason in graph.missing)
        assert len(names) + len(graph.missing) == 4
    without = open_graphs(settings, None)
    assert [graph.contenders[0].name for graph in without] == ["openvino fp32"] * 2
