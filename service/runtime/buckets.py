"""Batch sizes that a graph is captured for; a batch between two of them is padded."""

from collections.abc import Iterator

from model.contract.crop import Size

BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)
MOST_PIXELS = 2**24
"""Pixels of the largest captured batch: the memory that a capture holds grows with them. 40 images of 640x640."""


def buckets_for(input_size: Size) -> tuple[int, ...]:
    """The batch sizes to capture for a network's input size (width, height), ascending; at least 1."""
    width, height = input_size
    return tuple(bucket for bucket in BUCKETS if bucket == 1 or bucket * width * height <= MOST_PIXELS)


def bucket_of(count: int, buckets: tuple[int, ...]) -> int:
    """The smallest bucket that holds `count` items, which is at most the largest bucket."""
    return next(bucket for bucket in buckets if bucket >= count)


def chunks(count: int, buckets: tuple[int, ...]) -> Iterator[slice]:
    """`count` items in pieces of at most the largest bucket."""
    for start in range(0, count, buckets[-1]):
        yield slice(start, min(start + buckets[-1], count))
