"""The protocol over HTTP, without a client library of it; tests/adapters has Triton's."""

import base64
import json
import struct
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from model.contract.arrays import ImageArray
from service.access.keys import Limits
from service.settings import ServiceSettings
from tests.service.conftest import encode, limited
from tests.service.http_client import check_problem, serving
from tests.service.key_files import Keys
from tests.service.rpc_client import Blocked

INFER = "/v2/models/pose/infer"
HEADER = "Inference-Header-Content-Length"


def images(*files: bytes) -> dict[str, Any]:
    data = [base64.b64encode(file).decode() for file in files]
    return {"name": "images", "datatype": "BYTES", "shape": [len(files)], "data": data}


def tensors(response: httpx.Response) -> dict[str, np.ndarray[Any, Any]]:
    """The outputs of an answer, in JSON or as bytes."""
    assert response.status_code == 200, response.text
    size = int(response.headers.get(HEADER, len(response.content)))
    said, rest = json.loads(response.content[:size]), response.content[size:]
    found: dict[str, np.ndarray[Any, Any]] = {}
    for output in said["outputs"]:
        dtype = {"FP32": "<f4", "INT32": "<i4"}[output["datatype"]]
        if "data" in output:
            values = np.array(output["data"], dtype)
        else:
            taken = output["parameters"]["binary_data_size"]
            values, rest = np.frombuffer(rest[:taken], dtype), rest[taken:]
        found[output["name"]] = values.reshape(output["shape"])
    assert rest == b""
    return found


async def ask(client: httpx.AsyncClient, *inputs: dict[str, Any], **body: Any) -> httpx.Response:
    return await client.post(INFER, json={"inputs": inputs, **body})


async def test_tensors_are_the_people_of_the_other_route(client: httpx.AsyncClient, photo: bytes) -> None:
    served = (await client.post("/v1/pose", content=photo)).json()["results"]
    answer = await ask(client, images(photo), id="7")
    assert (answer.json()["id"], answer.json()["model_name"], answer.json()["model_version"]) == ("7", "pose", "1.2.3")
    found = tensors(answer)
    assert found["keypoints"].shape == (2, 17, 3)
    assert np.allclose(found["keypoints"].reshape(2, 51), [person["keypoints"] for person in served], atol=0.06)
    assert np.allclose(found["boxes"], [person["bbox"] for person in served], atol=0.06)
    assert np.allclose(found["scores"], [person["score"] for person in served], atol=1e-5)
    assert np.allclose(found["box_scores"], [person["bbox_score"] for person in served], atol=1e-5)
    assert found["image_index"].tolist() == [0, 0]
    assert found["image_sizes"].tolist() == [[320, 240]]


