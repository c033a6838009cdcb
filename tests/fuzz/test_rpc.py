"""Messages of gRPC: noise, mutated requests, and streams of both."""

from typing import Any

import grpc
from hypothesis import given
from hypothesis import strategies as st

from service.pb import pose_pb2
from service.rpc import POSE_SERVICE
from tests.fuzz.test_images import SAMPLES, mutated
from tests.service.rpc_client import request_of

ALLOWED = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}
VALID = request_of(SAMPLES["png"], detect=False, boxes=[[1, 2, 10, 12]], image_id="x").SerializeToString()
messages = st.binary(max_size=200) | mutated(VALID)


def method(channel: grpc.Channel, name: str) -> Any:
    """A method that takes and gives bytes."""
    make = channel.stream_stream if name == "EstimateStream" else channel.unary_unary
    return make(f"/{POSE_SERVICE}/{name}", None, None)


@given(data=messages)
def test_a_message_is_answered_or_is_the_clients_fault(channel: grpc.Channel, data: bytes) -> None:
    for name in ("Estimate", "ListModels"):
        call = method(channel, name).future(data, timeout=20)
        assert call.code() in ALLOWED, call.details()


@given(frames=st.lists(messages, min_size=1, max_size=5))
def test_every_frame_of_a_stream_has_its_answer(channel: grpc.Channel, frames: list[bytes]) -> None:
    answers = [pose_pb2.EstimateResponse.FromString(data) for data in method(channel, "EstimateStream")(iter(frames))]
    assert len(answers) == len(frames)
    for answer in answers:
        assert answer.images
        assert all(image.error.status < 500 for image in answer.images)
