"""What a stream may choose about tracking."""

from dataclasses import dataclass

DETECT_EVERY = 10
"""Frames from one look of the detector to the next at most, if a stream does not say."""


@dataclass(frozen=True)
class TrackingOptions:
    """How people are followed.

    Attributes:
        detect_every: the detector looks at least at every so many frames; 1: at every frame.
        smooth: smooth keypoints and boxes over time (`service.tracking.smoothing`).
    """

    detect_every: int = DETECT_EVERY
    smooth: bool = False
