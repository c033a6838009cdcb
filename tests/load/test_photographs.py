"""The photographs beside the checkout, of all formats and orientations, on the embedded networks."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from model.contract.image import ImageLimits
from service.decoding import decode_image
from tests.load.raw import Answer, ask, pose_request
from tests.load.server import Server

REASONS = ("truncated or corrupt", "not served", "extra `heic`")


async def test_every_photograph_is_answered_as_its_upright_twin_or_refused(
    server: Server, shared_dir: Path, say: Callable[[str], None]
) -> None:
    worst, answered, refused = 0.0, 0, dict[str, str]()
    for path in sorted((shared_dir / "photos").iterdir()):
        if path.suffix == ".md":
            continue
        answer = await ask(server.address, pose_request(path.read_bytes()).replace(b"image/jpeg", b"image/*", 1))
        if answer.status != 200:
            refused[path.name] = json.loads(answer.body)["detail"]
            assert any(reason in refused[path.name] for reason in REASONS), refused[path.name]
            continue
        twin = await ask(server.address, pose_request(_upright_png(path.read_bytes())))
        worst = max(worst, _largest_difference(answer, twin))
        answered += 1
    say(f"{answered} answered, keypoints at most {worst:.1f} px from the upright twin's; refused: {refused}")
    assert answered >= 40
    assert worst <= 1


def _upright_png(data: bytes) -> bytes:
    """The picture as Pillow shows it upright; where Pillow has other colours than ours (CMYK, 16 bit), as we do."""
    file = io.BytesIO()
    if data[4:8] != b"ftyp" and (picture := Image.open(io.BytesIO(data))).mode in {"RGB", "L"}:
        ImageOps.exif_transpose(picture).convert("RGB").save(file, "png")
    else:
        Image.fromarray(decode_image(data, ImageLimits())).save(file, "png")
    return file.getvalue()


def _largest_difference(one: Answer, other: Answer) -> float:
    """Pixels between the keypoints of the same people; infinite if they are not as many."""
    first, second = (np.array([p["keypoints"] for p in answer.people]).reshape(-1, 3) for answer in (one, other))
    if len(first) != len(second):
        return float("inf")
    return float(np.abs(first[:, :2] - second[:, :2]).max(initial=0.0))
