"""Write function.yaml, with the skeleton as CVAT draws it: python docker/cvat/draw.py > docker/cvat/function.yaml."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from model.contract.skeleton import COCO_17, Skeleton

PLACES = {
    "nose": (50, 12),
    "eye": (54, 9),
    "ear": (58, 11),
    "shoulder": (64, 25),
    "elbow": (72, 40),
    "wrist": (76, 54),
    "hip": (59, 54),
    "knee": (60, 74),
    "ankle": (61, 93),
}
"""Where a keypoint of the left side is drawn, percent of the canvas; a person who looks at you has it on the right."""

TEMPLATE = """\
# Written by docker/cvat/draw.py; see docs/interoperability.md.
metadata:
  name: fasterpose
  namespace: cvat
  annotations:
    name: FasterPose
    type: detector
    spec: |
      {spec}

spec:
  description: People with 17 COCO keypoints, found by a FasterPose server
  runtime: 'python:3.10'
  handler: main:handler
  eventTimeout: 60s
  env:
    - name: FASTERPOSE_URL
      value: http://fasterpose:8000
    - name: FASTERPOSE_API_KEY
      value: ''
  build:
    image: cvat.fasterpose
    baseImage: python:3.10-slim-bookworm
  triggers:
    myHttpTrigger:
      numWorkers: 2
      kind: 'http'
      workerAvailabilityTimeoutMilliseconds: 10000
      attributes:
        maxRequestBodySize: 33554432 # 32 MiB
  platform:
    attributes:
      network: cvat_cvat
      restartPolicy:
        name: always
        maximumRetryCount: 3
      mountMode: volume
"""


def place_of(keypoint: str) -> tuple[int, int]:
    """Where a keypoint is drawn, percent of the canvas."""
    side, _, part = keypoint.rpartition("_")
    x, y = PLACES[part]
    return (100 - x if side == "right" else x), y


def svg(skeleton: Skeleton) -> str:
    """The skeleton as CVAT's label editor would have drawn it; nodes count from 1."""
    places = [place_of(name) for name in skeleton.keypoint_names]
    lines = [
        f'<line x1="{places[a][0]}" y1="{places[a][1]}" x2="{places[b][0]}" y2="{places[b][1]}" '
        f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}"></line>'
        for a, b in skeleton.edges
    ]
    circles = [
        f'<circle r="1.5" cx="{x}" cy="{y}" data-type="element node" data-element-id="{i}" data-node-id="{i}" '
        f'data-label-name="{name}"></circle>'
        for i, (name, (x, y)) in enumerate(zip(skeleton.keypoint_names, places, strict=True), start=1)
    ]
    return "\n".join(lines + circles)


def function_yaml(skeleton: Skeleton) -> str:
    """The whole file."""
    points = [{"id": i, "name": name, "type": "points"} for i, name in enumerate(skeleton.keypoint_names)]
    labels = [{"id": 0, "name": "person", "type": "skeleton", "svg": svg(skeleton), "sublabels": points}]
    return TEMPLATE.format(spec=json.dumps(labels))


if __name__ == "__main__":
    sys.stdout.write(function_yaml(COCO_17))
