"""Keys of gRPC calls, in the metadata `authorization` or `x-api-key`."""

from collections.abc import Mapping

from service.access.callers import ANYBODY, Caller
from service.access.keyring import Keyring


def rpc_caller(keyring: Keyring | None, metadata: Mapping[str, object]) -> Caller:
    """Who calls; every method of the pose service needs the scope for poses.

    Raises:
        UnauthenticatedError: no key, or none of this server's.
        ForbiddenError: the key is not for poses.
    """
    if keyring is None:
        return ANYBODY
    scheme, _, token = str(metadata.get("authorization", "")).partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else str(metadata.get("x-api-key", ""))
    caller = keyring.identify(given)
    caller.require("pose")
    return caller
