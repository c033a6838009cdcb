"""The JSON of the protocol: what a request may say."""

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from service.errors import InvalidBodyError, InvalidOptionError, UnsupportedMediaError
from service.inference.tensors import Bytes, Content
from service.parse import check_values, read_json

HEADER = "Inference-Header-Content-Length"
"""Where it stands, the body is so many bytes of JSON, and then the tensors' bytes."""
BINARY_SIZE, BINARY_OUT, ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"
Parameters = dict[str, Any]


class InferInput(BaseModel):
    """A tensor that comes in."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(examples=["images"])
    datatype: Literal["BYTES", "UINT8", "FP32"]
    shape: list[int] = Field(max_length=4, examples=[[1]])
    parameters: Parameters = Field(default={}, description="`binary_data_size`: its bytes follow the JSON.")
    data: list[Any] | None = Field(default=None, description="Its elements; of BYTES base64 texts.")


class InferOutput(BaseModel):
    """A tensor that is wanted."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    parameters: Parameters = Field(default={}, description="`binary_data`: send its bytes after the JSON.")


class InferBody(BaseModel):
    """The JSON of a request."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str | None = Field(default=None, max_length=256, description="Echoed.")
    parameters: Parameters = Field(
        default={}, description="Options of `POST /v1/pose`, and `binary_data_output`: all outputs as bytes."
    )
    inputs: list[InferInput] = Field(min_length=1)
    outputs: list[InferOutput] | None = Field(default=None, description="The tensors that are wanted; default: all.")


class TensorOut(BaseModel):
    """A tensor that goes out."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = Field(default=None, description="`binary_data_size`: its bytes follow.")
    data: list[float] | None = Field(default=None, description="Its elements, in row-major order.")


class InferResponse(BaseModel):
    """The JSON of an answer."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[TensorOut]


class Received(NamedTuple):
    """A request's body, and of each of its inputs the elements, in JSON or as bytes."""

    body: InferBody
    contents: list[Content]


def receive(content: bytes, json_length: str | None, encoding: str) -> Received:
    """Read a body.

    Args:
        content: its bytes.
        json_length: the header's value.
        encoding: the header `Content-Encoding`.

    Raises:
        ServiceError: it is compressed, cut off, or not of the protocol.
    """
    if encoding.lower() != "identity":
        raise UnsupportedMediaError("Compressed bodies are not taken; leave request_compression_algorithm out.")
    size = _json_size(json_length, len(content))
    body = check_values(InferBody, read_json(content[:size], "the JSON of the body"))
    _refuse_unknown(body)
    rest = Bytes(content[size:])
    contents = [_content(tensor, rest, f"inputs[{i}]") for i, tensor in enumerate(body.inputs)]
    rest.check_end()
    return Received(body, contents)


def flag(parameters: Parameters, name: str, default: bool, location: str) -> bool:
    """A parameter that is true or false.

    Raises:
        InvalidOptionError: it is something else.
    """
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidOptionError(f"{location}.{name}: must be true or false")
    return value


def _json_size(text: str | None, most: int) -> int:
    if text is None:
        return most
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise InvalidBodyError(f"{HEADER} is {text!r}; it is the size of the JSON before the tensors' bytes.")
    return int(text)


def _refuse_unknown(body: InferBody) -> None:
    """Nothing that a client says is passed over."""
    parts: list[tuple[str, BaseModel]] = [("", body)]
    parts += [(f"inputs[{i}].", tensor) for i, tensor in enumerate(body.inputs)]
    parts += [(f"outputs[{i}].", tensor) for i, tensor in enumerate(body.outputs or [])]
    for place, part in parts:
        for name in part.model_extra or {}:
            known = ", ".join(type(part).model_fields)
            raise InvalidOptionError(f"{place}{name}: unknown; known are {known}")
    for i, tensor in enumerate(body.inputs):
        _refuse_parameters(tensor.parameters, BINARY_SIZE, f"inputs[{i}]")
    for i, output in enumerate(body.outputs or []):
        _refuse_parameters(output.parameters, BINARY_OUT, f"outputs[{i}]")


def _refuse_parameters(parameters: Parameters, known: str, location: str) -> None:
    for name in parameters:
        if name != known:
            raise InvalidOptionError(f"{location}.parameters.{name}: not offered here; known is {known}")


def _content(tensor: InferInput, rest: Bytes, location: str) -> Content:
    size = tensor.parameters.get(BINARY_SIZE)
    if size is None:
        if tensor.data is None:
            raise InvalidOptionError(f"{location}: has neither data nor parameters.{BINARY_SIZE}")
        return tensor.data
    if tensor.data is not None:
        raise InvalidOptionError(f"{location}: has both data and parameters.{BINARY_SIZE}")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise InvalidOptionError(f"{location}.parameters.{BINARY_SIZE}: must be a number of bytes")
    return rest.take(size, location)
