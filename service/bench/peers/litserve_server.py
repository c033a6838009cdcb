"""LitServe with its batching on: `python -m service.bench.peers.litserve_server PORT`.

As its documentation shows: the file of the form is read and decoded in `decode_request`, `predict` gets the batch. One
worker, because the networks use every core; `fast_queue` for the faster queue between server and worker. A wait of 0
would make its worker poll without a pause, so that it waits 2 ms.
"""

import sys
from typing import cast

import litserve
from litserve.server import LitServer
from starlette.datastructures import FormData, UploadFile

from model.contract.arrays import ImageArray
from service.bench.peers.networks import BATCH_WAIT_S, LARGEST_BATCH, Answer, open_model


class PoseApi(litserve.LitAPI):
    """People and keypoints of photographs, a batch at a time."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - the framework passes it
        """Load the networks in the worker."""
        self.model = open_model()

    def decode_request(self, request: litserve.Request) -> ImageArray:
        """The part `image` of the form, decoded: the annotation asks for the form itself."""
        image = cast("FormData", request)["image"]
        return self.model.decode(cast("UploadFile", image).file.read())

    def batch(self, inputs: list[ImageArray]) -> list[ImageArray]:
        """Photographs differ in size: a list, not an array."""
        return inputs

    def predict(self, x: list[ImageArray]) -> list[Answer]:
        """Both networks on the batch."""
        return self.model.answer(x)

    def unbatch(self, output: list[Answer]) -> list[Answer]:
        """One answer for each photograph."""
        return output

    def encode_response(self, output: Answer) -> Answer:
        """The answer is JSON already."""
        return output


if __name__ == "__main__":
    api = PoseApi(max_batch_size=LARGEST_BATCH, batch_timeout=BATCH_WAIT_S)
    server = LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error")
