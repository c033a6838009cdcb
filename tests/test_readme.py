"""The README's figures, settings, recipes and files are those of the code; tests/docs looks at its commands."""

import json
import re
from collections.abc import Iterator

import pytest

from service.settings import ServiceSettings
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
SHOWN = re.sub(r"<!--.*?-->", "", README, flags=re.DOTALL)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"FASTERPOSE_([A-Z_]+)", README))))
def test_settings_exist(name: str) -> None:
    assert name.lower() in ServiceSettings.model_fields


@pytest.mark.parametrize("path", re.findall(r"`((?:service|model|docs|tests)/[\w/.-]+)`|\]\((?!http)([^)]+)\)", SHOWN))
def test_named_files_exist(path: tuple[str, str]) -> None:
    assert (REPOSITORY / (path[0] or path[1])).exists()


def test_accuracy_table_is_that_of_the_bundles() -> None:
    header = ["| bundle | precision | measured |", "|---|---|---|"]
    expected = "\n".join([*header, *accuracy_rows()])
    shown = re.search(r"<!-- accuracy: .*?-->\n(.*?)\n<!-- accuracy: end -->", README, re.DOTALL)
    assert shown
    assert shown[1] == expected, f"the README's table must read:\n{expected}"


def accuracy_rows() -> Iterator[str]:
    for path in sorted((REPOSITORY / "model/zoo").glob("*/spec.json")):
        for precision, figures in json.loads(path.read_text())["provenance"]["accuracy"].items():
            measured = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            yield f"| {path.parent.name} | {precision} | {measured} |"