async def test_bytes_after_the_json_are_the_same(client: httpx.AsyncClient, photo: bytes) -> None:
    content = struct.pack("<I", len(photo)) + photo
    tensor = {"name": "images", "datatype": "BYTES", "shape": [1, 1], "parameters": {"binary_data_size": len(content)}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    answer = await client.post(INFER, content=head + content, headers={HEADER: str(len(head))})
    assert answer.headers["content-type"] == "application/octet-stream"
    expected = tensors(await ask(client, images(photo)))
    found = tensors(answer)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


async def test_only_what_is_wanted_is_sent_each_in_its_form(client: httpx.AsyncClient, photo: bytes) -> None:
    outputs = [{"name": "scores", "parameters": {"binary_data": True}}, {"name": "image_sizes"}]
    answer = await ask(client, images(photo), outputs=outputs)
    assert list(tensors(answer)) == ["scores", "image_sizes"]
    assert b'"data":[320,240]' in answer.content


@pytest.mark.parametrize("stacked", [False, True])
async def test_pixels_are_answered_as_the_file_of_them(
    client: httpx.AsyncClient, scene: ImageArray, photo: bytes, stacked: bool
) -> None:
    values = scene[None] if stacked else scene
    tensor = {
        "name": "pixels",
        "datatype": "UINT8",
        "shape": list(values.shape),
        "parameters": {"binary_data_size": values.nbytes},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    answer = await client.post(INFER, content=head + values.tobytes(), headers={HEADER: str(len(head))})
    expected = tensors(await ask(client, images(photo)))
    assert np.array_equal(tensors(answer)["keypoints"], expected["keypoints"])


async def test_pixels_in_json_are_flat_or_nested(client: httpx.AsyncClient, scene: ImageArray) -> None:
    small = scene[60:100, 40:80]
    flat = {"name": "pixels", "datatype": "UINT8", "shape": [40, 40, 3], "data": small.reshape(-1).tolist()}
    for tensor in (flat, flat | {"data": small.tolist()}):
        found = tensors(await ask(client, tensor, parameters={"detect": False}))
        assert found["boxes"].tolist() == [[0, 0, 40, 40]]


async def test_people_of_several_images_stand_behind_each_other(client: httpx.AsyncClient, photo: bytes) -> None:
    empty = encode(np.zeros((50, 60, 3), np.uint8))
    found = tensors(await ask(client, images(photo, empty, photo), parameters={"max_persons": 1}))
    assert found["image_index"].tolist() == [0, 2]
    assert found["image_sizes"].tolist() == [[320, 240], [60, 50], [320, 240]]
    nobody = tensors(await ask(client, images(empty)))
    assert nobody["keypoints"].shape == (0, 17, 3)
    assert nobody["boxes"].shape == (0, 4)


async def test_given_boxes_take_the_detectors_place(client: httpx.AsyncClient, photo: bytes) -> None:
    boxes = {"name": "boxes", "datatype": "FP32", "shape": [1, 4], "data": [220, 80, 40, 120]}
    found = tensors(await ask(client, images(photo), boxes))
    assert found["boxes"].tolist() == [[220, 80, 40, 120]]
    assert found["box_scores"].tolist() == [1.0]


async def test_the_tensors_are_as_the_metadata_says(client: httpx.AsyncClient, photo: bytes) -> None:
    metadata = (await client.get("/v2/models/pose")).json()
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["images", "pixels", "boxes"]
    answer = (await ask(client, images(photo))).json()
    assert [(one["name"], one["datatype"]) for one in answer["outputs"]] == [
        (one["name"], one["datatype"]) for one in metadata["outputs"]
    ]
    for described, sent in zip(metadata["outputs"], answer["outputs"], strict=True):
        assert len(described["shape"]) == len(sent["shape"])
        assert all(side in (-1, real) for side, real in zip(described["shape"], sent["shape"], strict=True))


async def test_server_and_models_say_what_they_are(client: httpx.AsyncClient) -> None:
    server = (await client.get("/v2")).json()
    assert (server["name"], server["extensions"]) == ("fasterpose", ["binary_tensor_data"])
    for name in ("pose", "fake-pose", "fake-detector"):
        assert (await client.get(f"/v2/models/{name}/ready")).json() == {"name": name, "ready": True}
    assert (await client.get("/v2/models/pose/versions/1.2.3")).json() == (await client.get("/v2/models/pose")).json()
    assert (await client.get("/v2/models/pose/versions/1.2.3/ready")).status_code == 200
    check_problem(await client.get("/v2/models/pose/versions/2/ready"), 404, "loaded is 1.2.3")


async def test_a_draining_server_has_no_ready_model(client: httpx.AsyncClient, app: FastAPI) -> None:
    app.state.service.drain()
    check_problem(await client.get("/v2/models/pose/ready"), 503, "draining")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v2/models/none/infer", "No model is called 'none'"),
        ("/v2/models/fake-pose/infer", "Infer with pose; for boxes alone ask it"),
        ("/v2/models/fake-detector/infer", "send the input boxes"),
        ("/v2/models/pose/versions/9/infer", "loaded is 1.2.3"),
    ],
)
async def test_what_does_not_compute_is_a_404(client: httpx.AsyncClient, photo: bytes, path: str, words: str) -> None:
    check_problem(await client.post(path, json={"inputs": [images(photo)]}), 404, words)


