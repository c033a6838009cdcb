"""The packages that parts of the product need, and that not every installation has."""

from collections.abc import Callable
from importlib import util

from service.doctor.finding import Finding
from service.runtime.base import RuntimeUnavailableError
from service.runtime.devices import choose_runtime, parse_devices
from service.settings import ServiceSettings

EXTRAS = {
    "gpu": ("torch", "serves on NVIDIA GPUs"),
    "video": ("av", "reads and writes videos"),
    "heic": ("pillow_heif", "decodes HEIC, the photographs of iPhones"),
    "client": ("httpx", "the Python client over HTTP"),
    "ray": ("ray", "replicas and `batch --ray` on a cluster"),
    "train": ("ultralytics", "trains and exports networks"),
}
"""Extra -> a module that it brings, and what it is for."""


def has_module(name: str) -> bool:
    """Whether a module can be imported; it is not."""
    try:
        return util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def check_runtime(settings: ServiceSettings, has: Callable[[str], bool] = has_module) -> Finding:
    """What would run the networks, and whether it is installed."""
    try:
        devices = parse_devices(settings.device)
    except RuntimeUnavailableError as error:
        return Finding("runtime", "wrong", str(error), "choose another --device")
    kind = choose_runtime(settings.runtime, devices)
    facts = {"runtime": kind, "device": ", ".join(devices)}
    chosen = f"--runtime {kind}" if settings.runtime != "auto" else f"auto takes {kind} on {devices[0].split(':')[0]}"
    if not has(kind):
        install = "pip install 'fasterpose[gpu]'" if kind == "torch" else "pip install openvino"
        return Finding(
            "runtime", "wrong", f"{kind} on {facts['device']} ({chosen}), but {kind} is not installed", install, facts
        )
    return Finding("runtime", "ok", f"{kind} on {facts['device']}: {chosen}", facts=facts)


def check_extras(has: Callable[[str], bool] = has_module) -> Finding:
    """Which extras are there; none of them is needed to serve on a CPU."""
    there = [extra for extra, (module, _) in EXTRAS.items() if has(module)]
    missing = [extra for extra in EXTRAS if extra not in there]
    says = f"installed: {', '.join(there) or 'none'}"
    if not missing:
        return Finding("extras", "ok", says)
    lacking = "; ".join(f"{extra} ({EXTRAS[extra][1]})" for extra in missing)
    facts = {"installed": ", ".join(there), "missing": ", ".join(missing)}
    return Finding(
        "extras", "ok", f"{says}; not installed: {lacking}", f"pip install 'fasterpose[{missing[0]}]'", facts
    )
