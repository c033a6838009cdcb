"""The answer that docs/quick-start.md shows: what the default networks make of the sample photograph, abridged."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any, cast

from service.engine import load_pipeline
from service.formats import native
from service.jobs import ImageJob, PoseOptions
from service.settings import ServiceSettings

REPOSITORY = Path(__file__).resolve().parents[2]
PHOTOGRAPH = REPOSITORY / "service/static/samples/astronaut.jpg"
BLOCK = re.compile(r"(?<=^```json\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
SHOWN_NUMBERS = 6
"""Of `keypoints`: two triples."""
LEFT_OUT = "..."
NEAR_PIXELS, NEAR_SCORE = 4.0, 0.05
"""Another CPU computes in another precision."""


def computed_answer() -> dict[str, Any]:
    """The whole answer, of the default networks."""
    pipeline = load_pipeline(ServiceSettings())
    try:
        result = asyncio.run(pipeline.run(ImageJob(PHOTOGRAPH.read_bytes(), 0), PoseOptions()))
        return native(pipeline, [result], 0.0)
    finally:
        pipeline.close()


def shown_answer(page: str) -> dict[str, Any]:
    """What a page shows."""
    (block,) = BLOCK.findall(page)
    return json.loads(block)


def differences(shown: object, answered: object, where: str = "") -> list[str]:
    """Where an answer is not what is shown; what is left out there may be anything."""
    if shown == LEFT_OUT:
        return []
    if isinstance(shown, dict) and isinstance(answered, dict):
        return _of_members(cast("dict[str, object]", shown), cast("dict[str, object]", answered), where)
    if isinstance(shown, list) and isinstance(answered, list):
        return _of_items(cast("list[object]", shown), cast("list[object]", answered), where)
    return [] if _alike(shown, answered) else [f"{where}: {shown} is shown, {answered} answered"]


def page_with(page: str, answer: dict[str, Any]) -> str:
    """The page with this answer, abridged, in the place of the one that it shows."""
    lines = ",\n".join(f'  "{key}": {_line(key, value)}' for key, value in answer.items())
    return BLOCK.sub(lambda _: f"{{\n{lines}\n}}\n", page)


def update(path: Path) -> None:
    """Write the page anew where what it shows is no longer what is answered."""
    page, answer = path.read_text(), computed_answer()
    if differences(shown_answer(page), answer):
        path.write_text(page_with(page, answer))


def _of_members(shown: dict[str, object], answered: dict[str, object], where: str) -> list[str]:
    if shown.keys() != answered.keys():
        return [f"{where}: {sorted(shown.keys() ^ answered.keys())} on one side only"]
    return [line for key in shown for line in differences(shown[key], answered[key], f"{where}.{key}")]


def _of_items(shown: list[object], answered: list[object], where: str) -> list[str]:
    """A list whose last item is left out may be longer than what is shown."""
    cut = shown[:-1] if shown[-1:] == [LEFT_OUT] else shown
    if len(answered) < len(cut) or (cut is shown and len(answered) > len(cut)):
        return [f"{where}: {len(cut)} shown, {len(answered)} answered"]
    return [line for i, each in enumerate(cut) for line in differences(each, answered[i], f"{where}[{i}]")]


def _alike(shown: object, answered: object) -> bool:
    if not isinstance(shown, float) or not isinstance(answered, float):
        return shown == answered
    return abs(shown - answered) <= (NEAR_SCORE if max(shown, answered) <= 1 else NEAR_PIXELS)


def _line(key: str, value: Any) -> str:  # noqa: ANN401 - JSON
    if key == "timings_ms":
        return json.dumps(dict.fromkeys(value, LEFT_OUT))
    if key != "results":
        return json.dumps(value)
    people = ",\n".join(f"    {_person(person)}" for person in value)
    return f"[\n{people}\n  ]"


def _person(person: dict[str, Any]) -> str:
    """On two lines."""
    text = json.dumps(person | {"keypoints": [*person["keypoints"][:SHOWN_NUMBERS], LEFT_OUT]})
    return text.replace(', "keypoints"', ',\n     "keypoints"')
