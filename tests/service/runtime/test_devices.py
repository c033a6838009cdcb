import pytest

from service.runtime.base import RuntimeUnavailableError
from service.runtime.devices import choose_runtime, is_cuda, parse_devices
from service.settings import RuntimeChoice


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("cpu", ("cpu",)),
        ("CPU", ("cpu",)),
        ("cuda", ("cuda:0",)),
        ("cuda:0, CUDA:3", ("cuda:0", "cuda:3")),
        ("GPU.0,gpu.1", ("gpu.0", "gpu.1")),
    ],
)
def test_a_list_of_devices_is_read(text: str, devices: tuple[str, ...]) -> None:
    assert parse_devices(text) == devices


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cpu,cpu", "names cpu twice.*--streams"),
        ("cuda:1,cuda,cuda:0", "names cuda:0 twice"),
        ("cpu,cuda:0", "mixes kinds of devices"),
        ("cuda:0,", "empty name; write for example"),
        ("", "empty name"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(RuntimeUnavailableError, match=message):
        parse_devices(text)


@pytest.mark.parametrize(
    ("choice", "device", "kind"),
    [
        ("auto", "cpu", "openvino"),
        ("auto", "gpu.0", "openvino"),
        ("auto", "cuda:1", "torch"),
        ("torch", "cpu", "torch"),
        ("openvino", "cpu", "openvino"),
    ],
)
def test_auto_is_torch_on_cuda_and_openvino_elsewhere(choice: RuntimeChoice, device: str, kind: str) -> None:
    assert choose_runtime(choice, (device,)) == kind


def test_only_cuda_is_cuda() -> None:
    assert [is_cuda(device) for device in ("cuda:0", "cpu", "gpu")] == [True, False, False]
