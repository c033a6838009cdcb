"""What each route asks of a caller, and which port has it. What is not named here needs a key for poses."""

from service.access.keys import Scope

METRICS = "/metrics"
POSE_PATH = "/v1/pose"
HEALTH = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"})
OPEN = HEALTH | {"/", "/docs", "/openapi.json"}
OPEN_BELOW = ("/static/", "/docs/assets/")
"""The page asks for the key itself; the API's description and the page's files are no secret."""


def needed_scope(path: str, *, metrics_key: bool) -> Scope | None:
    """The scope that a key needs for a path; None: no key is needed."""
    if path in OPEN or path.startswith(OPEN_BELOW):
        return None
    if path == METRICS:
        return "metrics" if metrics_key else None
    return "admin" if is_admin(path) else "pose"


def asks_for_poses(path: str) -> bool:
    """Whether a path computes, so that a key's limits count it."""
    return path == POSE_PATH or (path.startswith("/v2/models/") and path.endswith("/infer"))


def is_admin(path: str) -> bool:
    """Whether a path changes the server."""
    return path.startswith("/v1/models/") and path.endswith("/load")


def on_admin_port(path: str) -> bool:
    """Whether a path belongs to the port for operators, where there is one."""
    return path == METRICS or is_admin(path)
