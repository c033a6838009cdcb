"""ONNX graphs of bundles: writing one from torch, opening it, comparing both."""

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import onnx
import openvino as ov
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.fx import GraphModule, Tracer
from torch.fx.experimental.optimization import fuse

from model.contract.arrays import FloatArray, ImageArray
from model.networks.yolo import YoloTrunk

OPSET = 17
PARITY_LIMIT = 1e-4
SMALL_TENSOR = 64

HalfRange = Literal["weights", "activations"]

Graph = Callable[[ImageArray], FloatArray]
"""(N, H, W, 3) uint8 RGB -> (N, ...) float32, the graph's output."""


class ParityError(RuntimeError):
    """The exported graph does not compute what torch computes."""


def as_stored(module: nn.Module) -> nn.Module:
    """A copy with batch norms folded into convolutions and parameters rounded to float16 and back.

    Bundles store the folded weights in float16, so what is measured is what is stored.
    """
    folded = fold_norms(module)
    with torch.no_grad():
        for parameter in folded.parameters():
            parameter.copy_(parameter.half().float())
    return folded


def fold_norms(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode with batch norms folded into convolutions.

    torch.fx finds the pairs by tracing; ultralytics' blocks it cannot trace, so their trunk folds its own.
    """
    module = deepcopy(module.eval())
    for part in module.modules():
        if isinstance(part, YoloTrunk):
            part.fold_norms()
    return fuse(GraphModule(module, _TrunkIsLeaf().trace(module)), no_trace=True)


class _TrunkIsLeaf(Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """A YoloTrunk, and what is one for torch."""
        return isinstance(m, YoloTrunk) or super().is_leaf_module(m, module_qualified_name)


def write_graph(
    module: nn.Module, images: ImageArray, path: Path, output_name: str, *, open_sides: bool = False
) -> float:
    """Write a served module as ONNX with a dynamic batch, its weights stored in float16, and compare it with torch.

    Args:
        module: in evaluation mode; (N, H, W, 3) uint8 RGB -> (N, ...) float32.
        images: (N, H, W, 3) uint8 RGB to trace and compare with; N is at least 2, for a batch of 1 is specialised.
        path: the ONNX file to write.
        output_name: name of the graph's output.
        open_sides: leave height and width open, see `trace`.

    Returns:
        The relative L2 difference to torch.

    Raises:
        ParityError: the difference is above 1e-4.
    """
    trace(module, images, path, output_name, open_sides=open_sides)
    graph = onnx.load(path)
    store_weights_in_half(graph)
    onnx.save(graph, path)
    difference = relative_difference(open_graph(path)(images), run_torch(module, images))
    if not difference <= PARITY_LIMIT:  # a difference of NaN is none that passes
        raise ParityError(f"{path.name} differs from torch by a relative L2 of {difference:.1e} (> {PARITY_LIMIT})")
    return difference


def trace(module: nn.Module, images: ImageArray, path: Path, output_name: str, *, open_sides: bool = False) -> None:
    """Write a module as an ONNX file with a dynamic batch and float32 weights.

    `open_sides` leaves height and width open too, and how many rows the output has for each image.
    """
    batch = {0: "batch"}
    images_axes = batch | {1: "height", 2: "width"} if open_sides else batch
    output_axes = batch | {1: "rows"} if open_sides else batch
    with warnings.catch_warnings(), torch.inference_mode():
        # It warns that the newer exporter, which would need onnxscript, supersedes this one, and that tracing fixes
        # shapes as constants. The comparison with torch is the check.
        warnings.simplefilter("ignore", Warning)
        torch.onnx.export(
            module,
            (torch.from_numpy(images),),
            path,
            input_names=["images"],
            output_names=[output_name],
            dynamic_axes={"images": images_axes, output_name: output_axes},
            opset_version=OPSET,
            dynamo=False,
        )


def open_graph(path: Path, precision: str = "f32", threads: int = 0) -> Graph:
    """An ONNX graph compiled by OpenVINO for the CPU.

    Args:
        path: the graph.
        precision: what INFERENCE_PRECISION_HINT pins float layers to, `f32` or `bf16`.
        threads: threads that compute; 0 leaves the number to OpenVINO.
    """
    options: dict[str, object] = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # a pinned thread starves when a training holds its core
    }
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    compiled = cast("Any", core()).compile_model(str(path), "CPU", options)

    def infer(images: ImageArray) -> FloatArray:
        return np.array(compiled([images])[0], dtype=np.float32)

    return infer


def cpu_has_bf16() -> bool:
    """Whether this CPU computes in bfloat16 by itself."""
    return "BF16" in cast("Any", core()).get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def run_torch(module: nn.Module, images: ImageArray) -> FloatArray:
    """The module's output for (N, H, W, 3) uint8 RGB."""
    with torch.inference_mode():
        return np.asarray(cast("Tensor", module(torch.from_numpy(images))).numpy(), dtype=np.float32)


def relative_difference(values: FloatArray, expected: FloatArray) -> float:
    """Relative L2 difference of all numbers together."""
    return float(np.linalg.norm(values - expected) / np.linalg.norm(expected))


def store_weights_in_half(graph: onnx.ModelProto) -> None:
    """Store large float32 weights as float16 behind a cast, in place; runtimes undo it when they load.

    Lossless for weights that were rounded to float16 before.
    """
    casts: list[onnx.NodeProto] = []
    for tensor in graph.graph.initializer:
        # Vectors are biases and the scales of quantised weights: small, and not rounded to float16 before.
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or np.prod(tensor.dims) < SMALL_TENSOR:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    _replace_nodes(graph, [*casts, *graph.graph.node])


def make_activations_unsigned(graph: onnx.ModelProto) -> None:
    """Move the zero points of quantised activations from int8 to uint8, in place; the numbers stay the same.

    OpenVINO 2026.4.1 computes wrong values where signed activations with a zero point, such as SiLU's, are split and
    concatenated: AP 0 for a YOLO11 whose graph is right in onnxruntime.
    """
    for tensor in _inputs_of_quantisers(graph, 2):
        zero_point = numpy_helper.to_array(tensor)
        if zero_point.dtype == np.int8:
            moved = (zero_point.astype(np.int16) + 128).astype(np.uint8)
            tensor.CopyFrom(numpy_helper.from_array(moved, tensor.name))


def halve_activation_range(graph: onnx.ModelProto) -> None:
    """Let unsigned quantised activations take the values 0 to 127 where they took 0 to 255, in place."""
    for tensor in _inputs_of_quantisers(graph, 1):
        scale = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(2 * scale, tensor.name))
    for tensor in _inputs_of_quantisers(graph, 2):
        zero_point = numpy_helper.to_array(tensor)
        halved = np.round(zero_point / 2).astype(zero_point.dtype)
        tensor.CopyFrom(numpy_helper.from_array(halved, tensor.name))


