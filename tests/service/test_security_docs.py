"""docs/security.md: every test that it names exists, and every setting."""

import re

from service.access.keys import SCOPES
from service.settings import ServiceSettings
from tests.conftest import REPOSITORY

DOCUMENT = (REPOSITORY / "docs/security.md").read_text()


def test_every_probe_names_tests_that_exist() -> None:
    shown = re.search(r"<!-- probes: tests.*?-->(.*?)<!-- probes: end -->", DOCUMENT, re.DOTALL)
    assert shown
    rows = [line for line in shown[1].splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        files = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert files, row
        assert [file for file in files if not (REPOSITORY / file).is_file()] == []


def test_settings_and_scopes_are_those_of_the_server() -> None:
    for name in ("keys_file", "metrics_key", "admin_port", "admin_host", "bundles_dir", "cors_origins"):
        assert f"`{name}`" in DOCUMENT or f"FASTERPOSE_{name.upper()}" in DOCUMENT
        assert name in ServiceSettings.model_fields
    for scope in SCOPES:
        assert f"`{scope}`" in DOCUMENT
