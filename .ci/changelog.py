"""Print a version's section of CHANGELOG.md: `python .ci/changelog.py [vX.Y.Z]`; without a tag that of what is coming.

With a tag it also fails unless the tag is the version of pyproject.toml.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def section(changelog: str, title: str) -> str:
    """What stands under `## [title]`.

    Raises:
        SystemExit: there is no such section, or nothing in it.
    """
    found = re.search(rf"^## \[{re.escape(title)}\][^\n]*\n(.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        sys.exit(f"CHANGELOG.md has no section [{title}], or nothing in it; see CONTRIBUTING.md, Releases")
    return found[1].strip() + "\n"


def check_tag(tag: str, version: str) -> str:
    """The version of a tag.

    Raises:
        SystemExit: it is not that of pyproject.toml.
    """
    if tag != f"v{version}":
        sys.exit(f"the tag is {tag} and pyproject.toml has version {version}; they must agree")
    return version


def main(arguments: list[str]) -> None:
    """Print a section."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    title = check_tag(arguments[0], version) if arguments and arguments[0] else "Unreleased"
    sys.stdout.write(section((ROOT / "CHANGELOG.md").read_text(), title))


if __name__ == "__main__":
    main(sys.argv[1:])