def quantize(
    plain: Path,
    images: Sequence[ImageArray],
    path: Path,
    float_nodes: Sequence[str] = (),
    *,
    half_range: HalfRange = "weights",
) -> None:
    """Write an int8 graph by NNCF's post-training quantisation (MIXED preset).

    Args:
        plain: an ONNX graph with float32 weights, see `trace`.
        images: calibration images, (H, W, 3) uint8 RGB of the graph's input size.
        path: the ONNX file to write.
        float_nodes: regular expressions of node names that stay in float.
        half_range: what gets 7 bits instead of 8, so that no CPU overflows.
    """
    import nncf  # type: ignore[import-untyped]  # noqa: PLC0415 - takes seconds to import

    library = cast("Any", nncf)
    quantised = library.quantize(
        onnx.load(plain),
        library.Dataset([image[None] for image in images], _as_input),
        subset_size=len(images),
        preset=library.QuantizationPreset.MIXED,
        ignored_scope=library.IgnoredScope(patterns=list(float_nodes), validate=True),
        # Without VNNI the sum of two products of 8 bits overflows; 7 bits on one side keep results alike on all CPUs.
        advanced_parameters=library.AdvancedQuantizationParameters(
            overflow_fix=library.OverflowFix.ENABLE if half_range == "weights" else library.OverflowFix.DISABLE
        ),
    )
    make_activations_unsigned(quantised)
    if half_range == "activations":
        halve_activation_range(quantised)
    store_weights_in_half(quantised)
    onnx.save(quantised, path)


def _inputs_of_quantisers(graph: onnx.ModelProto, index: int) -> list[TensorProto]:
    """The constants that quantisers of activations take: 1 the scales, 2 the zero points; each once."""
    names = {node.input[index] for node in graph.graph.node if node.op_type == "QuantizeLinear"}
    return [tensor for tensor in graph.graph.initializer if tensor.name in names]


@cache
def core() -> ov.Core:
    """One for the whole process: a core that goes may leave its thread a signal stack that is no longer mapped.

    The next signal with a Python handler (SIGCHLD, once a DataLoader had workers) would then end the process.
    """
    return ov.Core()


def _as_input(image: ImageArray) -> dict[str, ImageArray]:
    return {"images": image}


def _replace_nodes(graph: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> None:
    kept = list(nodes)
    del graph.graph.node[:]
    graph.graph.node.extend(kept)
