"""docker/cvat: the function against a running server, with a stand-in for what nuclio hands it."""

import asyncio
import base64
import importlib.util
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from model.contract.skeleton import COCO_17
from service.app import create_app
from service.serve import PoseServer, open_port
from service.settings import ServiceSettings
from tests.conftest import REPOSITORY
from tests.service.conftest import encode
from tests.service.fakes import GatedPoseRuntime, make_pipeline
from tests.service.key_files import Keys

FOLDER = REPOSITORY / "docker/cvat"


@dataclass
class Context:
    """What nuclio hands a function."""

    user_data: SimpleNamespace = field(default_factory=SimpleNamespace)
    said: list[str] = field(default_factory=list[str])

    @dataclass
    class Response:
        body: str
        headers: dict[str, str]
        content_type: str
        status_code: int

        @property
        def content(self) -> Any:
            return json.loads(self.body)

    @property
    def logger(self) -> SimpleNamespace:
        return SimpleNamespace(info=self.said.append, error=self.said.append)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"cvat_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def function() -> ModuleType:
    return load("main")


class Running:
    """A server on stand-in networks in a thread of its own."""

    def __init__(self, settings: ServiceSettings, runtime: GatedPoseRuntime | None = None) -> None:
        self.server = PoseServer(create_app(settings, lambda: make_pipeline(pose_runtime=runtime)), settings, 0.0)
        self._listener = open_port("127.0.0.1", 0, "--http-port")
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=lambda: asyncio.run(self.server.serve([self._listener])), daemon=True)

    def __enter__(self) -> "Running":
        self._thread.start()
        while self.server.service.status != "ready":
            assert self._thread.is_alive()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self._thread.join(20)


@pytest.fixture
def server() -> Iterator[Running]:
    with Running(ServiceSettings(http_port=0, grpc_port=0, drain_s=1)) as running:
        yield running


def call(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch, address: str, body: Any, **environment: str
) -> Context.Response:
    for name, value in {"FASTERPOSE_URL": address, **environment}.items():
        monkeypatch.setenv(name, value)
    context = Context()
    function.init_context(context)
    response: Context.Response = function.handler(context, SimpleNamespace(body=body))
    assert response.content_type == "application/json"
    return response


def body_of(image: bytes, **more: object) -> dict[str, object]:
    return {"image": base64.b64encode(image).decode(), **more}


def test_people_come_as_skeletons_of_the_labels(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch, server: Running, photo: bytes
) -> None:
    response = call(function, monkeypatch, server.address, body_of(photo))
    assert response.status_code == 200
    (label,) = labels()
    names = [point["name"] for point in label["sublabels"]]
    assert len(response.content) == 2
    for shape in response.content:
        assert (shape["label"], shape["type"]) == (label["name"], label["type"])
        assert [element["label"] for element in shape["elements"]] == names
        assert {element["type"] for element in shape["elements"]} == {"points"}
        assert {element["outside"] for element in shape["elements"]} == {0}
        assert 0 < float(shape["confidence"]) <= 1
    assert np.allclose(response.content[0]["elements"][0]["points"], [64.5, 104.5], atol=2)


def test_cvats_threshold_drops_people(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch, server: Running, photo: bytes
) -> None:
    assert len(call(function, monkeypatch, server.address, body_of(photo, threshold=0.7)).content) == 1
    assert call(function, monkeypatch, server.address, body_of(photo, threshold=0.95)).content == []


def test_a_person_without_a_point_in_the_picture_is_left_out(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch, server: Running, photo: bytes
) -> None:
    threshold = {"FASTERPOSE_KEYPOINT_THRESHOLD": "0.99"}
    assert call(function, monkeypatch, server.address, body_of(photo), **threshold).content == []


