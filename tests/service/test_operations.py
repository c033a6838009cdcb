import httpx
import pytest

from model.contract.skeleton import COCO_17


async def test_the_models_are_described(client: httpx.AsyncClient) -> None:
    detector, pose = (await client.get("/v1/models")).json()["models"]
    assert (detector["name"], detector["task"], detector["input_size"]) == (
        "fake-detector",
        "detector",
        {"width": 160, "height": 160},
    )
    assert pose["keypoint_names"] == list(COCO_17.keypoint_names)
    assert pose["skeleton"] == [list(edge) for edge in COCO_17.edges]
    assert (pose["version"], pose["sha256"], pose["runtime"], pose["precision"], pose["licence"]) == (
        "1.2.3",
        "cd" * 32,
        "fake",
        "fp32",
        "Apache-2.0",
    )
    assert pose["accuracy"] == {"fp32": {"AP": 0.5}}
    assert (await client.get("/v1/models/fake-pose")).json() == pose


@pytest.mark.parametrize("path", ["/v1/models/none", "/v2/models/none", "/nowhere"])
async def test_what_is_not_there_is_a_404_problem(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


async def test_a_wrong_method_is_a_405_problem(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/pose")
    assert (response.status_code, response.json()["title"]) == (405, "Method not allowed")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"])
async def test_a_loaded_server_is_live_and_ready(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


async def test_open_inference_protocol_metadata(client: httpx.AsyncClient) -> None:
    pose = (await client.get("/v2/models/fake-pose")).json()
    assert pose["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 64, 48, 3]}]
    assert pose["outputs"] == [{"name": "heatmaps", "datatype": "FP32", "shape": [-1, 17, 16, 12]}]
    detector = (await client.get("/v2/models/fake-detector")).json()
    assert detector["outputs"] == [{"name": "boxes_scores", "datatype": "FP32", "shape": [-1, -1, 5]}]


async def test_the_page_and_its_files_are_served(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for file in ("page.css", "page.js", "draw.js", "icon.svg"):
        assert (await client.get(f"/static/{file}")).status_code == 200


async def test_the_docs_need_no_other_server(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "https://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/docs/assets/{asset}" in page
        assert (await client.get(f"/docs/assets/{asset}")).status_code == 200
