"""`/v1/stream`: frames over a WebSocket, each answered in order, by the rules of `POST /v1/pose`."""

import asyncio
import logging
import time

import orjson
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from service.access.callers import caller_of, key_fields
from service.access.http_access import SUBPROTOCOL
from service.calls import PoseCall
from service.deadline import Deadline
from service.errors import (
    ClientGoneError,
    InternalError,
    OverloadedError,
    ServiceError,
    UnauthenticatedError,
    UnavailableError,
)
from service.formats import Outcome, coco_results, cvat, native
from service.frames import Frame, FrameSource
from service.hang_up import cancelled_by_hang_up
from service.identity import request_id_from, trace_fields
from service.jobs import ImageResult
from service.pipeline import Pipeline
from service.problems import REJECTIONS
from service.rpc_stream import FrameWindow
from service.state import Service
from service.tracking.stream import FramePlace, FrameStream

STREAM_PATH = "/v1/stream"
ENDED, REFUSED, FAULT, TRY_AGAIN_LATER = 1000, 1008, 1011, 1013
"""Close codes (https://www.iana.org/assignments/websocket): the end, the client's mistake, ours, a busy server."""

logger = logging.getLogger("fasterpose.access")


class StreamRoute:
    """Answers the WebSockets of one application, at most `max_streams` at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._open = 0

    async def connect(self, websocket: WebSocket) -> None:
        """Answer one WebSocket until either side ends it."""
        stream = _Stream(websocket, self._service)
        offered = SUBPROTOCOL in websocket.scope.get("subprotocols", ())
        await websocket.accept(SUBPROTOCOL if offered else None)  # browsers close if none that they offered is chosen
        self._open += 1
        try:
            self._check_room()
            await stream.run()
        except ServiceError as error:
            await stream.refuse(error)
        finally:
            self._open -= 1
            stream.log()

    def _check_room(self) -> None:
        most = self._service.settings.max_streams
        if self._open > most:
            raise OverloadedError(f"{most} streams are open, the most this server takes. Try again.")


class _Stream:
    """One WebSocket."""

    def __init__(self, websocket: WebSocket, service: Service) -> None:
        self._websocket = websocket
        self._service = service
        self._caller = caller_of(websocket.scope)
        self._request_id = request_id_from(websocket.headers.get("x-request-id"))
        self._began = asyncio.get_running_loop().time()
        self._people = FrameStream()
        self._answered = 0
        self._close_code = ENDED

    async def run(self) -> None:
        """Answer frames until the client closes.

        Raises:
            ServiceError: what ends the stream.
        """
        self._service.open_pipeline()
        source = FrameSource(self._websocket, self._service.settings)
        window = FrameWindow(self._service.settings.stream_window, self._answer_frame)
        try:
            async with cancelled_by_hang_up(source.receive):
                await window.run(source.frames(), self._websocket.send_text)
        except (ClientGoneError, WebSocketDisconnect):
            self._close_code = source.close_code
        except ServiceError:
            raise
        except Exception as error:
            raise self._explain(error) from error

    async def refuse(self, error: ServiceError) -> None:
        """Say as the last message why the stream ends, and close it."""
        later, ours = isinstance(error, UnavailableError | OverloadedError), isinstance(error, InternalError)
        self._close_code = TRY_AGAIN_LATER if later else FAULT if ours else REFUSED
        try:
            await self._websocket.send_text(self._problem(error))
            await self._websocket.close(self._close_code, error.title)
        except WebSocketDisconnect:
            pass  # it is gone already

    def log(self) -> None:
        """One line for the whole stream."""
        fields: dict[str, object] = {
            "method": "WebSocket",
            "path": STREAM_PATH,
            "status": self._close_code,
            "frames": self._answered,
            "duration_ms": round((asyncio.get_running_loop().time() - self._began) * 1000, 1),
            "request_id": self._request_id,
            **key_fields(self._caller),
            **trace_fields(self._websocket.headers.get("traceparent")),
        }
        logger.info("WebSocket %s %d", STREAM_PATH, self._close_code, extra={"fields": fields})

    async def _answer_frame(self, frame: Frame) -> str:
        """A frame that fails is answered with its error, unless no further frame would do better."""
        status = ClientGoneError.status
        try:
            with self._people.place() as place, self._service.metrics.in_flight.track_inprogress():
                answer = await self._answer(frame, place)
            status = 200
        except Exception as error:
            reason = self._explain(error)
            status = reason.status
            if self._ends(reason):
                raise reason from error
            return self._problem(reason, image_id=frame.number)
        else:
            return answer
        finally:
            self._record(frame, status)

    async def _answer(self, frame: Frame, place: FramePlace) -> str:
        service, options = self._service, frame.options
        frame.check_size(service.settings)
        service.receive_bytes(len(frame.data))
        try:
            with self._caller.use(), service.admitted() as pipeline:
                async with Deadline(frame.arrival, options.timeout_ms or service.settings.timeout_ms):
                    call = PoseCall([frame.job()], options)
                    outcomes = await place.answer(pipeline, call, frame.arrival)
                    service.metrics.count_images(outcomes)
                    start = time.perf_counter()
                    text = orjson.dumps(_content(pipeline, call, outcomes, frame.arrival)).decode()
                    service.metrics.observe_encoding(time.perf_counter() - start)
                    return text
        finally:
            service.release_bytes(len(frame.data))

    def _explain(self, error: Exception) -> ServiceError:
        """An error as the client is told it: counted if it is a refusal, logged if it is a fault of ours."""
        if not isinstance(error, ServiceError):
            logger.error("request failed", exc_info=error, extra={"fields": {"request_id": self._request_id}})
            return InternalError()
        if error.status in REJECTIONS:
            self._service.metrics.count_rejected(error.slug)
        return error

    def _ends(self, error: ServiceError) -> bool:
        """Whether the error is not of one frame: the key was revoked, or the server goes."""
        if isinstance(error, UnavailableError):
            return self._service.status in {"loading", "draining", "failed"}
        return isinstance(error, UnauthenticatedError)

    def _problem(self, error: ServiceError, **members: int) -> str:
        retry_after = error.headers.get("Retry-After")
        seconds = {"retry_after": int(retry_after)} if retry_after else {}
        return orjson.dumps(error.problem() | {"request_id": self._request_id} | seconds | members).decode()

    def _record(self, frame: Frame, status: int) -> None:
        self._answered += 1
        seconds = asyncio.get_running_loop().time() - frame.arrival
        self._service.metrics.count_request("websocket", STREAM_PATH, str(status), seconds)
        self._service.count_caller(self._caller, str(status))


def _content(pipeline: Pipeline, call: PoseCall, outcomes: list[Outcome], arrival: float) -> object:
    """The answer to a frame, in the format that was chosen."""
    results = [outcome for outcome in outcomes if isinstance(outcome, ImageResult)]
    if call.options.format == "coco-results":
        return coco_results(results)
    if call.options.format == "cvat":
        return cvat(results[0], pipeline.estimator.spec.skeleton, call.options.keypoint_threshold)
    return native(pipeline, outcomes, asyncio.get_running_loop().time() - arrival)
