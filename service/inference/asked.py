"""Tensors -> the call that they make."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from service.calls import PoseCall, check_call, check_image_count
from service.errors import InvalidOptionError
from service.inference.body import ALL_BINARY, InferInput, Received, flag
from service.inference.tensors import Content, read_numbers, read_texts
from service.jobs import ImageJob
from service.parse import check_options
from service.schemas import Options
from service.settings import ServiceSettings

IMAGES, PIXELS, BOXES = "images", "pixels", "boxes"
DATATYPES = {IMAGES: "BYTES", PIXELS: "UINT8", BOXES: "FP32"}
OUTPUTS = ("keypoints", "scores", "boxes", "box_scores", "image_index", "image_sizes")
NOT_HERE = ("boxes", "image_id", "format")
"""Options whose place here is a tensor, or that do not go with tensors."""


class Asked(NamedTuple):
    """A request of the protocol.

    Attributes:
        call: the same as `POST /v1/pose` would make.
        id: echoed, if there is one.
        outputs: name -> whether its bytes follow the JSON, in the order of the answer.
    """

    call: PoseCall
    id: str | None
    outputs: dict[str, bool]


def read_asked(received: Received, settings: ServiceSettings) -> Asked:
    """Read a body's tensors, and check all that can be checked without decoding an image.

    Raises:
        ServiceError: a tensor, an option or an output is wrong, or there is more than the limits allow.
    """
    body = received.body
    tensors = _by_name(body.inputs)
    read = {name: (body.inputs[at], received.contents[at], f"inputs[{at}]") for name, at in tensors.items()}
    if (IMAGES in read) == (PIXELS in read):
        raise InvalidOptionError(f"inputs: give either {IMAGES} (files, BYTES) or {PIXELS} (decoded, UINT8)")
    options, outputs = _options(body.parameters), _outputs(received)
    files = _files(*read[IMAGES], settings) if IMAGES in read else _encoded(*read[PIXELS], settings)
    boxes = _boxes(*read[BOXES], len(files)) if BOXES in read else None
    if boxes is not None:
        options = check_options({**options.model_dump(exclude_unset=True), "boxes": boxes})
    given = None if options.boxes is None else tuple(options.boxes)
    call = PoseCall([ImageJob(data, i, given, BOXES) for i, data in enumerate(files)], options)
    check_call(call, settings)
    return Asked(call, body.id, outputs)


def _by_name(inputs: Sequence[InferInput]) -> dict[str, int]:
    """Name -> place of each input."""
    found: dict[str, int] = {}
    for i, tensor in enumerate(inputs):
        if tensor.name not in DATATYPES:
            raise InvalidOptionError(f"inputs[{i}].name: {tensor.name!r} is unknown; known are {', '.join(DATATYPES)}")
        if tensor.name in found:
            raise InvalidOptionError(f"inputs[{i}].name: {tensor.name!r} is given twice")
        if tensor.datatype != DATATYPES[tensor.name]:
            raise InvalidOptionError(f"inputs[{i}].datatype: {tensor.name} is of {DATATYPES[tensor.name]}")
        if any(side < 0 for side in tensor.shape):
            raise InvalidOptionError(f"inputs[{i}].shape: a side is negative")
        found[tensor.name] = i
    return found


def _options(parameters: dict[str, Any]) -> Options:
    values = {name: value for name, value in parameters.items() if name != ALL_BINARY}
    wrong = next((name for name in NOT_HERE if name in values), None)
    if wrong is not None:
        raise InvalidOptionError(f"parameters.{wrong}: not offered here; boxes are an input, results are tensors")
    return check_options(values)


def _outputs(received: Received) -> dict[str, bool]:
    default = flag(received.body.parameters, ALL_BINARY, False, "parameters")
    if received.body.outputs is None:
        return dict.fromkeys(OUTPUTS, default)
    wanted: dict[str, bool] = {}
    for i, output in enumerate(received.body.outputs):
        if output.name not in OUTPUTS:
            raise InvalidOptionError(f"outputs[{i}].name: {output.name!r} is unknown; known are {', '.join(OUTPUTS)}")
        if output.name in wanted:
            raise InvalidOptionError(f"outputs[{i}].name: {output.name!r} is asked for twice")
        wanted[output.name] = flag(output.parameters, "binary_data", default, f"outputs[{i}].parameters")
    return wanted


def _files(tensor: InferInput, content: Content, location: str, settings: ServiceSettings) -> list[bytes]:
    """Image files: one an element."""
    count = int(np.prod(tensor.shape, dtype=object)) if tensor.shape else 1
    _check_count(count, location, settings)
    return read_texts(content, count, location)


def _encoded(tensor: InferInput, content: Content, location: str, settings: ServiceSettings) -> list[bytes]:
    """Pixels, each image as a BMP file: it costs a copy, and its way is then that of every image, limits and all."""
    if len(tensor.shape) not in {3, 4} or tensor.shape[-1] != 3:
        raise InvalidOptionError(f"{location}.shape: {PIXELS} are RGB, [height, width, 3] or [N, height, width, 3]")
    if 0 in tensor.shape:
        raise InvalidOptionError(f"{location}.shape: a side is 0")
    *_, height, width, _ = shape = [1] * (4 - len(tensor.shape)) + tensor.shape
    _check_count(shape[0], location, settings)
    images = read_numbers(content, tensor.datatype, (shape[0], height, width, 3), location)
    return [cv2.imencode(".bmp", np.ascontiguousarray(image[..., ::-1]))[1].tobytes() for image in images]


def _boxes(tensor: InferInput, content: Content, location: str, num_images: int) -> list[list[float]]:
    if num_images != 1:
        raise InvalidOptionError(f"{location}: {BOXES} belong to one image, and {num_images} were sent")
    if len(tensor.shape) < 2 or tensor.shape[-1] != 4 or any(side != 1 for side in tensor.shape[:-2]):
        raise InvalidOptionError(f"{location}.shape: {BOXES} are [people, 4]: x, y, width, height in pixels")
    return read_numbers(content, tensor.datatype, (tensor.shape[-2], 4), location).tolist()


def _check_count(count: int, location: str, settings: ServiceSettings) -> None:
    if count < 1:
        raise InvalidOptionError(f"{location}.shape: holds no image")
    check_image_count(count, settings)
