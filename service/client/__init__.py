"""The Python client: `PoseClient` over HTTP, `GrpcPoseClient` over gRPC, both also for asyncio.

    from service.client import PoseClient

    for person in PoseClient("http://localhost:8000").estimate("photo.jpg").people:
        print(person.score, person.points)

Install it with `pip install 'fasterpose[client]'`. Clients are used from one thread, or one event loop, at a time.
"""

from service.client.answer import ImagePoses, PoseAnswer
from service.client.asked import Choices, ImageIn, StreamChoices
from service.client.failure import PoseError, ServerUnreachableError
from service.client.patience import Patience
from service.client.person import Person
from service.client.rest import AsyncPoseClient, PoseClient
from service.client.rpc import AsyncGrpcPoseClient, GrpcPoseClient

__all__ = [
    "AsyncGrpcPoseClient",
    "AsyncPoseClient",
    "Choices",
    "GrpcPoseClient",
    "ImageIn",
    "ImagePoses",
    "Patience",
    "Person",
    "PoseAnswer",
    "PoseClient",
    "PoseError",
    "ServerUnreachableError",
    "StreamChoices",
]
