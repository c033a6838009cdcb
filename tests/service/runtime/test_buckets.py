import pytest

from service.runtime.buckets import BUCKETS, MOST_PIXELS, bucket_of, buckets_for, chunks


def test_crops_have_every_bucket_and_large_images_fewer() -> None:
    assert buckets_for((192, 256)) == BUCKETS
    assert buckets_for((640, 640)) == (1, 2, 4, 8, 16, 32)
    assert buckets_for((1, MOST_PIXELS + 1)) == (1,)


@pytest.mark.parametrize(("count", "bucket"), [(1, 1), (2, 2), (3, 4), (4, 4), (17, 32), (32, 32)])
def test_a_batch_takes_the_smallest_bucket_that_holds_it(count: int, bucket: int) -> None:
    assert bucket_of(count, (1, 2, 4, 8, 16, 32)) == bucket


@pytest.mark.parametrize("count", [1, 4, 5, 8, 11])
def test_chunks_are_whole_and_at_most_the_largest_bucket(count: int) -> None:
    pieces = [list(range(count))[piece] for piece in chunks(count, (1, 2, 4))]
    assert [item for piece in pieces for item in piece] == list(range(count))
    assert max(map(len, pieces)) <= 4
    assert len(pieces) == -(-count // 4)
