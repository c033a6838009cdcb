"""People -> tensors -> the body of an answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from starlette.responses import Response

from service.inference.asked import Asked
from service.inference.body import BINARY_SIZE, HEADER
from service.inference.tensors import DTYPES
from service.jobs import ImageResult

Array = np.ndarray[Any, np.dtype[Any]]


def tensors_of(results: Sequence[ImageResult], num_keypoints: int) -> dict[str, tuple[str, Array]]:
    """The people of all images, one after the other.

    Args:
        results: of the images, in their order.
        num_keypoints: K, also where nobody was found.

    Returns:
        Name -> datatype and values: `keypoints` (P, K, 3) FP32 x, y in pixels of the upright image and score;
        `scores` and `box_scores` (P,) FP32; `boxes` (P, 4) FP32 x, y, width, height; `image_index` (P,) INT32, which
        image each person is in; `image_sizes` (N, 2) INT32, upright width and height.
    """
    people = [(index, pose) for index, result in enumerate(results) for pose in result.people]
    triples = [np.column_stack([pose.keypoints, pose.keypoint_scores]) for _, pose in people]
    values: dict[str, tuple[str, object]] = {
        "keypoints": ("FP32", np.reshape(triples, (len(people), num_keypoints, 3))),
        "scores": ("FP32", [pose.score for _, pose in people]),
        "boxes": ("FP32", np.reshape([pose.box for _, pose in people], (len(people), 4))),
        "box_scores": ("FP32", [pose.box_score for _, pose in people]),
        "image_index": ("INT32", [index for index, _ in people]),
        "image_sizes": ("INT32", [(result.width, result.height) for result in results]),
    }
    return {name: (datatype, np.asarray(values[name][1], DTYPES[datatype])) for name, (datatype, _) in values.items()}


def infer_response(asked: Asked, tensors: dict[str, tuple[str, Array]], name: str, version: str) -> Response:
    """The wanted tensors, in JSON or as bytes after it."""
    entries: list[dict[str, Any]] = []
    following: list[bytes] = []
    for output, as_bytes in asked.outputs.items():
        datatype, values = tensors[output]
        entry: dict[str, Any] = {"name": output, "datatype": datatype, "shape": list(values.shape)}
        if as_bytes:
            following.append(values.tobytes())
            entries.append(entry | {"parameters": {BINARY_SIZE: values.nbytes}})
        else:
            entries.append(entry | {"data": values.reshape(-1).tolist()})
    said = {"model_name": name, "model_version": version, "outputs": entries}
    head = orjson.dumps(said if asked.id is None else {**said, "id": asked.id})
    if not following:
        return Response(head, media_type="application/json")
    headers = {HEADER: str(len(head))}
    return Response(b"".join([head, *following]), headers=headers, media_type="application/octet-stream")