def test_errors_are_the_servers_and_name_what_is_wrong(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch, server: Running, photo: bytes
) -> None:
    truncated = call(function, monkeypatch, server.address, body_of(photo[:200]))
    assert truncated.status_code == 400
    assert truncated.content["title"] == "The image cannot be decoded"
    wrong = call(function, monkeypatch, server.address, body_of(photo, threshold=7))
    assert wrong.status_code == 422
    assert "person_threshold" in wrong.content["detail"]
    assert call(function, monkeypatch, server.address, {"picture": ""}).status_code == 400
    assert call(function, monkeypatch, server.address, {"image": "%%%"}).status_code == 400


def test_a_server_that_is_not_there_is_a_502(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch, photo: bytes
) -> None:
    with open_port("127.0.0.1", 0, "--http-port") as taken:
        port = taken.getsockname()[1]
    response = call(function, monkeypatch, f"http://127.0.0.1:{port}", body_of(photo))
    assert response.status_code == 502
    assert "no answer from the FasterPose server" in response.content["detail"]


def test_a_key_is_sent(function: ModuleType, monkeypatch: pytest.MonkeyPatch, keys: Keys, photo: bytes) -> None:
    key = keys.new("cvat")
    settings = ServiceSettings(http_port=0, grpc_port=0, drain_s=1, keys_file=keys.path)
    with Running(settings) as running:
        assert call(function, monkeypatch, running.address, body_of(photo)).status_code == 401
        answered = call(function, monkeypatch, running.address, body_of(photo), FASTERPOSE_API_KEY=key)
        assert answered.status_code == 200


def test_a_busy_server_is_asked_again(function: ModuleType, monkeypatch: pytest.MonkeyPatch, photo: bytes) -> None:
    runtime = GatedPoseRuntime()
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        runtime.gate.go.set()
        assert idle.wait(20)

    monkeypatch.setattr(function.time, "sleep", sleep)
    idle = threading.Event()
    with Running(ServiceSettings(http_port=0, grpc_port=0, drain_s=1, max_in_flight=1), runtime) as running:

        def other() -> None:
            function.ask(f"{running.address}/v1/pose", photo, "")
            idle.set()

        thread = threading.Thread(target=other)
        thread.start()
        assert runtime.gate.begun.wait(20)
        response = call(function, monkeypatch, running.address, body_of(photo))
        thread.join()
    assert response.status_code == 200
    assert pauses
    assert all(0 < pause <= function.LONGEST_PAUSE_S for pause in pauses)


def labels() -> list[dict[str, Any]]:
    file = yaml.safe_load((FOLDER / "function.yaml").read_text())
    return json.loads(file["metadata"]["annotations"]["spec"])


def test_the_labels_are_the_contracts_skeleton() -> None:
    (label,) = labels()
    assert tuple(point["name"] for point in label["sublabels"]) == COCO_17.keypoint_names
    edges = re.findall(r'data-node-from="(\d+)" data-node-to="(\d+)"', label["svg"])
    assert tuple((int(a) - 1, int(b) - 1) for a, b in edges) == COCO_17.edges
    nodes = re.findall(r'data-node-id="(\d+)" data-label-name="(\w+)"', label["svg"])
    assert [(int(node) - 1, name) for node, name in nodes] == list(enumerate(COCO_17.keypoint_names))


def test_the_file_is_what_the_script_writes_and_names_what_is_there(function: ModuleType) -> None:
    text = (FOLDER / "function.yaml").read_text()
    assert load("draw").function_yaml(COCO_17) == text
    file = yaml.safe_load(text)
    module, name = file["spec"]["handler"].split(":")
    assert (FOLDER / f"{module}.py").is_file()
    assert callable(getattr(function, name))
    assert int(file["spec"]["eventTimeout"].removesuffix("s")) > function.TIMEOUT_S


def test_an_image_of_the_largest_request_is_no_larger_than_the_server_takes() -> None:
    file = yaml.safe_load((FOLDER / "function.yaml").read_text())
    largest = file["spec"]["triggers"]["myHttpTrigger"]["attributes"]["maxRequestBodySize"]
    assert largest * 3 // 4 <= ServiceSettings().max_body_bytes
    assert len(base64.b64encode(encode(np.zeros((10, 10, 3), np.uint8)))) < largest
