"""Fixtures of the service's tests: an application on stand-in networks, and bundles on disk."""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from pycocotools.coco import COCO

from model.contract.arrays import ImageArray
from model.contract.image import ImageLimits
from model.contract.spec import write_spec
from service.app import create_app
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.pipeline import Pipeline
from service.settings import ENV_PREFIX, ServiceSettings
from tests.service.fakes import FIGURE, SPOT, detector_spec, make_pipeline, pose_spec
from tests.service.key_files import Keys
from tests.service.onnx_files import detector_graph, pose_graph
from tests.service.rpc_client import Blocked, rpc_channel


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own FASTERPOSE_* variables do not reach the tests."""
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def scene() -> ImageArray:
    """320 x 240 RGB: two figures, each with a spot that the stand-in networks see."""
    image = np.full((240, 320, 3), 230, np.uint8)
    image[60:200, 40:100] = FIGURE
    image[100:110, 60:70] = SPOT  # centre (64.5, 104.5)
    image[80:200, 220:260] = FIGURE
    image[150:158, 240:248] = SPOT  # centre (243.5, 153.5)
    return image


@pytest.fixture
def photo(scene: ImageArray) -> bytes:
    """The scene as a PNG file."""
    return encode(scene)


@pytest.fixture
async def app() -> AsyncIterator[FastAPI]:
    """A loaded application on stand-in networks."""
    limits = ServiceSettings(max_images=3, max_boxes=4, max_body_bytes=300_000, max_pixels=200_000, grpc_port=0)
    app = create_app(limits, limited)
    async with app.router.lifespan_context(app):
        await app.state.loading
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a socket."""
    async with connect(app) as client:
        yield client


@pytest.fixture
async def stub(app: FastAPI) -> AsyncIterator[PoseServiceStub]:
    """A gRPC client of the application, on a loopback port."""
    async with rpc_channel(app) as channel:
        yield PoseServiceStub(channel)


@pytest.fixture
async def blocked(app: FastAPI) -> AsyncIterator[Blocked]:
    """The application's detector waits until it is let go."""
    blocked = Blocked(app)
    yield blocked
    blocked.release()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A file of API keys, with none in it yet."""
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[Path, Path]:
    """A pose and a detector bundle on disk, with graphs that OpenVINO runs."""
    pose, detector = tmp_path / "tiny-pose", tmp_path / "tiny-detector"
    for folder, graph in (
        (pose, pose_graph(48, 64, 17)),
        (detector, detector_graph(160, 160, [[20, 30, 80, 140, 0.8]])),
    ):
        folder.mkdir()
        (folder / "model.onnx").write_bytes(graph)
    write_spec(pose, replace(pose_spec(), provenance=replace(pose_spec().provenance, name="tiny-pose")))
    write_spec(detector, replace(detector_spec(), provenance=replace(detector_spec().provenance, name="tiny-detector")))
    return pose, detector


def limited() -> Pipeline:
    return make_pipeline(ImageLimits(max_bytes=300_000, max_pixels=200_000))


def connect(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://server")


def load_truth(folder: Path, images: list[dict[str, Any]]) -> COCO:
    """A COCO annotation file of some images and no people, as pycocotools reads it."""
    path = folder / "truth.json"
    categories = [{"id": 1, "name": "person"}]
    path.write_text(json.dumps({"info": {}, "images": images, "annotations": [], "categories": categories}))
    return COCO(str(path))


def encode(image: ImageArray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, image[..., ::-1])[1].tobytes()
