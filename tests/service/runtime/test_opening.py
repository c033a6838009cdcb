from dataclasses import replace
from pathlib import Path

import pytest

from model.contract.crop import Size
from model.contract.spec import load_pose_spec
from service.bundles import load_pose_model
from service.runtime import opening
from service.runtime.base import DeviceGraph, Precision, RuntimeUnavailableError
from service.runtime.opening import open_runtimes
from service.settings import ServiceSettings
from tests.service.fakes import FakePoseRuntime


class FakeGraph:
    """A graph whose runtimes carry the name of their device."""

    def __init__(
        self, graph: Path, precision: Precision, device: str, threads: int, streams: int, largest: Size
    ) -> None:
        self.asked = (graph.name, precision, threads, streams)
        self.name = device
        self.largest = largest

    def open_runtime(self) -> FakePoseRuntime:
        runtime = FakePoseRuntime((48, 64))
        runtime.device = self.name
        return runtime


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[FakeGraph]:
    graphs: list[FakeGraph] = []

    def open_graph(*arguments: object) -> DeviceGraph:
        graphs.append(FakeGraph(*arguments))  # pyright: ignore[reportArgumentType]
        return graphs[-1]

    monkeypatch.setattr(opening.openvino, "OpenVinoGraph", open_graph)
    return graphs


def settings_for(bundle: Path, **others: object) -> ServiceSettings:
    return ServiceSettings.model_validate({"model": str(bundle)} | others)


def test_every_device_and_stream_has_a_runtime(bundles: tuple[Path, Path], opened: list[FakeGraph]) -> None:
    settings = settings_for(bundles[0], device="gpu.0,gpu.1", precision="fp32", streams=2, threads=3)
    model = load_pose_model(settings)
    assert [runtime.device for runtime in model.runtimes] == ["gpu.0", "gpu.0", "gpu.1", "gpu.1"]
    assert len({id(runtime) for runtime in model.runtimes}) == 4
    assert [graph.asked for graph in opened] == [("model.onnx", "fp32", 3, 2)] * 2
    for index, runtime in enumerate(model.runtimes):
        replacement = model.reopen(index)
        assert replacement is not runtime
        assert replacement.device == runtime.device


@pytest.mark.parametrize(("cores", "threads", "streams"), [(2, 0, 2), (16, 0, 2), (1, 0, 1), (8, 1, 1), (1, 4, 2)])
def test_a_cpu_has_two_streams_by_default_if_it_has_the_threads(
    bundles: tuple[Path, Path],
    opened: list[FakeGraph],
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    threads: int,
    streams: int,
) -> None:
    monkeypatch.setattr(opening, "available_cores", lambda: cores)
    settings = settings_for(bundles[0], precision="fp32", threads=threads)
    assert len(load_pose_model(settings).runtimes) == streams
    assert opened[0].asked == ("model.onnx", "fp32", threads, streams)


def test_auto_takes_what_every_device_computes_in(
    bundles: tuple[Path, Path], opened: list[FakeGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    computes = {"gpu.0": ("int8", "bf16"), "gpu.1": ("int8",)}
    monkeypatch.setattr(opening.openvino, "fast_precisions", computes.__getitem__)
    spec = load_pose_spec(bundles[0])
    accuracy = {"fp32": {"AP": 0.5}, "bf16": {"AP": 0.5}}
    measured = replace(spec, provenance=replace(spec.provenance, accuracy=accuracy))
    for device, precision in (("gpu.0", "bf16"), ("gpu.1", "fp32"), ("gpu.0,gpu.1", "fp32")):
        open_runtimes(bundles[0], measured, settings_for(bundles[0], device=device))
        assert opened[-1].asked[1] == precision


@pytest.mark.parametrize("asked", [{"runtime": "torch"}, {"device": "cuda:0"}, {"device": "cuda", "precision": "fp16"}])
def test_torch_that_is_not_installed_is_named_with_its_extra(
    bundles: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, asked: dict[str, str]
) -> None:
    (bundles[0] / "model.pt2").touch()

    def nothing(name: str) -> None:
        assert name == "torch"

    monkeypatch.setattr(opening, "find_spec", nothing)
    with pytest.raises(RuntimeUnavailableError, match=r"needs torch.*pip install 'fasterpose\[gpu\]'"):
        load_pose_model(settings_for(bundles[0], **asked))


def test_fp16_is_refused_on_a_cpu(bundles: tuple[Path, Path]) -> None:
    with pytest.raises(RuntimeUnavailableError, match="openvino runtime does not compute in fp16"):
        load_pose_model(settings_for(bundles[0], precision="fp16"))
