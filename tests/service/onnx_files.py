"""Tiny ONNX graphs, written without the onnx package, which the server's environment does not hold."""

from collections.abc import Sequence

import numpy as np

FLOAT, UINT8, INT64 = 1, 2, 7


def pose_graph(width: int, height: int, keypoints: int) -> bytes:
    """Heatmaps at a quarter of the size; each is the crop's red channel, averaged, in [0, 1]."""
    nodes = [
        node("Cast", ["images"], "float", attribute("to", FLOAT)),
        node("Transpose", ["float"], "planes", attribute("perm", [0, 3, 1, 2])),
        node("AveragePool", ["planes"], "small", attribute("kernel_shape", [4, 4]), attribute("strides", [4, 4])),
        node("Gather", ["small", "red"], "maps", attribute("axis", 1)),
        node("Mul", ["maps", "scale"], "heatmaps"),
    ]
    constants = [
        constant("red", np.zeros(keypoints, dtype=np.int64)),
        constant("scale", np.array(1 / 255, dtype=np.float32)),
    ]
    output = ("heatmaps", FLOAT, ("N", keypoints, height // 4, width // 4))
    return model(nodes, constants, ("images", UINT8, ("N", height, width, 3)), output)


def detector_graph(width: int | str, height: int | str, rows: Sequence[Sequence[float]]) -> bytes:
    """The same rows x1, y1, x2, y2, score for every image; a side that is a name is left open."""
    nodes = [
        node("Cast", ["images"], "float", attribute("to", FLOAT)),
        node("ReduceMax", ["float"], "peak", attribute("axes", [1, 2]), attribute("keepdims", 1)),
        node("ReduceMax", ["peak"], "top", attribute("axes", [3]), attribute("keepdims", 0)),
        node("Mul", ["top", "zero"], "nothing"),
        node("Add", ["nothing", "rows"], "boxes_scores"),
    ]
    constants = [
        constant("zero", np.array(0, dtype=np.float32)),
        constant("rows", np.array([rows], dtype=np.float32)),
    ]
    output = ("boxes_scores", FLOAT, ("N", len(rows), 5))
    return model(nodes, constants, ("images", UINT8, ("N", height, width, 3)), output)


ValueInfo = tuple[str, int, tuple[int | str, ...]]


def model(nodes: list[bytes], constants: list[bytes], graph_input: ValueInfo, graph_output: ValueInfo) -> bytes:
    graph = b"".join(message(1, part) for part in nodes) + text(2, "graph")
    graph += b"".join(message(5, part) for part in constants)
    graph += message(11, value_info(*graph_input)) + message(12, value_info(*graph_output))
    return number(1, 8) + message(7, graph) + message(8, text(1, "") + number(2, 13))


def node(operator: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
    names = b"".join(text(1, name) for name in inputs) + text(2, output) + text(3, output) + text(4, operator)
    return names + b"".join(message(5, part) for part in attributes)


def attribute(name: str, value: int | list[int]) -> bytes:
    if isinstance(value, int):
        return text(1, name) + number(3, value) + number(20, 2)
    return text(1, name) + b"".join(number(8, item) for item in value) + number(20, 7)


def constant(name: str, values: np.ndarray) -> bytes:
    kind = INT64 if values.dtype == np.int64 else FLOAT
    dims = b"".join(number(1, size) for size in values.shape)
    return dims + number(2, kind) + text(8, name) + message(9, values.tobytes())


def value_info(name: str, kind: int, shape: tuple[int | str, ...]) -> bytes:
    dims = b"".join(message(1, text(2, size) if isinstance(size, str) else number(1, size)) for size in shape)
    return text(1, name) + message(2, message(1, number(1, kind) + message(2, dims)))


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def text(field: int, value: str) -> bytes:
    return message(field, value.encode())


def message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
