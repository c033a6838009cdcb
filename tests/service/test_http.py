"""`POST /v1/pose`: body forms, options, responses and every error of the contract."""

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.pipeline import Pipeline
from service.settings import ServiceSettings
from tests.service.conftest import connect, encode, load_truth
from tests.service.fakes import make_pipeline
from tests.service.http_client import PNG, check_problem

BOXES = [[40, 60, 60, 140], [220, 80, 40, 120]]


def as_json(*photos: bytes, **options: Any) -> dict[str, Any]:
    return {"images": [{"data": base64.b64encode(photo).decode()} for photo in photos], "options": options}


def as_parts(*photos: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("image", (f"{i}.png", photo, "image/png")) for i, photo in enumerate(photos)]


def without_timings(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    content = response.json()
    assert set(content.pop("timings_ms")) == {"decode", "detect", "queue", "estimate", "total"}
    return content


async def test_the_native_response_has_the_contracts_form(client: httpx.AsyncClient, photo: bytes) -> None:
    content = without_timings(await client.post("/v1/pose", content=photo, headers=PNG))
    assert content["model"] == {"name": "fake-pose", "version": "1.2.3", "detector": "fake-detector"}
    assert content["images"] == [{"id": 0, "width": 320, "height": 240}]
    first, second = content["results"]
    assert set(first) == {"image_id", "category_id", "bbox", "bbox_score", "score", "keypoints"}
    assert (first["image_id"], first["category_id"], len(first["keypoints"])) == (0, 1, 51)
    assert first["score"] > second["score"]
    for value in first["bbox"] + first["keypoints"][0::3] + first["keypoints"][1::3]:
        assert value == round(value, 1)


async def test_pycocotools_accepts_the_results(client: httpx.AsyncClient, photo: bytes, tmp_path: Path) -> None:
    content = without_timings(await client.post("/v1/pose?image_id=7", content=photo, headers=PNG))
    truth = load_truth(tmp_path, [{"id": 7}])
    assert len(truth.loadRes(content["results"]).getAnnIds(imgIds=[7])) == 2


async def test_the_three_body_forms_give_the_same_answer(client: httpx.AsyncClient, photo: bytes) -> None:
    query = {"boxes": json.dumps(BOXES), "keypoint_threshold": 0.1, "flip_test": True, "image_id": 9}
    options = {**query, "boxes": BOXES}
    answers = [
        await client.post("/v1/pose", params=query, content=photo, headers=PNG),
        await client.post(
            "/v1/pose", params=query, content=photo, headers={"Content-Type": "application/octet-stream"}
        ),
        await client.post("/v1/pose", params=query, files=as_parts(photo)),
        await client.post("/v1/pose", files=as_parts(photo), data={"options": json.dumps(options)}),
        await client.post("/v1/pose", json=as_json(photo, **options)),
    ]
    first, *others = [without_timings(answer) for answer in answers]
    assert len(first["results"]) == 2
    assert all(other == first for other in others)


async def test_several_images_are_answered_in_order(client: httpx.AsyncClient, photo: bytes) -> None:
    empty = encode(np.full((30, 40, 3), 9, np.uint8))
    parts = without_timings(await client.post("/v1/pose", files=as_parts(empty, photo, empty)))
    assert [image["id"] for image in parts["images"]] == [0, 1, 2]
    assert [image["width"] for image in parts["images"]] == [40, 320, 40]
    assert [result["image_id"] for result in parts["results"]] == [1, 1]
    assert without_timings(await client.post("/v1/pose", json=as_json(empty, photo, empty))) == parts


async def test_each_image_of_a_json_body_has_its_own_id_and_boxes(client: httpx.AsyncClient, photo: bytes) -> None:
    body = as_json(photo, photo)
    body["images"][0] |= {"id": "left", "boxes": BOXES[:1]}
    body["images"][1] |= {"id": 12, "boxes": BOXES[1:]}
    content = without_timings(await client.post("/v1/pose", json=body))
    assert [(result["image_id"], result["bbox"]) for result in content["results"]] == [
        ("left", BOXES[0]),
        (12, BOXES[1]),
    ]


async def test_one_bad_image_of_several_fails_alone(client: httpx.AsyncClient, photo: bytes) -> None:
    body = as_json(photo, photo[:100], photo)
    body["images"][2]["boxes"] = [[999, 0, 5, 5]]
    content = without_timings(await client.post("/v1/pose", json=body))
    assert [result["image_id"] for result in content["results"]] == [0, 0]
    _, truncated, outside = content["images"]
    assert (truncated["error"]["status"], outside["error"]["status"]) == (400, 422)
    assert "images[2].boxes[0] lies outside" in outside["error"]["detail"]


async def test_a_bare_list_has_no_place_for_an_error(client: httpx.AsyncClient, photo: bytes) -> None:
    response = await client.post("/v1/pose", json=as_json(photo, b"", format="coco-results"))
    check_problem(response, 400, "image 1: ")


async def test_coco_results_is_the_bare_list(client: httpx.AsyncClient, photo: bytes) -> None:
    native = without_timings(await client.post("/v1/pose", content=photo, headers=PNG))
    bare = await client.post("/v1/pose?format=coco-results", content=photo, headers=PNG)
    assert bare.json() == native["results"]


async def test_cvat_gives_skeleton_shapes(client: httpx.AsyncClient, photo: bytes) -> None:
    shapes = (await client.post("/v1/pose?format=cvat", content=photo, headers=PNG)).json()
    assert [(shape["type"], shape["label"], len(shape["elements"])) for shape in shapes] == [
        ("skeleton", "person", 17)
    ] * 2
    assert float(shapes[0]["confidence"]) > float(shapes[1]["confidence"])
    nose = shapes[0]["elements"][0]
    assert (nose["label"], nose["type"], nose["outside"]) == ("nose", "points", 0)


@pytest.mark.parametrize(("accept", "magic"), [("image/jpeg", b"\xff\xd8"), ("image/png", b"\x89PNG")])
async def test_an_overlay_is_the_image_with_people_drawn(
    client: httpx.AsyncClient, photo: bytes, accept: str, magic: bytes
) -> None:
    response = await client.post("/v1/pose", content=photo, headers=PNG | {"Accept": accept})
    assert response.headers["content-type"] == accept
    assert response.content.startswith(magic)
    drawn = cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_COLOR)
    original = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert original is not None
    assert drawn.shape == original.shape
    assert np.abs(drawn.astype(int) - original).max() > 100


