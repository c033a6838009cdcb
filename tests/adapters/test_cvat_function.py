"""docker/cvat as nuclio calls it, with nuclio's own SDK, against a running server; `make test-adapters` runs this."""

import base64
import importlib.util
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
PHOTOGRAPH = REPOSITORY / "service/static/samples/three.jpg"
WIDTH, HEIGHT = 1370, 480


@pytest.fixture(scope="module")
def sdk() -> Any:
    return pytest.importorskip("nuclio_sdk", reason="make test-adapters installs it")


@pytest.fixture
def function(sdk: Any, address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Body -> what nuclio's processor gets, as its Python wrapper decodes the event and encodes the response."""
    monkeypatch.setenv("FASTERPOSE_URL", f"http://{address}")
    spec = importlib.util.spec_from_file_location("cvat_main", REPOSITORY / "docker/cvat/main.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    logger = sdk.Logger("ERROR")
    context = sdk.Context(logger, worker_id=0, trigger=sdk.TriggerInfo("http", "myHttpTrigger"))
    module.init_context(context)

    def call(body: bytes) -> dict[str, Any]:
        event = sdk.Event.deserialize(message_of(body), kind=sdk.EventDeserializerKinds.msgpack_raw)
        return sdk.Response.from_entrypoint_output(json.dumps, module.handler(context, event))

    return call


def message_of(body: bytes) -> dict[bytes, Any]:
    """An event as nuclio's processor hands it to Python, unpacked from MessagePack."""
    empty: dict[bytes, Any] = {b"fields": {}, b"headers": {}, b"id": "", b"url": "", b"type": ""}
    numbers = dict.fromkeys((b"timestamp", b"shard_id", b"num_shards", b"type_version", b"version"), 0)
    trigger = {b"kind": "http", b"name": "myHttpTrigger"}
    about = {b"method": "POST", b"path": "/", b"size": len(body), b"content_type": b"application/json"}
    return {b"body": body, b"trigger": trigger, **empty, **numbers, **about}


def body_of(image: bytes, **more: object) -> bytes:
    """What CVAT's `lambda_manager` posts to a detector."""
    return json.dumps({"image": base64.b64encode(image).decode(), **more}).encode()


def labels() -> dict[str, dict[str, Any]]:
    file = yaml.safe_load((REPOSITORY / "docker/cvat/function.yaml").read_text())
    return {label["name"]: label for label in json.loads(file["metadata"]["annotations"]["spec"])}


def check_as_cvat_reads(annotation: dict[str, Any], known: dict[str, dict[str, Any]]) -> None:
    """What CVAT takes from an annotation, and would stumble over (`cvat/apps/lambda_manager`, its `_parse_anno`)."""
    label = known[annotation["label"]]
    assert annotation["type"] == label["type"]
    if annotation["type"] == "skeleton":
        points = {sublabel["name"]: sublabel for sublabel in label["sublabels"]}
        for element in annotation["elements"]:
            check_as_cvat_reads(element, points)
        assert len({element["label"] for element in annotation["elements"]}) == len(annotation["elements"])
        assert not all(element["outside"] for element in annotation["elements"])  # CVAT drops such a skeleton
    else:
        x, y = annotation["points"]
        assert annotation["outside"] or (0 <= x <= WIDTH and 0 <= y <= HEIGHT)


def test_a_photograph_comes_back_as_skeletons_that_cvat_takes(function: Any) -> None:
    response = function(body_of(PHOTOGRAPH.read_bytes(), threshold=0.4))
    assert (response["status_code"], response["content_type"]) == (200, "application/json")
    annotations = json.loads(response["body"])
    assert len(annotations) == 3
    for annotation in annotations:
        check_as_cvat_reads(annotation, labels())
        assert len(annotation["elements"]) == 17
        assert 0 < float(annotation["confidence"]) <= 1
    noses = sorted(annotation["elements"][0]["points"][0] for annotation in annotations)
    assert all(after - before > 200 for before, after in pairwise(noses))


def test_what_is_no_image_and_what_is_no_json_are_errors(function: Any) -> None:
    assert function(body_of(b"no image"))["status_code"] == 415
    broken = function(b"{")
    assert broken["status_code"] == 400
    assert "no image in base64" in json.loads(broken["body"])["detail"]
