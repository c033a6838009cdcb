"""A cluster of two nodes on this machine, and the application on it."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# Ray is only in the environment of `make test-ray`.

import os
import time
from collections.abc import Generator
from contextlib import contextmanager

import ray
from ray import serve
from ray.cluster_utils import Cluster

from service.ray_app import Scale, bind
from service.settings import ServiceSettings

HTTP, GRPC = 20843, 20844
"""Ports of Ray's proxy on loopback."""

SETTINGS = ServiceSettings(threads=1, detector_batch=1, pose_batch=4)
"""The embedded networks. Set batches, so that no start measures them: on a busy machine each would choose others."""

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ["RAY_SERVE_PROXY_PREFER_LOCAL_NODE_ROUTING"] = "0"  # the only proxy, on the head, is to use both nodes


@contextmanager
def two_nodes() -> Generator[Cluster]:
    """A head and one more node, each with room for one replica, however many cores there are."""
    node = {"num_cpus": 2, "object_store_memory": 150 * 2**20}
    cluster = Cluster(initialize_head=True, connect=True, head_node_args={**node, "include_dashboard": False})
    try:
        cluster.add_node(**node)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        if cluster.list_all_nodes():
            serve.shutdown()
        ray.shutdown()
        cluster.shutdown()


def run_application(scale: Scale) -> None:
    """Deploy the application and wait until it has its least number of replicas."""
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": "127.0.0.1", "port": HTTP},
        grpc_options={
            "port": GRPC,
            "grpc_servicer_functions": ["service.ray_app.add_pose_service"],
        },
    )
    serve.run(bind(SETTINGS, scale))
    wait_for_replicas(scale.min_replicas)


def kill_node(cluster: Cluster) -> None:
    """Kill the processes of the node that is not the head."""
    (node,) = [node for node in cluster.list_all_nodes() if not node.head]
    cluster.remove_node(node, allow_graceful=False)


def replicas() -> int:
    """Replicas that answer now."""
    return serve.status().applications["default"].deployments["pose"].replica_states.get("RUNNING", 0)


def wait_for_replicas(count: int, seconds: float = 120) -> None:
    """Wait until so many replicas answer."""
    end = time.monotonic() + seconds
    while replicas() != count:
        assert time.monotonic() < end, f"{replicas()} replicas instead of {count}: {serve.status()}"
        time.sleep(0.2)
