"""Tensors as they stand in a body: in JSON, or as bytes after it (the binary data extension)."""

import math
import struct
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from service.errors import InvalidBodyError, InvalidOptionError
from service.parse import decode_base64

DTYPES: dict[str, np.dtype[Any]] = {
    "UINT8": np.dtype("u1"),
    "INT32": np.dtype("<i4"),
    "FP32": np.dtype("<f4"),
}
Content = memoryview | list[Any]
"""The elements of a tensor: bytes, or values of JSON."""
LENGTH = struct.Struct("<I")


class Bytes:
    """The binary part of a body, read tensor by tensor."""

    def __init__(self, content: bytes) -> None:
        """Nothing is read yet."""
        self._content = memoryview(content)

    def take(self, size: int, location: str) -> memoryview:
        """The next bytes.

        Raises:
            InvalidBodyError: there are not so many.
        """
        if size > len(self._content):
            raise InvalidBodyError(
                f"{location}: binary_data_size is {size}, and {len(self._content)} bytes are left of the body."
            )
        taken, self._content = self._content[:size], self._content[size:]
        return taken

    def check_end(self) -> None:
        """Refuse a body that goes on after its last tensor.

        Raises:
            InvalidBodyError: it does.
        """
        if len(self._content):
            raise InvalidBodyError(f"{len(self._content)} bytes follow the last tensor of the body.")


def read_texts(content: Content, count: int, location: str) -> list[bytes]:
    """The elements of a BYTES tensor: each after its length as 4 bytes, or in JSON as base64.

    Raises:
        InvalidBodyError: the lengths do not fit the bytes.
        InvalidOptionError: not base64, or not as many elements as the shape says.
    """
    if isinstance(content, memoryview):
        texts = _split(content, location)
    else:
        texts = [_from_base64(element, f"{location}.data[{i}]") for i, element in enumerate(content)]
    if len(texts) != count:
        raise InvalidOptionError(f"{location}: the shape has {count} elements, the data {len(texts)}")
    return texts


def read_numbers(
    content: Content, datatype: str, shape: Sequence[int], location: str
) -> np.ndarray[Any, np.dtype[Any]]:
    """The elements of a tensor of numbers; in JSON they stand flat or nested, in row-major order.

    Raises:
        InvalidOptionError: not as many as the shape says, or no numbers of that type.
    """
    dtype, count = DTYPES[datatype], math.prod(shape)
    if isinstance(content, memoryview):
        if len(content) != count * dtype.itemsize:
            raise InvalidOptionError(f"{location}: the shape needs {count * dtype.itemsize} bytes, not {len(content)}")
        return np.frombuffer(content, dtype).reshape(shape)
    try:
        numbers = np.array(content)
    except ValueError as error:  # nested unevenly
        raise InvalidOptionError(f"{location}.data: not a list of numbers") from error
    if numbers.dtype.kind not in "iuf" and count:
        raise InvalidOptionError(f"{location}.data: not a list of numbers")
    if numbers.size != count:
        raise InvalidOptionError(f"{location}: the shape has {count} elements, the data {numbers.size}")
    if datatype == "UINT8" and not _are_bytes(numbers):
        raise InvalidOptionError(f"{location}.data: UINT8 holds whole numbers from 0 to 255")
    return numbers.astype(dtype).reshape(shape)


def _are_bytes(numbers: np.ndarray[Any, np.dtype[Any]]) -> bool:
    return numbers.dtype.kind in "iu" and (numbers.size == 0 or (numbers.min() >= 0 and numbers.max() <= 255))


def _split(content: memoryview, location: str) -> list[bytes]:
    texts: list[bytes] = []
    while len(content):
        if len(content) < LENGTH.size:
            raise InvalidBodyError(f"{location}: its last element is cut off.")
        (size,) = cast("tuple[int]", LENGTH.unpack(content[: LENGTH.size]))
        if size > len(content) - LENGTH.size:
            raise InvalidBodyError(f"{location}: an element of {size} bytes is cut off.")
        texts.append(bytes(content[LENGTH.size : LENGTH.size + size]))
        content = content[LENGTH.size + size :]
    return texts


def _from_base64(element: object, location: str) -> bytes:
    if not isinstance(element, str):
        raise InvalidOptionError(f"{location}: an element of BYTES is base64 text in JSON")
    return decode_base64(element, location)
