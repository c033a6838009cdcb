"""The networks that a server would load: hashes checked, graphs compiled and computed once, precision explained."""

import numpy as np

from model.contract.spec import LARGEST_AP_LOSS, BundleError, DetectorSpec, PoseSpec, Provenance
from service.bundles import LoadedModel, load_detector_model, load_pose_model
from service.doctor.finding import Fact, Finding
from service.runtime.base import Precision, Runtime, RuntimeUnavailableError
from service.settings import ServiceSettings


def check_networks(settings: ServiceSettings) -> list[Finding]:
    """The pose network and the detector, and their licences."""
    return [*check_network("pose network", settings), *check_network("detector", settings)]


def check_network(task: str, settings: ServiceSettings) -> list[Finding]:
    """Load one network as a server would, and compute one image with it."""
    name, flag = (settings.model, "--model") if task == "pose network" else (settings.detector, "--detector")
    try:
        model = load_pose_model(settings) if task == "pose network" else load_detector_model(settings)
        _compute_once(model.runtime)
    except (BundleError, RuntimeUnavailableError) as error:
        return [Finding(task, "wrong", str(error), f"choose another {flag}, or mend what is named")]
    except Exception as error:
        return [Finding(task, "wrong", f"{name} cannot be computed: {error!r}", f"choose another {flag}")]
    return [_describe(task, name, model, settings), _check_licence(task, model.spec.provenance)]


def _compute_once(runtime: Runtime) -> None:
    width, height = runtime.input_size
    runtime.infer(np.zeros((1, height, width, 3), dtype=np.uint8))


def _describe(
    task: str, name: str, model: LoadedModel[PoseSpec] | LoadedModel[DetectorSpec], settings: ServiceSettings
) -> Finding:
    runtime, provenance = model.runtime, model.spec.provenance
    why = why_precision(provenance, runtime.precision, settings)
    streams = len(model.runtimes)
    facts: dict[str, Fact] = {
        "name": provenance.name,
        "version": provenance.version,
        "sha256": model.sha256,
        "runtime": runtime.name,
        "device": runtime.device,
        "precision": runtime.precision,
        "why": why,
        "streams": streams,
        "input_size": list(model.spec.input_size),
    }
    asked = "" if name == provenance.name else f" ({name})"
    what = f"{provenance.name}{asked} {provenance.version}, {runtime.precision} on {runtime.device}, {streams} streams"
    return Finding(task, "ok", f"{what}; {why}; its files have the hashes of its spec", facts=facts)


def why_precision(provenance: Provenance, precision: Precision, settings: ServiceSettings) -> str:
    """Why a network runs in its precision."""
    if settings.precision != "auto":
        return f"--precision {precision}"
    if precision != "fp32":
        loss = provenance.accuracy["fp32"]["AP"] - provenance.accuracy[precision]["AP"]
        change = f"loses {100 * loss:.2f} points of AP" if loss > 0 else "loses no AP"
        allowed = f"at most {100 * LARGEST_AP_LOSS:g} are allowed"
        return f"auto takes {precision}: it is faster than fp32 and {change}, {allowed}"
    return (
        "auto takes fp32: the bundle has no faster graph whose measured AP is near fp32's and that the device computes"
    )


def _check_licence(task: str, provenance: Provenance) -> Finding:
    facts: dict[str, Fact] = {"name": provenance.name, "licence": provenance.licence}
    says = f"the weights of {provenance.name} are under {provenance.licence}"
    if "AGPL" in provenance.licence.upper():
        return Finding(
            f"licence of {task}",
            "note",
            f"{says}: who offers the server to others over a network owes them the source",
            "read LICENSES/AGPL-3.0-only.txt, or name another --detector or --model",
            facts,
        )
    return Finding(f"licence of {task}", "ok", says, facts=facts)
