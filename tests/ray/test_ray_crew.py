"""A batch job on a cluster of two nodes, one of which is killed."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import json
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from service.batch import ray_crew
from service.batch.answers import Answered, Event
from service.batch.job import BatchJob, run_batch
from service.batch.local import local_crew
from service.batch.ray_crew import RayCrew
from service.jobs import PoseOptions
from tests.ray.cluster import SETTINGS, kill_node, two_nodes

SAMPLES = resources.files("service") / "static" / "samples"


class KilledNode(RayCrew):
    """Kills a node when the first answers have come."""

    cluster: Cluster | None = None

    def answers(self, images: Iterable[str]) -> Iterator[Event]:
        for event in super().answers(images):
            if isinstance(event, Answered) and self.cluster is not None:
                kill_node(self.cluster)
                self.cluster = None
            yield event


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty photographs and one that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(60):
        name = ("astronaut.jpg", "grace_hopper.jpg")[i % 2]
        (folder / f"{i:02}.jpg").write_bytes((SAMPLES / name).read_bytes())
    (folder / "bad.jpg").write_bytes(b"no image")
    return folder


def lines_of(output: Path) -> list[str]:
    return sorted(output.read_text().splitlines())


def test_a_node_is_killed_and_the_lines_are_those_of_this_machine_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ray_crew, "BLOCK", 4)
    alone, together = BatchJob([str(folder)], tmp_path / "a.jsonl"), BatchJob([str(folder)], tmp_path / "b.jsonl")
    assert run_batch(alone, local_crew(SETTINGS, PoseOptions(), 1)) == 1
    with two_nodes() as cluster:
        crew = KilledNode(SETTINGS, PoseOptions(), 2)
        crew.cluster = cluster
        assert run_batch(together, crew) == 1
    assert crew.cluster is None
    assert lines_of(together.output) == lines_of(alone.output)
    assert len({json.loads(line)["image"]["id"] for line in lines_of(together.output)}) == 61
    with capsys.disabled():
        print(f"\n{capsys.readouterr().out}", end="")  # noqa: T201
