"""A file of four keypoints that COCO does not have: trained on, exported, measured and served like any other."""

import json
from pathlib import Path

import httpx
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from rich.console import Console

from model.config import read_recipe
from model.contract.skeleton import Skeleton
from model.contract.spec import load_pose_spec
from model.data.dataset import DataError
from model.export import Identity, export_run
from model.measure import Measurement, measure_model
from model.skeleton_recipe import as_toml, skeleton_of_file
from model.train import TrainingOptions, train
from service.app import create_app
from service.settings import ServiceSettings
from tests.model import drawn
from tests.model.kites import KEYPOINTS, draw_kites
from tests.model.narrow import use_narrow_trunks

SKELETON = Skeleton(
    "kite", KEYPOINTS, ((0, 1), (0, 2), (1, 3), (2, 3)), ((1, 2),), sigmas=(0.05, 0.05, 0.05, 0.05), upper_body=()
)


async def test_four_keypoints_from_the_file_to_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_narrow_trunks(monkeypatch)
    data = draw_kites(tmp_path / "data")
    table = as_toml(skeleton_of_file("kite", KEYPOINTS, SKELETON.edges))
    (tmp_path / "kite.toml").write_text(drawn.RECIPE + table)
    recipe = read_recipe(tmp_path / "kite.toml")
    figures = train(recipe, TrainingOptions(data=data, output=tmp_path / "run", workers=0), Console(quiet=True))
    assert 0 <= figures["ap/AP"] <= 1
    bundle = tmp_path / "bundle"
    export_run(tmp_path / "run", data, bundle, Identity("kite", "1", "Apache-2.0", {}), Console(quiet=True))
    assert load_pose_spec(bundle).skeleton == SKELETON
    measured = measure_model(Measurement(bundle, data / "val.json", data / "images"))
    assert [result["category_id"] for result in measured.results] == [7, 7]
    served = await answer(bundle, data / "images/val-1.png", measured.samples[0].person.box)
    assert served == pytest.approx(measured.results[0]["keypoints"], abs=0.11)
    assert len(served) == 3 * len(KEYPOINTS)


async def answer(bundle: Path, photograph: Path, box: tuple[float, ...]) -> list[float]:
    """The keypoints that the application finds in a box, and the names that it gives them."""
    app = create_app(ServiceSettings(model=str(bundle), precision="fp32", grpc_port=0))
    async with app.router.lifespan_context(app):
        await app.state.loading
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server") as client:
            models = (await client.get("/v1/models")).json()
            assert json.dumps(KEYPOINTS).replace(" ", "") in json.dumps(models).replace(" ", "")
            response = await client.post(
                "/v1/pose",
                content=photograph.read_bytes(),
                params={"boxes": json.dumps([list(box)])},
                headers={"Content-Type": "image/png"},
            )
            assert response.status_code == 200, response.text
    (result,) = response.json()["results"]
    return result["keypoints"]


def test_a_recipe_of_other_keypoints_refuses_the_file(tmp_path: Path) -> None:
    data = draw_kites(tmp_path / "data")
    (tmp_path / "coco.toml").write_text(drawn.RECIPE)
    with pytest.raises(DataError, match=r"coco-17 is needed.*fasterpose data skeleton"):
        train(
            read_recipe(tmp_path / "coco.toml"),
            TrainingOptions(data=data, output=tmp_path / "run", workers=0),
            Console(quiet=True),
        )
