"""What each route asks for: whatever is not known to be open needs a key."""

import pytest

from service.access.keys import Scope
from service.access.routes import HEALTH, needed_scope, on_admin_port
from service.app import create_app
from service.settings import ServiceSettings


def test_of_all_routes_these_are_open_and_no_more() -> None:
    paths: list[str] = [*create_app(ServiceSettings()).openapi()["paths"], "/", "/docs", "/openapi.json"]

    def asking(scope: Scope | None, *, metrics_key: bool = False) -> set[str]:
        return {path for path in paths if needed_scope(path, metrics_key=metrics_key) == scope}

    assert asking(None) == HEALTH | {"/", "/docs", "/openapi.json", "/metrics"}
    assert asking("metrics", metrics_key=True) == {"/metrics"}
    assert asking("admin") == {"/v1/models/{name}/load"}
    assert {"/v1/pose", "/v1/models", "/v1/models/{name}", "/v2/models/{name}"} <= asking("pose")


@pytest.mark.parametrize("path", ["/nowhere", "/static", "/docs/", "/v1/pose/", "//", "/healthz/x", "/v1/stream"])
def test_what_nobody_named_needs_a_key(path: str) -> None:
    assert needed_scope(path, metrics_key=False) == "pose"


def test_the_operators_port_has_metrics_and_loading() -> None:
    assert on_admin_port("/metrics")
    assert on_admin_port("/v1/models/x/load")
    assert not on_admin_port("/v1/models/x")
    assert not on_admin_port("/v1/pose")
