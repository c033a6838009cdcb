"""What a stream may choose about tracking."""

from dataclasses import dataclass

DETECT_EVERY = 10
"""Frames from one look of the detector to the next at most, if a stream does not say."""

MOST_DETECT_EVERY = 300
"""More would lose who stands still and is passed by."""


@dataclass(frozen=True)
class TrackingOptions:
    """How people are followed.

    Attributes:
        detect_every: the detector looks at least at every so many frames; 1: at every frame.
        smooth: smooth keypoints and boxes over time (`service.tracking.smoothing`).
        frame_rate: frames a second; None: a frame comes with its time.
    """

    detect_every: int = DETECT_EVERY
    smooth: bool = False
    frame_rate: float | None = None
