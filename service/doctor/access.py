"""The files of the settings: API keys, TLS, the folder of bundles."""

from service.access.cross_origin import parse_origins
from service.access.keyring import Keyring
from service.doctor.finding import Finding
from service.settings import ServiceSettings, SettingsError
from service.tls import load_tls


def check_access(settings: ServiceSettings) -> list[Finding]:
    """Whether a server could read what its settings name, and who would get in."""
    found: list[Finding] = []
    try:
        tls = load_tls(settings)
        parse_origins(settings.cors_origins)
        if settings.keys_file is not None:
            Keyring(settings.keys_file)
    except SettingsError as error:
        return [Finding("access", "wrong", str(error), "mend the file or the setting")]
    if settings.bundles_dir is not None and not settings.bundles_dir.is_dir():
        found.append(
            Finding(
                "bundles", "note", f"--bundles-dir {settings.bundles_dir} is no folder: nothing can be loaded from it"
            )
        )
    keys = "callers need an API key" if settings.keys_file else "no API key is asked for"
    wire = "TLS" if tls else "plain HTTP and gRPC"
    exposed = settings.host not in {"127.0.0.1", "::1", "localhost"} and not (
        settings.keys_file or settings.tls_client_ca
    )
    remedy = "make keys with `fasterpose keys new NAME`, or keep the network closed" if exposed else ""
    return [Finding("access", "note" if exposed else "ok", f"{wire}, {keys}", remedy), *found]
