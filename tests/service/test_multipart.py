import pytest

from service.errors import InvalidBodyError, TooLargeError
from service.multipart import LONGEST_HEAD, Part, read_parts

FORM = 'multipart/form-data; boundary="b-1"'


def form(*parts: bytes, end: bytes = b"--b-1--\r\n") -> bytes:
    return b"".join(b"--b-1\r\n" + part + b"\r\n" for part in parts) + end


def part(disposition: bytes, content: bytes) -> bytes:
    return b"Content-Disposition: form-data; " + disposition + b"\r\n\r\n" + content


def test_parts_come_with_name_content_and_whether_they_are_files() -> None:
    photo = bytes(range(256)) + b"\r\n\r\n--b\r\n--"
    body = form(
        part(b'name="image"; filename="a; name=b.jpg"', photo),
        b'content-type: text/plain\r\nCONTENT-DISPOSITION:form-data;name=options\r\n\r\n{"a": 1}',
        part(b"filename*=UTF-8''%e2%82%ac.jpg; name=image", b""),
    )
    assert read_parts(FORM, body, 3) == [
        Part("image", photo, is_file=True),
        Part("options", b'{"a": 1}', is_file=False),
        Part("image", b"", is_file=True),
    ]


def test_what_stands_around_the_parts_is_passed_over() -> None:
    body = b"preamble\r\n--b-1 \t\r\n" + part(b'name="a"', b"1") + b"\r\n--b-1--\r\n--b-1\r\nepilogue"
    assert read_parts("multipart/form-data; charset=utf-8; Boundary=b-1", body, 1) == [Part("a", b"1", is_file=False)]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", form(part(b"name=a", b"1"))),
        ('multipart/form-data; boundary=""', form(part(b"name=a", b"1"))),
        (FORM, b""),
        (FORM, b"\xff\xd8 a photograph"),
        (FORM, form(part(b"name=a", b"1"), end=b"")),
        (FORM, form(part(b"name=a", b"1"), end=b"--b-1\r\nContent-Disp")),
        (FORM, form(b"\r\nno head")),
        (FORM, form(b"Content-Type: text/plain\r\n\r\n1")),
        (FORM, form(b"x: " + b"y" * LONGEST_HEAD + b"\r\n" + part(b"name=a", b"1"))),
        (FORM, form(part(b"name=a", b"1")).replace(b"--b-1\r\n", b"--b-1x\r\n", 1)),
    ],
)
def test_what_is_no_whole_form_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(InvalidBodyError):
        read_parts(content_type, body, 9)


def test_more_parts_than_allowed_are_refused_before_they_are_looked_at() -> None:
    body = form(*[part(b"name=a", b"1")] * 3, *[b""] * 100_000)
    with pytest.raises(TooLargeError, match="more than 3 parts"):
        read_parts(FORM, body, 3)


@pytest.mark.parametrize("disposition", [b'name="a', b"name", b"=;=;", b';"' * 2000, b"name=\xff\xfe", b'name="\\"'])
def test_a_broken_disposition_is_no_fault_of_ours(disposition: bytes) -> None:
    (only,) = read_parts(FORM, form(part(disposition, b"1")), 1)
    assert only.name != "image"
