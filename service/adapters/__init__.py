"""Answers in the forms of other tools: OpenPose, MediaPipe, Label Studio, supervision, FiftyOne.

Each takes an `ImagePoses` of `service.client`. CVAT has a form of its own on the server (`format=cvat`).
"""

from service.adapters.fiftyone import to_fiftyone
from service.adapters.label_studio import to_label_studio
from service.adapters.mediapipe import to_mediapipe
from service.adapters.openpose import to_openpose
from service.adapters.supervision import to_supervision

__all__ = ["to_fiftyone", "to_label_studio", "to_mediapipe", "to_openpose", "to_supervision"]
