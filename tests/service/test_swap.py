"""Networks replaced under load: nothing fails, what cannot be used changes nothing, what was replaced is gone."""

import asyncio
import gc
import json
import shutil
import threading
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from model.contract.spec import SPEC_FILE, load_pose_spec, write_spec
from service.app import create_app
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.settings import ServiceSettings
from tests.service.conftest import connect
from tests.service.http_client import PNG, check_problem
from tests.service.key_files import Keys
from tests.service.onnx_files import pose_graph
from tests.service.rpc_client import request_of, rpc_channel


class Loading:
    """A server with real bundles and an operator's key."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient, folder: Path, admin: dict[str, str]) -> None:
        self.app, self.client, self.folder, self.admin = app, client, folder, admin

    async def load(self, name: str) -> httpx.Response:
        return await self.client.post(f"/v1/models/{name}/load", headers=self.admin)

    async def served(self) -> dict[str, str]:
        models = (await self.client.get("/v1/models", headers=self.admin)).json()["models"]
        return {model["task"]: f"{model['name']} {model['version']}" for model in models}


@pytest.fixture
async def loading(bundles: tuple[Path, Path], keys: Keys, tmp_path: Path) -> AsyncIterator[Loading]:
    folder = tmp_path / "bundles"
    folder.mkdir()
    for bundle in bundles:
        shutil.copytree(bundle, folder / bundle.name)
    settings = ServiceSettings(
        model=str(bundles[0]),
        detector=str(bundles[1]),
        keys_file=keys.path,
        bundles_dir=folder,
        grpc_port=0,
        detector_batch=1,
        pose_batch=2,
    )
    admin = {"Authorization": f"Bearer {keys.new('operator', 'admin', 'pose')}"}
    app = create_app(settings)
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        yield Loading(app, client, folder, admin)


def new_version(folder: Path, version: str, graph: bytes | None = None) -> None:
    """Another version of the pose bundle in its folder."""
    spec = load_pose_spec(folder)
    if graph is not None:
        (folder / "model.onnx").write_bytes(graph)
    write_spec(folder, replace(spec, provenance=replace(spec.provenance, version=version)))


async def test_no_request_fails_while_networks_are_replaced(loading: Loading, photo: bytes) -> None:
    done, statuses, people = asyncio.Event(), list[int](), set[int]()

    async def keep_posting() -> None:
        while not done.is_set():
            response = await loading.client.post("/v1/pose", content=photo, headers={**PNG, **loading.admin})
            statuses.append(response.status_code)
            people.add(len(response.json()["results"]))

    async with rpc_channel(loading.app) as channel:
        metadata = tuple((name.lower(), value) for name, value in loading.admin.items())
        stream = PoseServiceStub(channel).EstimateStream(metadata=metadata)
        posting = [asyncio.create_task(keep_posting()) for _ in range(4)]
        for number in range(6):
            new_version(loading.folder / "tiny-pose", f"2.{number}")
            await stream.write(request_of(photo))
            response = await loading.load("tiny-pose" if number % 2 == 0 else "tiny-detector")
            assert response.status_code == 200, response.text
            frame = await stream.read()
            assert len(frame.results) == 1  # type: ignore[union-attr]
        done.set()
        await asyncio.gather(*posting)
        await stream.done_writing()
    assert len(statuses) > 20
    assert set(statuses) == {200}
    assert people == {1}


async def test_what_was_loaded_is_shown_everywhere(loading: Loading) -> None:
    new_version(loading.folder / "tiny-pose", "9.1")
    answer = (await loading.load("tiny-pose")).json()
    assert (answer["loaded"]["version"], answer["replaced"]["version"]) == ("9.1", "1.2.3")
    assert (await loading.served())["pose"] == "tiny-pose 9.1"
    text = (await loading.client.get("/metrics")).text
    infos = [line for line in text.splitlines() if line.startswith("fasterpose_model_info{") and "tiny-pose" in line]
    assert len(infos) == 1
    assert f'sha256="{answer["loaded"]["sha256"]}"' in infos[0]
    assert 'version="9.1"' in infos[0]
    assert 'fasterpose_queue_depth{model="tiny-pose"} 0.0' in text


def break_hash(folder: Path) -> None:
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"half")


def break_spec(folder: Path) -> None:
    (folder / SPEC_FILE).write_text('{"kind": "pose", "spec_version"')


def break_graph(folder: Path) -> None:
    new_version(folder, "2.0", b"no graph at all")


def break_shape(folder: Path) -> None:
    new_version(folder, "2.0", pose_graph(48, 64, 16))


def break_version(folder: Path) -> None:
    spec = json.loads((folder / SPEC_FILE).read_text())
    (folder / SPEC_FILE).write_text(json.dumps({**spec, "spec_version": 99}))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (break_hash, "the sha256 of model.onnx differs from its spec"),
        (break_spec, "the spec of bundle tiny-pose cannot be read"),
        (break_graph, "the log of the server has the cause"),
        (break_shape, "answers (1, 16, 16, 12) for one crop, its spec says finite values of (1, 17, 16, 12)"),
        (break_version, "has spec version 99; this release reads 1"),
    ],
)
async def test_a_bundle_that_cannot_be_used_changes_nothing(
    loading: Loading, photo: bytes, damage: object, reason: str
) -> None:
    damage(loading.folder / "tiny-pose")  # type: ignore[operator]
    response = await loading.load("tiny-pose")
    check_problem(response, 409, reason)
    assert response.json()["detail"].endswith("What served before still does.")
    assert (await loading.served())["pose"] == "tiny-pose 1.2.3"
    answer = await loading.client.post("/v1/pose", content=photo, headers={**PNG, **loading.admin})
    assert len(answer.json()["results"]) == 1


async def test_only_an_admin_key_loads(loading: Loading, keys: Keys) -> None:
    lab = keys.new("lab")
    loading.app.state.service.keyring.reload()
    path = "/v1/models/tiny-pose/load"
    assert (await loading.client.post(path)).status_code == 401
    refused = await loading.client.post(path, headers={"X-API-Key": lab})
    check_problem(refused, 403, "no scope 'admin'; it has: pose")
    assert (await loading.served())["pose"] == "tiny-pose 1.2.3"


async def test_a_server_without_keys_loads_nothing(client: httpx.AsyncClient) -> None:
    check_problem(await client.post("/v1/models/fake-pose/load"), 403, "only an admin key loads a model")


@pytest.mark.parametrize("name", ["..%2ftiny-pose", "%2e%2e", "none", "..", "%2fetc"])
async def test_no_path_gets_in(loading: Loading, name: str) -> None:
    response = await loading.load(name)
    assert response.status_code in {404, 405}
    assert str(loading.folder.parent) not in response.text


async def test_two_loads_at_once_are_one_after_the_other(loading: Loading) -> None:
    first, second = await asyncio.gather(loading.load("tiny-pose"), loading.load("tiny-detector"))
    assert first.status_code == 200
    check_problem(second, 409, "Another bundle is being loaded")


async def test_a_replaced_network_is_given_back_once_its_last_request_is_answered(loading: Loading) -> None:
    service = loading.app.state.service
    estimator = service.pipeline.estimator
    alive, batcher_threads = weakref.ref(estimator.model.runtime), list(estimator.batcher._threads)
    del estimator
    with service.admitted():
        assert (await loading.load("tiny-pose")).status_code == 200
        await asyncio.sleep(0)
        assert all(thread.is_alive() for thread in batcher_threads)
    await loading.app.state.swap.finish()
    assert not any(thread.is_alive() for thread in batcher_threads)
    batcher_threads.clear()
    gc.collect()
    assert alive() is None


async def test_a_network_that_two_pipelines_hold_outlives_both(loading: Loading, photo: bytes) -> None:
    service, swap = loading.app.state.service, loading.app.state.swap
    detector = service.pipeline.detector
    with service.admitted() as oldest:
        await loading.load("tiny-pose")
        await loading.load("tiny-detector")
        assert oldest.detector is detector
        assert detector.batcher.alive
        await asyncio.sleep(0)
        assert len(swap._retirements) == 2
    await swap.finish()
    assert not [thread for thread in threading.enumerate() if thread in detector.batcher._threads]
    answer = await loading.client.post("/v1/pose", content=photo, headers={**PNG, **loading.admin})
    assert answer.status_code == 200


async def test_reloading_takes_what_changed_and_survives_what_is_broken(
    loading: Loading, bundles: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    swap, before = loading.app.state.swap, loading.app.state.service.pipeline
    await swap.reload_configured()
    assert loading.app.state.service.pipeline is before  # nothing changed
    new_version(bundles[0], "3.0")
    await swap.reload_configured()
    assert await loading.served() == {"pose": "tiny-pose 3.0", "detector": "tiny-detector 1.2.3"}
    break_hash(bundles[0])
    await swap.reload_configured()
    assert (await loading.served())["pose"] == "tiny-pose 3.0"
    assert "is not reloaded: bundle tiny-pose: the sha256" in caplog.text


async def test_a_server_that_shuts_down_loads_nothing(loading: Loading) -> None:
    loading.app.state.service.drain()
    assert (await loading.load("tiny-pose")).status_code == 503
