"""PyAV, imported when the first video is opened: photographs need no FFmpeg."""

from types import ModuleType

from service.video.errors import VideoPackageError


def require_av() -> ModuleType:
    """The module `av`, its own log silent: what is wrong is an error of ours.

    Raises:
        VideoPackageError: it is not installed.
    """
    try:
        import av  # noqa: PLC0415 - only who reads or writes a video needs it
        import av.logging  # noqa: PLC0415
    except ImportError as error:
        raise VideoPackageError from error
    av.logging.set_level(av.logging.PANIC)
    return av
