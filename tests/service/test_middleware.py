import json
import logging

import httpx
import pytest

from service.logs import JsonFormatter, TextFormatter


async def test_a_request_id_is_echoed(client: httpx.AsyncClient) -> None:
    response = await client.get("/healthz", headers={"X-Request-ID": "abc-123"})
    assert response.headers["x-request-id"] == "abc-123"


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a\tb"])
async def test_a_missing_or_unfit_request_id_is_made(client: httpx.AsyncClient, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    first = (await client.get("/healthz", headers=headers)).headers["x-request-id"]
    second = (await client.get("/healthz", headers=headers)).headers["x-request-id"]
    assert len(first) == 16
    assert first != second


async def test_a_request_is_one_log_line(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="fasterpose.access"):
        await client.get("/healthz?secret=1", headers={"X-Request-ID": "abc"})
    (record,) = [record for record in caplog.records if record.name == "fasterpose.access"]
    line = json.loads(JsonFormatter().format(record))
    assert (line["method"], line["path"], line["status"], line["request_id"]) == ("GET", "/healthz", 200, "abc")
    assert "request_id=abc" in TextFormatter().format(record)
    assert "secret" not in TextFormatter().format(record)
