"""TLS for HTTP and gRPC, checked before anything starts."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from service.settings import ServiceSettings, SettingsError


@dataclass(frozen=True)
class Tls:
    """PEM files that were read and fit together.

    Attributes:
        cert: the certificate chain.
        key: its private key.
        client_ca: authorities of client certificates; without it clients need none.
    """

    cert: Path
    key: Path
    client_ca: Path | None

    def for_grpc(self) -> grpc.ServerCredentials:
        """The files as grpc takes them."""
        pair = (self.key.read_bytes(), self.cert.read_bytes())
        authorities = self.client_ca.read_bytes() if self.client_ca else None
        return grpc.ssl_server_credentials([pair], authorities, require_client_auth=authorities is not None)


def load_tls(settings: ServiceSettings) -> Tls | None:
    """The settings' TLS files; None: no TLS.

    Raises:
        SettingsError: a certificate without a key or the other way round, a file that is missing or cannot be used.
    """
    cert, key, client_ca = settings.tls_cert, settings.tls_key, settings.tls_client_ca
    if cert is None and key is None and client_ca is None:
        return None
    if cert is None or key is None:
        missing = "tls_cert" if cert is None else "tls_key"
        raise SettingsError(f"TLS needs a certificate and its key; {missing} is not set")
    for name, path in (("tls_cert", cert), ("tls_key", key), ("tls_client_ca", client_ca)):
        _check_readable(name, path)
    _check_content(cert, key, client_ca)
    return Tls(cert, key, client_ca)


def _check_readable(name: str, path: Path | None) -> None:
    try:
        if path is not None:
            path.read_bytes()
    except OSError as error:
        raise SettingsError(f"setting {name}: {path} cannot be read: {error.strerror}") from error


def _check_content(cert: Path, key: Path, client_ca: Path | None) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password="")  # an encrypted key is refused, not asked for at a terminal
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError(
            f"tls_cert {cert} and tls_key {key} are not a PEM certificate and its key: {error}"
        ) from error
    try:
        if client_ca is not None:
            context.load_verify_locations(client_ca)
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError(f"tls_client_ca {client_ca} holds no PEM certificates: {error}") from error