@pytest.mark.parametrize(
    ("content", "headers", "status", "detail"),
    [
        (b"", PNG, 400, "empty"),
        (b"\x89PNG\r\n\x1a\n", PNG, 400, "PNG"),
        (b"hello", PNG, 415, ""),
        (b"hello", {"Content-Type": "text/plain"}, 415, "Content-Type text/plain is not taken"),
        (b"x=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "send image/*"),
        (b"hello", PNG | {"Content-Encoding": "gzip"}, 415, "Compressed"),
        (b"{", {"Content-Type": "application/json"}, 400, "not valid JSON"),
        (b"--x", {"Content-Type": "multipart/form-data"}, 400, ""),
        (b"x" * 300_001, PNG, 413, "300000 bytes"),
    ],
)
async def test_bad_bodies_have_their_status(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, detail: str
) -> None:
    check_problem(await client.post("/v1/pose", content=content, headers=headers), status, detail)


async def test_a_body_without_a_declared_length_is_cut_off_while_it_grows(client: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 100_000
            yield b"x" * 100_000

    check_problem(await client.post("/v1/pose", content=chunks(), headers=PNG), 413, "300000 bytes")


async def test_too_many_pixels_images_and_boxes_are_413(client: httpx.AsyncClient, photo: bytes) -> None:
    huge = encode(np.zeros((500, 500, 3), np.uint8))
    check_problem(await client.post("/v1/pose", content=huge, headers=PNG), 413, "at most 200000")
    check_problem(await client.post("/v1/pose", files=as_parts(*[photo] * 4)), 413, "4 images; at most 3")
    check_problem(await client.post("/v1/pose", files=as_parts(*[photo] * 6)), 413, "")
    check_problem(await client.post("/v1/pose", json=as_json(*[photo] * 4)), 413, "4 images; at most 3")
    many = {"boxes": json.dumps([[0, 0, 9, 9]] * 5)}
    check_problem(await client.post("/v1/pose", params=many, content=photo, headers=PNG), 413, "5 boxes; at most 4")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("detected=1", "detected: unknown"),
        ("person_threshold=2", "person_threshold"),
        ("boxes=[[0,0,0,5]]", "boxes[0][2]"),
        ("boxes=[[500,0,5,5]]", "boxes[0] lies outside"),
        ("boxes=[[0,0,5,5],[1,1,5,5]]&max_persons=1", "max_persons: 1, but boxes holds 2"),
        ("format=pdf", "format"),
        ("detect=true&detect=false", "detect: given twice"),
    ],
)
async def test_wrong_options_are_422_and_named(
    client: httpx.AsyncClient, photo: bytes, query: str, detail: str
) -> None:
    check_problem(await client.post(f"/v1/pose?{query}", content=photo, headers=PNG), 422, detail)


async def test_what_does_not_go_together_is_422(client: httpx.AsyncClient, photo: bytes) -> None:
    two = as_parts(photo, photo)
    check_problem(await client.post("/v1/pose?boxes=[[0,0,9,9]]", files=two), 422, "boxes: belongs to one image")
    check_problem(await client.post("/v1/pose?image_id=3", files=two), 422, "image_id: belongs to one image")
    check_problem(await client.post("/v1/pose?format=cvat", files=two), 422, "format: cvat answers one image")
    check_problem(await client.post("/v1/pose", files=two, headers={"Accept": "image/png"}), 422, "draws one image")
    drawn = await client.post("/v1/pose?format=cvat", content=photo, headers=PNG | {"Accept": "image/png"})
    check_problem(drawn, 422, "does not go with")
    both = await client.post("/v1/pose?detect=true", files=as_parts(photo), data={"options": '{"detect": false}'})
    check_problem(both, 422, "detect: given both")
    check_problem(await client.post("/v1/pose?detect=true", json=as_json(photo)), 422, "detect: a JSON body")
    check_problem(await client.post("/v1/pose", files={"photo": photo}), 422, "photo: unknown part")
    check_problem(await client.post("/v1/pose", files={"options": b"{}"}), 422, "image: no part")
    body = as_json(photo, photo)
    body["images"][0]["id"] = 1
    check_problem(await client.post("/v1/pose", json=body), 422, "images[1].id: 1 is the id of two images")
    body = as_json(photo, image_id=4)
    body["images"][0]["id"] = 4
    check_problem(await client.post("/v1/pose", json=body), 422, "images[0].id: given both")


async def test_loading_and_draining_are_503(photo: bytes) -> None:
    loaded = threading.Event()

    def load() -> Pipeline:
        assert loaded.wait(20)
        return make_pipeline()

    app = create_app(ServiceSettings(), load)
    async with app.router.lifespan_context(app), connect(app) as client:
        response = await client.post("/v1/pose", content=photo, headers=PNG)
        check_problem(response, 503, "loading")
        assert response.headers["retry-after"] == "1"
        check_problem(await client.get("/readyz"), 503, "loading")
        loaded.set()
        await app.state.loading
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        app.state.service.drain()
        check_problem(await client.post("/v1/pose", content=photo, headers=PNG), 503, "shutting down")
        check_problem(await client.get("/readyz"), 503, "draining")
        assert (await client.get("/healthz")).status_code == 200


async def test_too_many_requests_in_flight_are_429(photo: bytes) -> None:
    app = create_app(ServiceSettings(max_in_flight=2), make_pipeline)
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        with app.state.service.admitted(), app.state.service.admitted():
            response = await client.post("/v1/pose", content=photo, headers=PNG)
        check_problem(response, 429, "2 requests are in flight")
        assert response.headers["retry-after"] == "1"
        assert (await client.post("/v1/pose", content=photo, headers=PNG)).status_code == 200


async def test_a_fault_of_ours_is_500_without_its_cause(client: httpx.AsyncClient, app: FastAPI, photo: bytes) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret /home/someone/model.onnx")

    app.state.service.pipeline.detector.people = fail
    response = await client.post("/v1/pose", content=photo, headers=PNG)
    check_problem(response, 500, "The server failed on this request")
    assert "secret" not in response.text
    boxes = {"boxes": "[[0,0,9,9]]"}
    assert (await client.post("/v1/pose", params=boxes, content=photo, headers=PNG)).status_code == 200


async def test_bad_requests_do_not_disturb_good_ones(client: httpx.AsyncClient, photo: bytes) -> None:
    bodies = [photo, photo[:50], b"", photo, b"nonsense", photo]
    answers = await asyncio.gather(*(client.post("/v1/pose", content=body, headers=PNG) for body in bodies))
    assert [answer.status_code for answer in answers] == [200, 400, 400, 200, 415, 200]


@pytest.mark.parametrize(
    "content_type",
    ["image/jpeg", "multipart/form-data; boundary=x", "multipart/form-data", "application/json", "image/", ""],
)
async def test_no_body_is_a_fault_of_ours(client: httpx.AsyncClient, photo: bytes, content_type: str) -> None:
    random = np.random.default_rng(1)
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + photo + b"\r\n--x--\r\n"
    text = json.dumps(as_json(photo, detect=False)).encode()
    for seed in (photo, part, text):
        for _ in range(25):
            body = bytearray(seed[: int(random.integers(1, len(seed) + 1))])
            for place in random.integers(0, len(body), 3):
                body[place] = int(random.integers(0, 256))
            response = await client.post("/v1/pose", content=bytes(body), headers={"Content-Type": content_type})
            assert response.status_code in {200, 400, 413, 415, 422}, (response.text, bytes(body[:80]))