PIXELS = {"name": "pixels", "datatype": "UINT8", "shape": [2, 2, 3], "data": [0] * 12}
ONE = {"name": "images", "datatype": "BYTES", "shape": [1], "data": ["AAAA"]}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"inputs": []}, 422, "inputs: "),
        ({"inputs": [ONE], "more": 1}, 422, "more: unknown; known are id, parameters, inputs, outputs"),
        ({"inputs": [ONE | {"datatype": "UINT8"}]}, 422, "inputs[0].datatype: images is of BYTES"),
        ({"inputs": [ONE | {"name": "image"}]}, 422, "known are images, pixels, boxes"),
        ({"inputs": [ONE, ONE]}, 422, "given twice"),
        ({"inputs": [ONE, PIXELS]}, 422, "give either images"),
        ({"inputs": [ONE | {"shape": [2]}]}, 422, "the shape has 2 elements, the data 1"),
        ({"inputs": [ONE | {"shape": [-1]}]}, 422, "a side is negative"),
        ({"inputs": [ONE | {"shape": [0], "data": []}]}, 422, "holds no image"),
        ({"inputs": [ONE | {"shape": [9]}]}, 413, "9 images; at most 3"),
        ({"inputs": [ONE | {"data": ["%"]}]}, 422, "inputs[0].data[0]: not base64"),
        ({"inputs": [ONE | {"data": [5]}]}, 422, "base64 text"),
        ({"inputs": [ONE | {"data": None}]}, 422, "neither data nor parameters.binary_data_size"),
        ({"inputs": [ONE | {"parameters": {"binary_data_size": 4}}]}, 422, "both data and"),
        ({"inputs": [ONE | {"parameters": {"shared_memory_region": "x"}}]}, 422, "shared_memory_region: not offered"),
        ({"inputs": [PIXELS | {"shape": [2, 2, 4]}]}, 422, "pixels are RGB"),
        ({"inputs": [PIXELS | {"shape": [0, 2, 3], "data": []}]}, 422, "a side is 0"),
        ({"inputs": [PIXELS | {"data": [0] * 11 + [256]}]}, 422, "whole numbers from 0 to 255"),
        ({"inputs": [PIXELS | {"data": [0] * 11 + [-1]}]}, 422, "whole numbers from 0 to 255"),
        ({"inputs": [PIXELS | {"data": [0] * 11 + [0.5]}]}, 422, "whole numbers from 0 to 255"),
        ({"inputs": [PIXELS | {"data": [[0], [0, 1]]}]}, 422, "not a list of numbers"),
        ({"inputs": [PIXELS | {"data": ["0"] * 12}]}, 422, "not a list of numbers"),
        ({"inputs": [PIXELS | {"data": [None] * 12}]}, 422, "not a list of numbers"),
        ({"inputs": [PIXELS | {"data": [10**30] * 12}]}, 422, "whole numbers from 0 to 255"),
        ({"inputs": [ONE], "outputs": [{"name": "pose"}]}, 422, "known are keypoints"),
        ({"inputs": [ONE], "outputs": [{"name": "scores"}] * 2}, 422, "asked for twice"),
        (
            {"inputs": [ONE], "outputs": [{"name": "scores", "parameters": {"classification": 2}}]},
            422,
            "classification: not offered",
        ),
        ({"inputs": [ONE], "parameters": {"person_threshold": 2}}, 422, "person_threshold: "),
        ({"inputs": [ONE], "parameters": {"format": "cvat"}}, 422, "parameters.format: not offered"),
        ({"inputs": [ONE], "parameters": {"binary_data_output": 1}}, 422, "must be true or false"),
        ({"inputs": [ONE | {"data": ["AA", "AA"], "shape": [2]}, PIXELS | {"name": "boxes"}]}, 422, "boxes is of FP32"),
        ({"inputs": [ONE]}, 415, ""),
        ({"inputs": [ONE | {"data": ["AAAA", "AAAA"], "shape": [2]}]}, 415, "image 0: "),
    ],
)
async def test_a_wrong_request_names_what_is_wrong(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, words: str
) -> None:
    check_problem(await client.post(INFER, json=body), status, words)


@pytest.mark.parametrize(
    ("length", "size", "content", "words"),
    [
        ("x", 4, b"abcd", f"{HEADER} is 'x'"),
        ("99999", 4, b"abcd", f"{HEADER} is '99999'"),
        (None, 4, b"abc", "3 bytes are left of the body"),
        (None, 4, b"abcde", "1 bytes follow the last tensor"),
        (None, 2, b"ab", "its last element is cut off"),
        (None, 5, b"\x02\x00\x00\x00a", "an element of 2 bytes is cut off"),
    ],
)
async def test_bytes_that_do_not_fit_are_a_400(
    client: httpx.AsyncClient, length: str | None, size: int, content: bytes, words: str
) -> None:
    tensor = {"name": "images", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    response = await client.post(INFER, content=head + content, headers={HEADER: length or str(len(head))})
    check_problem(response, 400, words)


async def test_limits_are_those_of_the_other_routes(client: httpx.AsyncClient, photo: bytes) -> None:
    check_problem(await client.post(INFER, content=b"x" * 300_001), 413, "300000 bytes")
    compressed = await client.post(INFER, content=b"x", headers={"Content-Encoding": "gzip"})
    check_problem(compressed, 415, "Compressed bodies")
    boxes = {"name": "boxes", "datatype": "FP32", "shape": [5, 4], "data": [10.0] * 20}
    check_problem(await ask(client, images(photo), boxes), 413, "5 boxes; at most 4")
    large = encode(np.zeros((500, 500, 3), np.uint8))
    check_problem(await ask(client, images(large)), 413, "500 x 500")


async def test_a_deadline_holds(client: httpx.AsyncClient, photo: bytes, blocked: Blocked) -> None:
    response = await ask(client, images(photo), parameters={"timeout_ms": 50})
    check_problem(response, 504, "50 ms")
    assert blocked is not None


async def test_keys_and_their_limits_count_here_too(keys: Keys, photo: bytes) -> None:
    key = keys.new("lab", limits=Limits(requests_per_second=0.001, burst=1))
    async with serving(limited, ServiceSettings.model_validate({"keys_file": keys.path, "grpc_port": 0})) as client:
        check_problem(await ask(client, images(photo)), 401, "API key")
        client.headers["X-API-Key"] = key
        assert (await ask(client, images(photo))).status_code == 200
        check_problem(await ask(client, images(photo)), 429, "key")
