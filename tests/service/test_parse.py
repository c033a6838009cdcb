import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidBodyError, InvalidOptionError, ServiceError
from service.parse import check_json_body, check_options, decode_base64, parse_options_part, parse_query


def options_of(*items: tuple[str, str]) -> object:
    return check_options(parse_query(list(items)))


def test_query_values_are_read_from_text() -> None:
    options = check_options(
        parse_query([("boxes", "[[1,2,3,4.5]]"), ("detect", "false"), ("max_persons", "3"), ("image_id", "42")])
    )
    assert options.boxes == [(1.0, 2.0, 3.0, 4.5)]
    assert (options.detect, options.max_persons, options.image_id) == (False, 3, 42)


@pytest.mark.parametrize("text", ["007", "a7", "1.5", "99999999999999999999", "--1"])
def test_an_id_that_is_no_plain_number_stays_text(text: str) -> None:
    assert check_options(parse_query([("image_id", text)])).image_id == text


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_person", "3", "max_person: unknown; known are boxes, detect"),
        ("person_threshold", "1.5", "person_threshold: input should be less than or equal to 1"),
        ("person_threshold", "nan", "person_threshold"),
        ("detect", "perhaps", "detect"),
        ("max_persons", "0", "max_persons"),
        ("timeout_ms", "0", "timeout_ms"),
        ("timeout_ms", "3600001", "timeout_ms"),
        ("format", "xml", "format"),
        ("boxes", "[[1,2,3", "boxes: not JSON"),
        ("boxes", "[[1,2,3]]", r"boxes\[0\]"),
        ("boxes", "[[1,2,30,40],[1,2,0,4]]", r"boxes\[1\]\[2\]"),
        ("boxes", "[[1,2,1e300,4]]", r"boxes\[0\]\[2\]"),
        ("image_id", "", "image_id"),
    ],
)
def test_a_wrong_option_is_named_with_its_place(name: str, value: str, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        options_of((name, value))


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="detect: given twice"):
        parse_query([("detect", "true"), ("detect", "false")])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"images": [{"data": "", "boxs": []}]}', r"images\[0\]\.boxs: unknown; known are data, id, boxes"),
        ('{"images": [{"data": ""}], "option": {}}', "option: unknown; known are images, options"),
        ('{"images": [{"data": ""}], "options": {"x": 1}}', r"options\.x: unknown; known are boxes, detect"),
        ('{"images": []}', "images"),
        ('{"images": [{"data": "", "id": 1.5}]}', r"images\[0\]\.id"),
        ('{"images": [{"data": "", "id": true}]}', r"images\[0\]\.id"),
        ("[]", "JsonBody|object|dictionary"),
    ],
)
def test_a_wrong_member_of_a_json_body_is_named_with_its_place(body: str, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        check_json_body(body.encode())


@pytest.mark.parametrize("body", [b"", b"{", b'{"images": NaN}', b"\xff"])
def test_a_body_that_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBodyError, match="not valid JSON"):
        check_json_body(body)


def test_the_options_part_must_be_an_object() -> None:
    assert parse_options_part(b'{"max_persons": 2}') == {"max_persons": 2}
    with pytest.raises(InvalidBodyError, match="JSON object"):
        parse_options_part(b"[]")


@given(st.binary(max_size=64))
def test_base64_comes_back(data: bytes) -> None:
    assert decode_base64(base64.b64encode(data).decode(), "images[0].data") == data


def test_a_data_url_is_refused_with_a_hint() -> None:
    with pytest.raises(InvalidOptionError, match=r"images\[0\]\.data: not base64; leave out"):
        decode_base64("data:image/png;base64,AAAA", "images[0].data")


@given(st.binary(max_size=200))
def test_any_bytes_that_are_no_request_are_refused(body: bytes) -> None:
    with pytest.raises(ServiceError):
        check_json_body(body)
