"""The environment of training, which has two OpenCV packages."""

from importlib import metadata

from cv2.version import headless


def test_headless_opencv_wins() -> None:
    """`opencv-python`, which ultralytics brings, does not import where a screen's libraries are missing."""
    assert headless
    assert metadata.version("opencv-python") == metadata.version("opencv-python-headless")
