"""BentoML with its adaptive batching on: `python -m bentoml serve service.bench.peers.bentoml_server:PoseService`.

As its documentation shows: one service, `batchable=True` with a largest batch, and `concurrency` as large as the batch.
One worker, because the networks use every core. How long a batch waits is found by BentoML itself.
"""

from pathlib import Path

import bentoml

from service.bench.peers.networks import LARGEST_BATCH, Answer, open_model


@bentoml.service(workers=1, traffic={"timeout": 60, "concurrency": LARGEST_BATCH})
class PoseService:
    """People and keypoints of photographs, a batch at a time."""

    def __init__(self) -> None:
        """Load the networks."""
        self.model = open_model()

    @bentoml.api(batchable=True, max_batch_size=LARGEST_BATCH)
    def pose(self, image: list[Path]) -> list[Answer]:
        """The files of a batch -> one answer for each."""
        return self.model.answer([self.model.decode(path.read_bytes()) for path in image])
