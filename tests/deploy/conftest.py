"""An application on stand-in networks, as the service's tests have it, and what it exports."""

import httpx
import pytest

from service.pb.pose_pb2_grpc import PoseServiceStub
from tests.deploy.exported import Exported, export
from tests.service.conftest import app, client, keys, photo, scene, stub

__all__ = ["app", "client", "keys", "photo", "scene", "stub"]


@pytest.fixture
async def exported(client: httpx.AsyncClient, stub: PoseServiceStub, photo: bytes) -> Exported:
    """Metrics, labels and values."""
    return await export(client, stub, photo)
