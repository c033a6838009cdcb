"""A nuclio function for CVAT's automatic annotation: it asks a FasterPose server, and needs no package for that.

`FASTERPOSE_URL` names the server, `FASTERPOSE_API_KEY` the key where it asks for one, `FASTERPOSE_KEYPOINT_THRESHOLD`
the score below which a point is marked as outside (0.2).
"""

import base64
import binascii
import json
import os
import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

TIMEOUT_S = 50.0
"""Less than the function's eventTimeout: CVAT is told what is wrong, and not only that it took too long."""
TRIES = 4
RETRIED = {429, 503}
"""The server is busy or loads; it says in Retry-After when to come again."""
LONGEST_PAUSE_S = 5.0

JSON = "application/json"


def init_context(context: Any) -> None:  # noqa: ANN401 - nuclio's own
    """Called once for each worker."""
    context.user_data.url = os.environ.get("FASTERPOSE_URL", "http://fasterpose:8000").rstrip("/")
    context.user_data.api_key = os.environ.get("FASTERPOSE_API_KEY", "")
    context.user_data.keypoint_threshold = os.environ.get("FASTERPOSE_KEYPOINT_THRESHOLD", "0.2")
    context.logger.info(f"asking {context.user_data.url}")


def handler(context: Any, event: Any) -> Any:  # noqa: ANN401 - nuclio's own
    """Answer one image: `{"image": BASE64, "threshold": LEAST_SCORE}` -> skeletons, or the server's error."""
    try:
        image = base64.b64decode(event.body["image"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        return _response(context, {"detail": f"the body has no image in base64: {error!r}"}, 400)
    options = {"format": "cvat", "keypoint_threshold": context.user_data.keypoint_threshold}
    if event.body.get("threshold") is not None:
        options["person_threshold"] = event.body["threshold"]
    status, answer = ask(f"{context.user_data.url}/v1/pose?{urlencode(options)}", image, context.user_data.api_key)
    if status != 200:
        context.logger.error(f"{status}: {answer}")
        return _response(context, answer, status)
    return _response(context, [shape for shape in answer if _is_seen(shape)], 200)


def ask(url: str, image: bytes, api_key: str) -> tuple[int, Any]:
    """Send an image, and again where the server is busy.

    Returns:
        The status, and the JSON of the answer or of the error; 502 where nobody answered.
    """
    headers = {"Content-Type": "application/octet-stream", "Accept": JSON}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    opener, end = build_opener(ProxyHandler({})), time.monotonic() + TIMEOUT_S
    for left in range(TRIES - 1, -1, -1):
        request = Request(url, image, headers)  # noqa: S310 - who deploys the function names the server
        try:
            with opener.open(request, timeout=max(0.1, end - time.monotonic())) as response:
                return 200, json.load(response)
        except HTTPError as error:
            if error.code not in RETRIED or not left:
                return error.code, _problem(error)
            time.sleep(min(float(error.headers.get("Retry-After") or 1), LONGEST_PAUSE_S))
        except (URLError, TimeoutError, OSError, ValueError) as error:
            return 502, {"detail": f"no answer from the FasterPose server: {error}"}
    raise AssertionError("the last try returns")


def _problem(error: HTTPError) -> Any:  # noqa: ANN401 - JSON
    text = error.read()
    try:
        return json.loads(text)
    except ValueError:  # a proxy's own page
        return {"detail": f"{error.code} {error.reason}"}


def _is_seen(shape: dict[str, Any]) -> bool:
    """Whether a point lies in the picture: CVAT takes no skeleton without any."""
    return not all(point["outside"] for point in shape["elements"])


def _response(context: Any, body: object, status: int) -> Any:  # noqa: ANN401 - nuclio's own
    return context.Response(body=json.dumps(body), headers={}, content_type=JSON, status_code=status)
