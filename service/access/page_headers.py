"""What browsers are told: not to guess types, not to frame pages, to run no script but the server's own."""

import base64
import hashlib
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HeaderList = list[tuple[bytes, bytes]]

COMMON: HeaderList = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
"""Of every page: its own files, photographs and videos that the visitor chose, and no inline script or style."""
INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def page_headers(policy: dict[str, str]) -> dict[str, str]:
    """The headers of a page with a content security policy."""
    directives = "; ".join(f"{name} {sources}" for name, sources in policy.items())
    return {
        "Content-Security-Policy": directives,
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    }


def policy_with_inline_scripts(html: str) -> dict[str, str]:
    """A policy that lets exactly the inline scripts of a page run, by their hashes, and inline styles.

    Swagger UI, which is not ours, is started by an inline script and writes style attributes.
    """
    digests = [hashlib.sha256(script.encode()).digest() for script in INLINE_SCRIPT.findall(html)]
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return POLICY | {"script-src": f"'self' {hashes}", "style-src": "'self' 'unsafe-inline'"}


class CommonHeaders:
    """Adds the headers that every answer has, whatever it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *COMMON]
            await send(message)

        await self._app(scope, receive, adding)
