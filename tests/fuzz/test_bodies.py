"""Bodies, queries and headers around the images: forms, JSON and options that are nearly right."""

import json

import httpx
from hypothesis import given
from hypothesis import strategies as st

from service.schemas import Options
from tests.fuzz.test_images import SAMPLES

REFUSALS = {400, 413, 415, 422}
values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(["NaN", "1e999", "-0"])
)
trees = st.recursive(values, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner))
names = st.sampled_from([*Options.model_fields, "x", ""])
pieces = st.sampled_from(
    [
        b"--x",
        b"--x--",
        b"\r\n",
        b"\r\n\r\n",
        b"--",
        b'Content-Disposition: form-data; name="image"; filename="a"',
        b'Content-Disposition: form-data; name="options"',
        b"Content-Disposition: form-data; name=",
        b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Transfer-Encoding: base64",
        b'{"max_persons": 1}',
        b"\xff\x00",
        SAMPLES["png"],
    ]
)


def check(answer: httpx.Response) -> None:
    assert answer.status_code in REFUSALS | {200}, answer.text
    assert answer.status_code == 200 or answer.headers["content-type"] == "application/problem+json"


@given(query=st.lists(st.tuples(names, values | trees.map(json.dumps)), max_size=5))
def test_options_in_the_query(client: httpx.Client, query: list[tuple[str, object]]) -> None:
    shown = [(name, str(value).encode("utf-8", "replace").decode()) for name, value in query]
    check(
        client.post(
            "/v1/pose",
            params=httpx.QueryParams(tuple(shown)),
            content=SAMPLES["png"],
            headers={"Content-Type": "image/png"},
        )
    )


@given(body=st.dictionaries(names | st.just("images"), trees, max_size=4), options=st.dictionaries(names, trees))
def test_json_bodies(client: httpx.Client, body: dict[str, object], options: dict[str, object]) -> None:
    for content in (body, {"images": [body], "options": options}, {"images": body.get("images"), "options": options}):
        data = json.dumps(content).encode()
        check(client.post("/v1/pose", content=data, headers={"Content-Type": "application/json"}))


@given(body=st.text(alphabet='[]{}":,0x') | st.integers(1, 5000).map(lambda depth: "[" * depth))
def test_json_that_is_none(client: httpx.Client, body: str) -> None:
    check(client.post("/v1/pose", content=body.encode(), headers={"Content-Type": "application/json"}))


@given(parts=st.lists(pieces | st.binary(max_size=20), max_size=16))
def test_forms(client: httpx.Client, parts: list[bytes]) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    check(client.post("/v1/pose", content=b"".join(parts), headers=headers))


@given(
    name=st.sampled_from(["Content-Type", "Accept", "X-Request-ID", "traceparent", "Content-Encoding"]),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)
def test_headers(client: httpx.Client, name: str, value: str) -> None:
    check(client.post("/v1/pose", content=SAMPLES["png"], headers={name: value.strip()}))


def test_a_form_in_a_form_is_no_image(client: httpx.Client) -> None:
    """Nothing is taken apart twice, so nesting cannot multiply."""
    content, kind = SAMPLES["png"], "image/png"
    for depth in range(50):
        boundary = f"b{depth}".encode()
        head = b'--%s\r\nContent-Disposition: form-data; name="image"; filename="f"\r\n' % boundary
        content = head + b"Content-Type: %s\r\n\r\n" % kind.encode() + content + b"\r\n--%s--\r\n" % boundary
        kind = f"multipart/form-data; boundary=b{depth}"
    answer = client.post("/v1/pose", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 415


def test_packed_bodies_are_refused_and_not_unpacked(client: httpx.Client) -> None:
    for encoding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "GZIP"):
        answer = client.post("/v1/pose", content=b"\x1f\x8b" * 9, headers={"Content-Encoding": encoding})
        assert answer.status_code == 415
        assert "Compressed bodies are not taken" in answer.json()["detail"]
