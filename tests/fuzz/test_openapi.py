"""Every route of the API's description: what it allows, and what it does not."""

from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from service.app import create_app
from service.settings import ServiceSettings
from tests.service.fakes import make_pipeline

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


routes = schemathesis.openapi.from_dict(create_app(ServiceSettings(), make_pipeline).openapi())


@routes.parametrize()  # pyright: ignore[reportUntypedFunctionDecorator]
def test_every_answer_is_one_that_the_description_knows(case: "schemathesis.Case[Any]", address: str) -> None:
    response = case.call(base_url=address, timeout=20)
    checks = CHECKS[1:] if response.status_code == 504 and "timeout_ms" in str(response.request.url) else CHECKS
    case.validate_response(response, checks=checks)
    assert "Traceback" not in response.text


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/v1/pose", "/docs", "/static/", "/v2/models/x"])
@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code in {400, 404, 405}
    assert answer.headers["content-type"] == "application/problem+json"
