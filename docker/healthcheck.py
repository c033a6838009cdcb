"""Asks the server of this container whether it is ready; exit code 0 if it is.

It runs every few seconds and imports nothing but the standard library. The port and TLS are read from the environment,
where a container has its settings. If the server wants a client's certificate, there is none to show, and an open port
has to do.
"""

import os
import socket
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping

TIMEOUT_S = 4


def main(environment: Mapping[str, str]) -> int:
    """Say what the server says and return the exit code."""
    port = int(environment.get("FASTERPOSE_HTTP_PORT", "8000"))
    try:
        if environment.get("FASTERPOSE_TLS_CLIENT_CA"):
            socket.create_connection(("127.0.0.1", port), TIMEOUT_S).close()
            said, code = "the port is open", 0
        else:
            said, code = ask_readyz(port, with_tls=bool(environment.get("FASTERPOSE_TLS_CERT"))), 0
    except urllib.error.HTTPError as refusal:
        said, code = refusal.read().decode(), 1
    except OSError as error:
        said, code = f"port {port}: {error}", 1
    sys.stdout.write(f"{said}\n")
    return code


def ask_readyz(port: int, *, with_tls: bool) -> str:
    """The body of `GET /readyz`.

    Raises:
        urllib.error.HTTPError: not ready.
        OSError: nobody answers.
    """
    # The certificate names the public host, not the loopback, and the question does not leave the container.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    url = f"{'https' if with_tls else 'http'}://127.0.0.1:{port}/readyz"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=TIMEOUT_S) as answer:
        return answer.read().decode()


if __name__ == "__main__":
    sys.exit(main(os.environ))
