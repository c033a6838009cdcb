"""What can be wrong with a video.

VideoError
├── VideoPackageError   PyAV is not installed
├── VideoOpenError      no video can be read from the source at all
├── VideoBrokenError    it ends or is corrupt before its end; the frames before the break were handed out
└── VideoWriteError     a video cannot be written
"""

from service.errors import ServiceError


class VideoError(ServiceError):
    """A video that cannot be read or written; the sentence names it and says what to do."""

    status, grpc_code, slug, title = 400, "INVALID_ARGUMENT", "invalid-video", "Invalid video"


class VideoPackageError(VideoError):
    """PyAV is not installed."""

    def __init__(self) -> None:
        super().__init__("Videos need PyAV: pip install 'fasterpose[video]'.")


class VideoOpenError(VideoError):
    """No video can be read from the source."""


class VideoBrokenError(VideoError):
    """The video breaks off; the frames before that were handed out."""


class VideoWriteError(VideoError):
    """A video cannot be written."""
