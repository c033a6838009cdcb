"""The bundles that a running server may load: the embedded ones, and those in one folder. No path gets in."""

import re
from pathlib import Path

from model.contract.spec import SPEC_FILE
from service.errors import NotFoundError
from service.zoo import embedded_bundles, zoo_folder

BUNDLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
ABSOLUTE_PATH = re.compile(r"(?<![\w.])/(?:[^\s/'\"(),:;]+/)*([^\s/'\"(),:;]+)")


def find_loadable(name: str, bundles_dir: Path | None) -> Path:
    """The folder of a bundle that may be loaded.

    Args:
        name: of an embedded bundle or of a folder directly in `bundles_dir`; never a path.
        bundles_dir: the folder of bundles, if one is set. A link in it counts only if it leads into it.

    Raises:
        NotFoundError: there is none of that name; the message lists those there are.
    """
    if BUNDLE_NAME.fullmatch(name):
        if name in embedded_bundles():
            return zoo_folder() / name
        if bundles_dir is not None and _is_bundle_within(bundles_dir / name, bundles_dir):
            return bundles_dir / name
    known = ", ".join(loadable_names(bundles_dir)) or "none"
    raise NotFoundError(f"There is no bundle of that name that may be loaded. There is: {known}.")


def loadable_names(bundles_dir: Path | None) -> list[str]:
    """Names of the bundles that may be loaded, sorted."""
    folders = bundles_dir.iterdir() if bundles_dir is not None and bundles_dir.is_dir() else ()
    own = [path.name for path in folders if BUNDLE_NAME.fullmatch(path.name) and _is_bundle_within(path, path.parent)]
    return sorted({*embedded_bundles(), *own})


def without_paths(text: str) -> str:
    """A message for a caller: of every absolute path only the last part is left."""
    return ABSOLUTE_PATH.sub(r"\1", text)


def _is_bundle_within(folder: Path, bundles_dir: Path) -> bool:
    spec = folder / SPEC_FILE
    return spec.is_file() and spec.resolve().is_relative_to(bundles_dir.resolve())
