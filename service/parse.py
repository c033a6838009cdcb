"""Options and JSON bodies, checked; each mistake is named with its place."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import TypeVar, cast

import orjson
from pydantic import BaseModel, ValidationError

from service.errors import InvalidBodyError, InvalidOptionError, ServiceError
from service.schemas import ImageIn, JsonBody, Options, StreamBody, StreamOptions, describe_location

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

Checked = TypeVar("Checked", bound=BaseModel)


def parse_query(items: list[tuple[str, str]]) -> dict[str, object]:
    """Query parameters -> option values, the list of boxes and a numeric id read from their text.

    Raises:
        InvalidOptionError: a parameter given twice, boxes that are not JSON.
    """
    values: dict[str, object] = {}
    for name, text in items:
        if name in values:
            raise InvalidOptionError(f"{name}: given twice")
        values[name] = _read_value(name, text)
    return values


def parse_options_part(text: bytes) -> dict[str, object]:
    """The multipart part `options` -> option values.

    Raises:
        InvalidBodyError: the part is not a JSON object.
    """
    values = read_json(text, "the part `options`")
    if not isinstance(values, dict):
        raise InvalidBodyError('The part `options` must be a JSON object, for example {"max_persons": 5}.')
    return cast(dict[str, object], values)


def check_options(values: Mapping[str, object]) -> Options:
    """Option values -> options.

    Raises:
        InvalidOptionError: an unknown or wrong one.
    """
    return check_values(Options, dict(values))


def check_stream_options(values: Mapping[str, object]) -> StreamOptions:
    """Option values -> options of a stream's frames.

    Raises:
        InvalidOptionError: an unknown or wrong one.
    """
    return check_values(StreamOptions, dict(values))


def check_json_body(body: bytes) -> JsonBody:
    """A JSON body, checked.

    Raises:
        InvalidBodyError: not JSON.
        InvalidOptionError: an unknown or wrong member.
    """
    return check_values(JsonBody, read_json(body, "the body"))


def check_values(model: type[Checked], values: object) -> Checked:
    """Plain values, checked.

    Args:
        model: what they must be.
        values: dicts, lists, texts and numbers.

    Raises:
        InvalidOptionError: an unknown or wrong one.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _invalid(error) from error


def read_json(text: bytes, what: str) -> object:
    """A JSON text -> plain values.

    Args:
        text: in UTF-8.
        what: how an error calls it.

    Raises:
        InvalidBodyError: not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidBodyError(f"{what[0].upper()}{what[1:]} is not valid JSON: {error}.") from error


def decode_base64(text: str, location: str) -> bytes:
    """Base64 -> bytes.

    Raises:
        InvalidOptionError: not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidOptionError(f"{location}: not base64{_hint(text)}") from error


def _hint(text: str) -> str:
    """What to do about some texts that are often sent instead."""
    if text.startswith("data:"):
        return "; leave out what stands before the comma of a data URL"
    if URL.match(text):
        return "; this server fetches no URL, so send the image itself"
    return ""


def _read_value(name: str, text: str) -> object:
    if name == "boxes":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidOptionError("boxes: not JSON; write [[x,y,width,height],...]") from error
    if name == "image_id" and _is_plain_number(text):
        return int(text)
    return text


def _is_plain_number(text: str) -> bool:
    """Whether the text is a number as it would be written back: not 007, so that no zero is lost."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) < 20 and str(int(text)) == text


def _invalid(error: ValidationError) -> ServiceError:
    first = error.errors(include_url=False, include_input=False)[0]
    place = tuple(part for part in first["loc"] if part not in _UNION_BRANCHES)
    location = describe_location(place)
    if first["type"] == "extra_forbidden":
        return InvalidOptionError(f"{location}: unknown; known are {', '.join(_known_names(error.title, place))}")
    if first["type"] == "value_error":
        return InvalidOptionError(first["msg"].removeprefix("Value error, "))
    sentence = f"{first['msg'][0].lower()}{first['msg'][1:]}"
    return InvalidOptionError(f"{location}: {sentence}")


def _known_names(root: str, place: tuple[int | str, ...]) -> list[str]:
    """The names that are allowed where an unknown one stands."""
    if root in {StreamOptions.__name__, StreamBody.__name__} and (len(place) == 1 or place[0] == "options"):
        return list(StreamOptions.model_fields)
    if root == Options.__name__ or place[0] == "options":
        return list(Options.model_fields)
    return list(ImageIn.model_fields if place[0] == "images" else JsonBody.model_fields)


_UNION_BRANCHES = {"constrained-int", "constrained-str", "int", "str"}
