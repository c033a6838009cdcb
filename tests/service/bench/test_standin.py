"""The networks that only take time, behind our server and behind the peers' model."""

import time

import numpy as np
import pytest

from model.contract.image import decode_image
from service.app import create_app
from service.bench.networks import Networks, find_people, items_per_second
from service.bench.peers.networks import PeerModel, open_model
from service.bench.photographs import small_photograph
from service.bench.raw import RawRates, images_per_second, measure_raw, raw_inputs
from service.bench.standin import BATCH_S, STAND_IN, SpinRuntime, stand_in_networks
from service.bundles import LoadedModel
from service.engine import build_pipeline
from service.jobs import ImageJob, PoseOptions
from service.settings import ServiceSettings
from tests.service.conftest import connect, encode
from tests.service.fakes import FakeDetectorRuntime, FakePoseRuntime, detector_spec, make_pipeline, pose_spec


def test_a_batch_takes_its_time_whatever_its_size() -> None:
    runtime = SpinRuntime((48, 64), (17, 16, 12))
    for batch in (1, 8):
        began = time.perf_counter()
        assert runtime.infer(np.zeros((batch, 64, 48, 3), np.uint8)).shape == (batch, 17, 16, 12)
        assert time.perf_counter() - began >= 0.9 * BATCH_S


async def test_our_server_answers_with_the_stand_in() -> None:
    networks, settings = stand_in_networks(), ServiceSettings()
    app = create_app(settings, lambda: build_pipeline(networks.detector, networks.pose, settings))
    async with app.router.lifespan_context(app):
        await app.state.loading
        async with connect(app) as client:
            response = await client.post(
                "/v1/pose?detect=false", content=small_photograph(), headers={"Content-Type": "image/jpeg"}
            )
    (person,) = response.json()["results"]
    assert len(person["keypoints"]) == 51


def test_the_peers_model_answers_with_the_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STAND_IN, "1")
    model = open_model()
    answers = model.answer([model.decode(small_photograph())] * 3)
    assert [len(answer["results"]) for answer in answers] == [1, 1, 1]  # type: ignore[arg-type]


def seeing_networks() -> Networks:
    detector, pose = FakeDetectorRuntime((160, 160)), FakePoseRuntime((48, 64))
    return Networks(
        LoadedModel(detector_spec(), (detector,), "", lambda _: detector),
        LoadedModel(pose_spec(), (pose,), "", lambda _: pose),
    )


async def test_the_peers_model_finds_what_our_pipeline_finds(photo: bytes) -> None:
    blank = encode(np.full((240, 320, 3), 230, np.uint8))
    model = PeerModel(seeing_networks(), detect=True)
    found, nobody, again = model.answer([decode_image(data) for data in (photo, blank, photo)])
    pipeline = make_pipeline()
    ours = await pipeline.run(ImageJob(photo), PoseOptions())
    pipeline.close()
    assert found == again
    assert isinstance(found["results"], list)
    assert len(found["results"]) == len(ours.people) == 2
    for theirs, person in zip(found["results"], ours.people, strict=True):
        assert theirs["score"] == pytest.approx(person.score, abs=1e-3)
        assert theirs["keypoints"][:2] == pytest.approx(person.keypoints[0].tolist(), abs=0.06)
    assert nobody["results"] == []


def test_the_networks_alone_are_measured_at_every_batch_size(photo: bytes) -> None:
    networks = seeing_networks()
    boxes = [person.box for person in find_people(networks, photo)]
    inputs = raw_inputs(networks, photo, boxes * 3)
    assert inputs.crops.shape == (6, 64, 48, 3)
    rates = measure_raw(networks, inputs)
    assert 6 in rates.pose
    assert min(*rates.pose.values(), *rates.detector.values(), rates.decoder) > 0


def test_all_runtimes_of_a_network_count() -> None:
    runtimes = [SpinRuntime((8, 8), (1,)) for _ in range(2)]
    rate = items_per_second(runtimes, np.zeros((1, 8, 8, 3), np.uint8), 4, 0.05)
    assert 4 < rate <= 1.2 * 2 * 4 / BATCH_S


def test_the_raw_rate_adds_up_the_networks_at_their_best_batch_sizes() -> None:
    rounds = [
        RawRates({1: 10.0, 2: 20.0}, {1: 50.0, 5: 100.0}, 50.0),
        RawRates({1: 10.0, 2: 10.0}, {1: 500.0, 5: 100.0}, 50.0),
        RawRates({1: 10.0, 2: 20.0}, {1: 50.0, 5: 50.0}, 50.0),
    ]
    assert images_per_second(rounds, 5, detect=True) == pytest.approx([10.0, 1 / 0.15, 1 / 0.15])
    assert images_per_second(rounds, 5, detect=False) == pytest.approx([20.0, 20.0, 10.0])
