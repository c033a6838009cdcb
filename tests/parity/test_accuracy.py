"""The served network is as accurate as the measured one: AP through the HTTP application equals `evaluate`."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.contract.coco import read_keypoints
from model.contract.spec import load_pose_spec
from model.data.dataset import Sample
from model.data.sources import usable_samples
from model.evaluate import STATS, coco_ap
from model.measure import Measurement, measure_model
from service.app import create_app
from service.settings import ServiceSettings
from service.zoo import find_bundle

NAME = "fasterpose-yolo11n"
IMAGES_A_REQUEST = 8


async def test_ap_through_the_application_equals_evaluate(shared_dir: Path) -> None:
    annotations, folder = shared_dir / "data/coco/person_keypoints_val.json", shared_dir / "data/coco/images"
    bundle = find_bundle(NAME)
    samples = usable_samples(read_keypoints(annotations), folder, load_pose_spec(bundle).skeleton)
    served = await answers(images_of(samples))
    measured = measure_model(Measurement(bundle, annotations, folder, precision="fp32"))
    assert len(served) == len(measured.results) == len(samples)
    figures = coco_ap(annotations, served)
    assert figures == pytest.approx({stat: measured.figures[stat] for stat in STATS}, abs=1e-4)
    assert figures["AP"] > 0


def images_of(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """The members `images` of JSON bodies: a photograph, its id and its people's boxes."""
    people: dict[Path, list[Sample]] = {}
    for sample in samples:
        people.setdefault(sample.image_path, []).append(sample)
    return [
        {
            "data": base64.b64encode(path.read_bytes()).decode(),
            "id": group[0].person.image_id,
            "boxes": [list(sample.person.box) for sample in group],
        }
        for path, group in people.items()
    ]


async def answers(images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The application's results for all images. The evaluator takes areas from `bbox` where it finds one: dropped."""
    app = create_app(ServiceSettings(model=NAME, precision="fp32", timeout_ms=300_000))
    results: list[dict[str, Any]] = []
    async with app.router.lifespan_context(app):
        await app.state.loading
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            for start in range(0, len(images), IMAGES_A_REQUEST):
                body = {"images": images[start : start + IMAGES_A_REQUEST]}
                response = await client.post("/v1/pose", json=body)
                assert response.status_code == 200, response.text
                results += response.json()["results"]
    return [{key: value for key, value in result.items() if key != "bbox"} for result in results]
