"""The addresses that a server would listen on."""

from service.doctor.finding import Finding
from service.serve import open_port
from service.settings import ServiceSettings, SettingsError


def check_ports(settings: ServiceSettings) -> list[Finding]:
    """A finding for each port: whether it is free, and this machine's."""
    wanted = [("--http-port", settings.host, settings.http_port), ("--grpc-port", settings.host, settings.grpc_port)]
    if settings.admin_port is not None:
        wanted.append(("--admin-port", settings.admin_host, settings.admin_port))
    ports = [port for _, _, port in wanted]
    return [_check(flag, host, port, twice=port != 0 and ports.count(port) > 1) for flag, host, port in wanted]


def _check(flag: str, host: str, port: int, *, twice: bool) -> Finding:
    check, facts = f"{flag[2:-5]} port", {"host": host, "port": port}
    if twice:
        return Finding(
            check, "wrong", f"{flag} is {port}, which another flag names too", f"choose another {flag}", facts
        )
    try:
        open_port(host, port, flag).close()
    except SettingsError as error:
        what, _, remedy = str(error).rpartition("; ")
        return Finding(check, "wrong", what, remedy, facts)
    place = f"{host} port {port}" if port else f"{host}, any free port"
    reach = "only this machine reaches it" if host in {"127.0.0.1", "::1", "localhost"} else "other machines reach it"
    return Finding(check, "ok", f"{place}; {reach}", facts=facts)
