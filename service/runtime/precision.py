"""Which graph of a bundle runs, and `--precision auto`: the fastest precision that keeps the bundle's accuracy."""

from collections.abc import Sequence
from pathlib import Path

from model.contract.spec import BundleError, Provenance, keeps_ap
from service.runtime.base import Precision, RuntimeUnavailableError
from service.settings import RuntimeKind

GRAPH_FILES: dict[RuntimeKind, dict[Precision, str]] = {
    "openvino": {"fp32": "model.onnx", "bf16": "model.onnx", "int8": "model.int8.onnx"},
    "torch": {"fp32": "model.pt2", "bf16": "model.pt2", "fp16": "model.pt2"},
}
TO_WRITE_IT = {
    "model.pt2": "; `fasterpose export --pt2` and `fasterpose detector export --pt2` write it, and "
    "`fasterpose add-pt2` makes a copy of a bundle that has it"
}


def graph_file(folder: Path, kind: RuntimeKind, precision: Precision) -> Path:
    """The graph that a bundle holds for a runtime and a precision.

    Raises:
        RuntimeUnavailableError: the runtime does not compute in that precision.
        BundleError: the bundle has none.
    """
    files = GRAPH_FILES[kind]
    if precision not in files:
        raise RuntimeUnavailableError(
            f"the {kind} runtime does not compute in {precision}; choose --precision {', '.join(files)} or auto"
        )
    path = folder / files[precision]
    if not path.is_file():
        raise BundleError(
            f"bundle {folder.name} has no {path.name}, so it cannot run in {precision} on the {kind} runtime; "
            f"choose another precision or runtime{TO_WRITE_IT.get(path.name, '')}"
        )
    return path


def choose_precision(folder: Path, provenance: Provenance, kind: RuntimeKind, faster: Sequence[Precision]) -> Precision:
    """The fastest precision whose graph is there and whose AP is near fp32's.

    A precision without a measured AP is not chosen: speed is never bought with an unknown loss.

    Args:
        folder: the bundle.
        provenance: what was measured of it.
        kind: the runtime.
        faster: precisions faster than fp32 that the device computes in by itself, fastest first.
    """
    for precision in faster:
        if (folder / GRAPH_FILES[kind][precision]).is_file() and _keeps_accuracy(provenance, precision):
            return precision
    return "fp32"


def _keeps_accuracy(provenance: Provenance, precision: Precision) -> bool:
    measured = provenance.accuracy.get(precision, {}).get("AP")
    reference = provenance.accuracy.get("fp32", {}).get("AP")
    return measured is not None and reference is not None and keeps_ap(reference, measured)
