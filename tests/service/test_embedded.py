"""The product as it is installed: default settings, the embedded bundles, the sample photographs of the page."""

from collections.abc import AsyncIterator
from importlib import resources

import httpx
import numpy as np
import pytest

from service.app import create_app
from service.settings import ServiceSettings
from tests.service.conftest import connect, encode

SAMPLES = resources.files("service") / "static" / "samples"
NOSES = {"astronaut.jpg": (224, 118), "grace_hopper.jpg": (264, 237)}
"""Where the nose is, pixels, read off the photographs."""


@pytest.fixture
async def embedded() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(ServiceSettings(threads=1))
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        assert app.state.service.failure is None
        yield client


@pytest.mark.parametrize("name", NOSES)
async def test_a_sample_shows_one_person_with_a_nose_in_its_place(embedded: httpx.AsyncClient, name: str) -> None:
    photo = (SAMPLES / name).read_bytes()
    response = await embedded.post("/v1/pose", content=photo, headers={"Content-Type": "image/jpeg"})
    (person,) = response.json()["results"]
    x, y, score = person["keypoints"][:3]
    assert np.hypot(x - NOSES[name][0], y - NOSES[name][1]) < 0.1 * person["bbox"][2]
    assert score > 0.2
    left_shoulder, right_shoulder = person["keypoints"][15], person["keypoints"][18]
    assert left_shoulder > x > right_shoulder


async def test_an_empty_scene_shows_nobody(embedded: httpx.AsyncClient) -> None:
    blank = np.full((240, 320, 3), 127, np.uint8)
    response = await embedded.post("/v1/pose", content=encode(blank), headers={"Content-Type": "image/png"})
    assert (response.status_code, response.json()["results"]) == (200, [])


async def test_the_embedded_networks_say_what_they_are(embedded: httpx.AsyncClient) -> None:
    for model in (await embedded.get("/v1/models")).json()["models"]:
        assert model["licence"]
        assert model["accuracy"][model["precision"]]
        assert len(model["sha256"]) == 64
