"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of photographs and data beside a developer's checkout.

    A bare clone has none: tests that need it are skipped and say so. With FASTERPOSE_REQUIRE_SHARED=1, as in
    `.ci/run`, its absence fails.
    """
    if not SHARED.is_dir():
        reason = "needs the photographs and data of ../shared, which are not part of the repository"
        if os.environ.get("FASTERPOSE_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED
