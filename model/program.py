"""`model.pt2` of bundles: torch's own ExportedProgram, what a server runs on CUDA without this package's networks."""

import copy
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn.utils import parametrize

from model.contract.arrays import FloatArray, ImageArray
from model.graph import PARITY_LIMIT, Graph, ParityError, relative_difference, run_torch

PROGRAM = "model.pt2"
HALVES: dict[Literal["bf16", "fp16"], torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


class FromHalf(nn.Module):
    """A float32 weight that is stored in float16."""

    def forward(self, stored: Tensor) -> Tensor:
        """The weight as the network computes with it."""
        return stored.float()


def write_program(module: nn.Module, images: ImageArray, path: Path) -> float:
    """Write a served module as an ExportedProgram with a dynamic batch, its weights stored in float16.

    Args:
        module: in evaluation mode, its parameters rounded to float16; (N, H, W, 3) uint8 RGB -> (N, ...) float32.
        images: (N, H, W, 3) uint8 RGB to trace and compare with; N is at least 2, for a batch of 1 is specialised.
        path: the file to write.

    Returns:
        The relative L2 difference between the file, read again, and the module.

    Raises:
        ParityError: the difference is above 1e-4, for all images together or for the first alone.
    """
    torch.export.save(trace_program(module, images), path)
    written = torch.export.load(path).module()
    differences = [
        relative_difference(run_torch(written, some), run_torch(module, some)) for some in (images, images[:1])
    ]
    difference = float(np.max(differences))
    if not difference <= PARITY_LIMIT:  # a difference of NaN is none that passes
        raise ParityError(f"{path.name} differs from torch by a relative L2 of {difference:.1e} (> {PARITY_LIMIT})")
    return difference


def trace_program(module: nn.Module, images: ImageArray) -> ExportedProgram:
    """A module as a program with a dynamic batch; each weight is cast from its stored float16 when it is used."""
    batch = Dim("batch", min=1)
    with torch.no_grad():
        return torch.export.export(
            stored_in_half(module), (torch.from_numpy(images),), dynamic_shapes=({0: batch},), strict=False
        )


def stored_in_half(module: nn.Module) -> nn.Module:
    """A copy whose parameters are float16; lossless for those that were rounded to it before."""
    halved = copy.deepcopy(module).requires_grad_(requires_grad=False)
    for part in list(halved.modules()):
        for name, parameter in list(part.named_parameters(recurse=False)):
            parameter.data = parameter.data.half()
            parametrize.register_parametrization(part, name, FromHalf(), unsafe=True)  # unsafe: it changes the type
    return halved


def in_half_precision(module: nn.Module, precision: Literal["bf16", "fp16"]) -> Graph:
    """A module as the server computes its program on CUDA in a half precision, here on the CPU."""

    def infer(images: ImageArray) -> FloatArray:
        with torch.autocast("cpu", HALVES[precision]):
            return run_torch(module, images)

    return infer
