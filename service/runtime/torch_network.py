"""A bundle's `model.pt2` made ready for a device and a precision. Imports torch, which the CPU server does not have."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass
from torch.fx import GraphModule, Node

from model.contract.crop import Size
from model.contract.spec import BundleError
from service.runtime.base import Precision

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
TO_DTYPE = torch.ops.aten.to.dtype
CHECK_DTYPE = torch.ops.aten._assert_tensor_metadata.default


class TorchNetwork:
    """The network: (N, height, width, 3) uint8 RGB on its device -> (N, ...) float32 there.

    In bf16 and fp16 the weights are held in that type and autocast chooses the type of each operation: convolutions and
    products in it, softmax and what comes before the first convolution in float32.

    Attributes:
        input_size: (width, height) of the input in pixels.
        module: the program on its device, weights in the precision.
    """

    def __init__(self, path: Path, precision: Precision, device: torch.device) -> None:
        """Load a program and put it onto its device.

        Raises:
            BundleError: this torch cannot read the program.
        """
        program = _read_program(path)
        self.input_size = _input_size(program)
        self._device_type, self._dtype = device.type, DTYPES[precision]
        self.module = move_to_device_pass(program, device).module()
        _hold_weights(self.module, self._dtype)

    def __call__(self, images: Tensor) -> Tensor:
        """Compute a batch."""
        with torch.inference_mode(), self._arithmetic():
            return cast("Tensor", self.module(images)).float()

    def _arithmetic(self) -> AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return nullcontext()
        # Its cache is for cast weights, and these have the type already.
        return torch.autocast(self._device_type, self._dtype, cache_enabled=False)


def _read_program(path: Path) -> ExportedProgram:
    try:
        return torch.export.load(path)
    except Exception as error:  # whatever its many layers raise; nothing has touched a GPU yet
        raise BundleError(
            f"{path.name} of bundle {path.parent.name} cannot be read by torch {torch.__version__} ({error!r}); "
            "export the bundle again, with this version of torch or an older one"
        ) from error


def _input_size(program: ExportedProgram) -> Size:
    (name,) = program.graph_signature.user_inputs
    images = next(node for node in program.graph.nodes if node.name == name)
    _, height, width, _ = images.meta["val"].shape
    return int(width), int(height)


def _hold_weights(module: GraphModule, dtype: torch.dtype) -> None:
    """Hold weights in a type, and take the casts from their stored type out of the graph, in place.

    The program checks the types it was traced with; those checks go too.
    """
    for node in list(module.graph.nodes):
        if node.target is CHECK_DTYPE:
            module.graph.erase_node(node)
    for node in list(module.graph.nodes):
        if node.target is TO_DTYPE and _is_weight(node.args[0]):
            stored = cast("Node", node.args[0])
            _hold(module.get_parameter(str(stored.target)), dtype)
            node.replace_all_uses_with(stored)
            module.graph.erase_node(node)
    module.recompile()


def _is_weight(argument: object) -> bool:
    return isinstance(argument, Node) and argument.op == "get_attr"


def _hold(weight: torch.nn.Parameter, dtype: torch.dtype) -> None:
    layout = torch.channels_last if weight.dim() == 4 else torch.preserve_format
    weight.requires_grad = False
    weight.data = weight.data.to(dtype=dtype, memory_format=layout)
