import errno
import socket
import struct
import sys
from pathlib import Path

import av
import av.error
import numpy as np
import pytest

from service.video import reader
from service.video.errors import VideoBrokenError, VideoOpenError, VideoPackageError
from service.video.reader import VideoFrame, is_live, is_video, open_video, shown
from service.video.writer import VideoWriter
from tests.service.video.films import RATE, make_film, picture

QUARTERS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""Clockwise degrees -> a, b, c, d of the display matrix in an MP4 file."""


def read(path: Path) -> list[VideoFrame]:
    with open_video(str(path)) as reader:
        return list(reader.frames())


def read_until_broken(path: Path) -> tuple[list[VideoFrame], str]:
    frames = list[VideoFrame]()
    with pytest.raises(VideoBrokenError) as error, open_video(str(path)) as reader:
        frames.extend(reader.frames())  # a list keeps what came before the error
    return frames, error.value.detail


def test_frames_come_with_their_times_and_colours(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4")
    with open_video(str(path)) as reader:
        assert (reader.info.rate, reader.info.frames, reader.info.live) == (RATE, 12, False)
        frames = list(reader.frames())
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx([i / RATE for i in range(12)], abs=1e-4)
    assert np.abs(frames[5].pixels.astype(int) - picture(5)).mean() < 4


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.52, 1.9]
    writer = VideoWriter(tmp_path / "a.mkv", 25)
    for index, time_s in enumerate(times):
        writer.write(picture(index), time_s)
    writer.close()
    assert [frame.time_s for frame in read(tmp_path / "a.mkv")] == pytest.approx(times, abs=2e-3)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_video_is_turned_upright(tmp_path: Path, degrees: int) -> None:
    path = make_film(tmp_path / "film.mp4", 3)
    turned = with_display_matrix(path, degrees)
    upright = np.rot90(picture(0), -degrees // 90)
    (first, *_) = read(turned)
    assert first.pixels.shape == upright.shape
    assert np.abs(first.pixels.astype(int) - upright).mean() < 4


def test_a_file_that_was_cut_off_gives_the_frames_before_the_cut(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mkv", 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    frames, reason = read_until_broken(path)
    assert 5 < len(frames) < 55
    assert f"{len(frames)} frames" in reason
    assert np.abs(frames[4].pixels.astype(int) - picture(4)).mean() < 4


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100, None])
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoOpenError, match=r"x\.mp4: cannot be opened as a video: \w+"), open_video(str(path)):
        pass


def test_an_mp4_without_its_head_is_named(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4", 30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoOpenError, match=r"film\.mp4"), open_video(str(path)):
        pass


@pytest.mark.parametrize(
    ("source", "number", "words"),
    [
        ("/dev/video7", errno.ENOENT, "No such file or directory. `ls /dev/video*` names the cameras that are there."),
        ("/dev/video0", errno.EACCES, "Permission denied. Its group, on most systems `video`, may use it."),
        ("/dev/video0", errno.EBUSY, "Device or resource busy. Another program uses it."),
        ("/dev/video0", errno.EIO, "Input/output error."),
        ("a.mp4", errno.EACCES, "Permission denied."),
    ],
)
def test_a_source_that_cannot_be_opened_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, source: str, number: int, words: str
) -> None:
    def refuse(file: str, _: str, format_name: str | None, *__: object, **___: object) -> None:
        assert format_name == ("v4l2" if source.startswith("/dev") else None)
        av.error.err_check(-number, file)

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(VideoOpenError) as error, open_video(source):
        pass
    assert error.value.detail == f"{source}: cannot be opened as a video: {words}"


def test_a_camera_of_which_there_is_no_driver_is_named() -> None:
    with (
        pytest.raises(VideoOpenError, match=r"/dev/video99: cannot be opened as a video: No such file"),
        open_video("/dev/video99"),
    ):
        pass


def test_a_stream_that_wants_a_password_says_how_to_give_it_and_never_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: str, *_: object, **__: object) -> None:
        av.error.err_check(-int.from_bytes(b"\xf8401", "little"), file)  # FFmpeg's own number for it

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(VideoOpenError) as error, open_video("rtsp://me:se@cret@camera:554/1"):
        pass
    assert error.value.detail.startswith("rtsp://camera:554/1: cannot be opened as a video: Server returned 401")
    assert "rtsp://USER:PASSWORD@HOST" in error.value.detail
    assert "se@cret" not in error.value.detail
    assert shown("film@home.mp4") == "film@home.mp4"


def test_a_stream_of_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LIVE_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/1"
        with (
            pytest.raises(VideoOpenError, match=r"cannot be opened as a video: nothing came for 0\.2 s"),
            open_video(address),
        ):
            pass


def test_without_pyav_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(VideoPackageError, match=r"pip install 'fasterpose\[video\]'"), open_video("a.mp4"):
        pass


def test_names_of_videos() -> None:
    assert [is_video(name) for name in ("a.MP4", "b.jpg", "rtsp://camera/1", "/dev/video0", "mp4")] == [
        True,
        False,
        True,
        True,
        False,
    ]
    assert is_live("rtsp://camera/1")
    assert not is_live("a.mp4")


def with_display_matrix(path: Path, degrees: int) -> Path:
    """The MP4 file with a display matrix that turns its pictures clockwise."""
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in QUARTERS[degrees])
    version_at = data.index(b"tkhd") + 4
    matrix_at = version_at + (40 if data[version_at] == 0 else 52)
    data[matrix_at : matrix_at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    turned = path.with_name(f"turned{degrees}.mp4")
    turned.write_bytes(data)
    return turned
