"""Routes that change the server; each asks for a key with the scope admin."""

from fastapi import APIRouter, Request

from service.access.callers import caller_of
from service.detector import Detector
from service.errors import ForbiddenError
from service.operations import describe_detector, describe_pose
from service.pipeline import Part
from service.schemas import ModelLoaded, ModelOut
from service.state import Service
from service.swap import Swap

router = APIRouter()


@router.post("/v1/models/{name}/load", tags=["operations"], summary="Load a network while the server serves")
async def load_model(request: Request, name: str) -> ModelLoaded:
    """Load a bundle and put it in the place of the network that does the same task; needs a key with the scope admin.

    `name` is that of an embedded bundle or of a folder in the server's `bundles_dir`. The answer comes when the
    network is warmed up and serves. Requests that are being answered keep the network they began with. If the bundle
    cannot be used, nothing changes and the answer says why.
    """
    service: Service = request.app.state.service
    if service.keyring is None:
        raise ForbiddenError("This server has no API keys, and only an admin key loads a model. Set keys_file.")
    caller_of(request.scope).require("admin")
    swap: Swap = request.app.state.swap
    swapped = await swap.load(name)
    return ModelLoaded(loaded=_describe(swapped.loaded), replaced=_describe(swapped.replaced))


def _describe(part: Part) -> ModelOut:
    return describe_detector(part) if isinstance(part, Detector) else describe_pose(part)
