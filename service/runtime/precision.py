"""`--precision auto`: the fastest precision that keeps the bundle's accuracy."""

from pathlib import Path

from model.contract.spec import BundleError, Provenance
from service.runtime.base import Precision

GRAPH_FILES: dict[Precision, str] = {"fp32": "model.onnx", "bf16": "model.onnx", "int8": "model.int8.onnx"}
FASTEST_FIRST: tuple[Precision, ...] = ("int8", "bf16")
LARGEST_LOSS = 0.005
"""AP, as a fraction, that a faster precision may lose against fp32."""


def graph_file(folder: Path, precision: Precision) -> Path:
    """The graph that a bundle holds for a precision.

    Raises:
        BundleError: the bundle has none.
    """
    path = folder / GRAPH_FILES[precision]
    if not path.is_file():
        raise BundleError(f"bundle {folder.name} has no {path.name}, so it cannot run in {precision}; choose another")
    return path


def choose_precision(folder: Path, provenance: Provenance, bf16_supported: bool) -> Precision:
    """The fastest precision whose graph is there, which the device has, and whose AP is near fp32's.

    A precision without a measured AP is not chosen: speed is never bought with an unknown loss.
    """
    for precision in FASTEST_FIRST:
        supported = bf16_supported if precision == "bf16" else (folder / GRAPH_FILES[precision]).is_file()
        if supported and _keeps_accuracy(provenance, precision):
            return precision
    return "fp32"


def _keeps_accuracy(provenance: Provenance, precision: Precision) -> bool:
    measured = provenance.accuracy.get(precision, {}).get("AP")
    reference = provenance.accuracy.get("fp32", {}).get("AP")
    return measured is not None and reference is not None and reference - measured <= LARGEST_LOSS
