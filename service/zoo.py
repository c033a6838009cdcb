"""The bundles that the package carries, and bundles in folders."""

import json
from importlib import resources
from pathlib import Path

from model.contract.spec import SPEC_FILE, BundleError

TIERS = {"fast": "fasterpose-yolo11n", "accurate": "fasterpose-yolo11n"}
"""What `--model` may name besides bundles and folders: the embedded bundle of each tier."""


def zoo_folder() -> Path:
    """The folder of the embedded bundles, package data of `model`."""
    return Path(str(resources.files("model"))) / "zoo"


def embedded_bundles() -> list[str]:
    """Names of the embedded bundles, sorted."""
    return sorted(path.parent.name for path in zoo_folder().glob(f"*/{SPEC_FILE}"))


def find_bundle(name: str) -> Path:
    """The folder of a bundle.

    Args:
        name: a tier (`fast`, `accurate`), the name of an embedded bundle, or a folder.

    Raises:
        BundleError: neither; the message lists the embedded ones.
    """
    for folder in (zoo_folder() / TIERS.get(name, name), Path(name)):
        if (folder / SPEC_FILE).is_file():
            return folder
    embedded = ", ".join(embedded_bundles()) or "none"
    there = f"there is: {embedded}; {', '.join(TIERS)} name one by its tier"
    raise BundleError(f"{name!r} is neither an embedded bundle ({there}) nor a folder with a {SPEC_FILE}")


def describe_zoo() -> str:
    """One line for each embedded bundle: name, kind, version, licence, measured figures of each precision."""
    return "\n".join(_describe(name) for name in embedded_bundles())


def _describe(name: str) -> str:
    spec = json.loads((zoo_folder() / name / SPEC_FILE).read_text())
    facts = spec["provenance"]
    measured = "; ".join(
        f"{precision}: " + ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items())
        for precision, figures in facts["accuracy"].items()
    )
    tiers = "".join(f"  --model {tier}" for tier, bundle in TIERS.items() if bundle == name)
    identity = f"{name}{tiers}  {spec['kind']}  {facts['architecture']}  version {facts['version']}"
    return f"{identity}  {facts['licence']}  {measured}"
