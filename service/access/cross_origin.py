"""Pages of other origins: none may call, unless the setting names them."""

from urllib.parse import urlsplit

from service.settings import SettingsError

EXPOSED = ("X-Request-ID", "Retry-After")


def parse_origins(text: str) -> tuple[str, ...]:
    """`https://a.example,https://b.example` -> the origins.

    Raises:
        SettingsError: an entry is not an origin: scheme, host and perhaps a port, nothing behind them.
    """
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            raise SettingsError(
                f"setting cors_origins: {origin!r} is not an origin; write for example https://a.example or "
                "http://localhost:3000, and name each one: `*` is not taken"
            )
    return origins
