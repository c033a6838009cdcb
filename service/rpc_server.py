"""The gRPC server: pose, health and reflection on one port."""

from grpc import aio
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from service.rpc import POSE_SERVICE, PoseServicer
from service.rpc_calls import RpcCalls
from service.rpc_health import HealthServicer
from service.settings import ServiceSettings, SettingsError
from service.state import Service
from service.tls import Tls

LAST_CALLS_S = 1.0
"""What calls that never end by themselves, such as reflection's, get once the others are answered."""

UNCOMPRESSED_ONLY = 1
"""Bit 0 is `identity`. grpc bounds a message before it unpacks it: 32 MB of gzip may unpack to 32 GB."""


class RpcServer:
    """A started server.

    Attributes:
        port: where it listens.
    """

    def __init__(self, server: aio.Server, port: int, servicer: PoseServicer, calls: RpcCalls) -> None:
        self.port = port
        self._server = server
        self._servicer = servicer
        self._calls = calls

    async def stop(self, grace_s: float) -> None:
        """Answer the calls in progress, what streams have sent and was read included, then close.

        Args:
            grace_s: time for it, s; what is not answered by then is dropped. New calls are refused by the service,
                which is draining.
        """
        self._servicer.stop_reading()
        await self._calls.finish(grace_s)
        await self._server.stop(min(grace_s, LAST_CALLS_S))


async def start_rpc(service: Service, tls: Tls | None = None) -> RpcServer:
    """Listen on the settings' host and gRPC port, in the running event loop.

    Raises:
        SettingsError: the port is taken or the address is not this machine's.
    """
    server = aio.server(options=_options(service.settings))
    calls = RpcCalls(service)
    servicer = PoseServicer(service, calls)
    server.add_generic_rpc_handlers([servicer.handler()])
    health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(service), server)  # pyright: ignore[reportUnknownMemberType] - the package has no types
    reflection.enable_server_reflection((POSE_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    port = _listen(server, service.settings, tls)
    await server.start()
    return RpcServer(server, port, servicer, calls)


def _options(settings: ServiceSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.grpc_max_message_bytes),
        ("grpc.max_send_message_length", settings.grpc_max_message_bytes),
        ("grpc.compression_enabled_algorithms_bitset", UNCOMPRESSED_ONLY),
        ("grpc.so_reuseport", 0),  # else a second server takes half of the first one's calls
    ]


def _listen(server: aio.Server, settings: ServiceSettings, tls: Tls | None) -> int:
    host, port = settings.host, settings.grpc_port
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return server.add_secure_port(address, tls.for_grpc()) if tls else server.add_insecure_port(address)
    except RuntimeError as error:
        raise SettingsError(f"cannot listen on {host} port {port}: {error}; choose another --grpc-port") from error
