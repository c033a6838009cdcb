"""What a user writes without a serving framework: FastAPI, ultralytics' `predict`, and the pose network in eager torch.

`python -m service.bench.peers.plain_server PORT`. The detector's weights are those of our bundle; the pose network's
are fresh ones, for its bundle holds none for torch, and take the same time. One request at a time: `predict` is not
thread-safe, so the route computes where it is called.
"""

import os
import sys
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, UploadFile
from ultralytics import YOLO

from model.contract.coco import to_result
from model.contract.image import decode_image
from model.contract.poses import poses_from_heatmaps
from model.contract.spec import load_pose_spec
from model.detector.network import build_person_network
from model.eager import EagerNetworks
from service.estimator import cut_crops
from service.jobs import PoseOptions
from service.settings import load_settings
from service.zoo import find_bundle

settings = load_settings({}, None, os.environ)
weights = find_bundle(settings.detector) / "model.safetensors"
spec = load_pose_spec(find_bundle(settings.model))
pose_network = EagerNetworks(spec, weights, settings.threads)
detector: Any = YOLO("yolo11n.yaml", verbose=False)
detector.model = build_person_network(weights)

app = FastAPI()


@app.get("/health")
async def health() -> str:
    """The networks are loaded before the port is open."""
    return "ok"


@app.post("/pose")
async def pose(image: Annotated[UploadFile, "a JPEG file"]) -> dict[str, object]:
    """People and their keypoints, a COCO results list."""
    pixels = decode_image(await image.read())
    threshold = PoseOptions().person_threshold
    found = detector.predict(pixels[..., ::-1], conf=threshold, verbose=False)[0].boxes  # BGR, as predict takes arrays
    corners, scores = found.xyxy.tolist(), found.conf.tolist()
    if not corners:
        return {"results": []}
    boxes = [(left, top, right - left, bottom - top) for left, top, right, bottom in corners]
    transforms, crops = cut_crops(spec, pixels, boxes)
    poses = poses_from_heatmaps(spec.codec, pose_network.estimate(crops), transforms, boxes, scores)
    return {"results": [to_result(person, 0) for person in poses]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
