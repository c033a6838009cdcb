"""`fasterpose predict rtsp://...` against GStreamer's RTSP server, with the embedded networks: `make test-video`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from model.contract.image import decode_image
from service.bench.moving_crop import HEIGHT, WIDTH, Shot, camera_path, film
from service.bench.photographs import SAMPLES
from service.video.writer import VideoWriter

DEBIAN_PYTHON = "/usr/bin/python3"
BINDINGS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
RATE, FRAMES = 5, 150
"""Half a minute, for machines that take long for a frame: of a live stream they answer the newest only."""
ANSWERED, FORGOTTEN_S = 4, 1.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server of a film of three people."""
    if not Path(DEBIAN_PYTHON).exists() or subprocess.run([DEBIAN_PYTHON, "-c", BINDINGS], check=False).returncode:
        pytest.skip("needs GStreamer's RTSP server: see tests/video/rtsp_server.py")
    path = write_slow_film(tmp_path_factory.mktemp("rtsp") / "film.mp4")
    command = [DEBIAN_PYTHON, str(Path(__file__).with_name("rtsp_server.py")), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"rtsp://127.0.0.1:{server.stdout.readline().strip()}"
        server.terminate()


def write_slow_film(path: Path) -> Path:
    photograph = decode_image((SAMPLES / "three.jpg").read_bytes())
    writer = VideoWriter(path, RATE)
    for index, frame in enumerate(film(Shot("three.jpg", photograph, [], camera_path(photograph, FRAMES)), seed=0)):
        writer.write(frame, index / RATE)
    writer.close()
    return path


def predict(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", "predict", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def test_a_network_stream_is_answered_drawn_and_tracked(address: str, tmp_path: Path) -> None:
    lines, drawn = tmp_path / "lines.jsonl", tmp_path / "drawn"
    done = predict(f"{address}/film", "--max-frames", str(ANSWERED), "--jsonl", str(lines), "--overlays", str(drawn))
    assert done.returncode == 0, done.stderr
    frames = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(frames) == ANSWERED
    assert [(frame["image"]["width"], frame["image"]["height"]) for frame in frames] == [(WIDTH, HEIGHT)] * ANSWERED
    times = [frame["image"]["time_s"] for frame in frames]
    assert times == sorted(set(times))
    ids = [{result["track_id"] for result in frame["results"]} for frame in frames]
    assert min(map(len, ids)) >= 2
    for (before, then), (after, now) in pairwise(zip(times, ids, strict=True)):
        assert then & now or after - before > FORGOTTEN_S  # a slow machine answers few frames
    assert [path.suffix for path in drawn.iterdir()] == [".mp4"]


def test_a_stream_that_is_not_there_is_named(address: str) -> None:
    done = predict(f"{address}/other", "--jsonl", "-")
    assert done.returncode == 1
    assert "/other: cannot be opened as a video: Server returned 404 Not Found" in done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["image"]["error"]["status"] == 400
