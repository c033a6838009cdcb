"""The answer that docs/quick-start.md shows is the one that its command gets."""

import copy

import httpx

from docs.site.pages import DOCS
from docs.site.quick_start_answer import PHOTOGRAPH, differences, page_with, shown_answer
from service.app import create_app
from service.settings import ServiceSettings
from tests.service.conftest import connect

PAGE = (DOCS / "quick-start.md").read_text()
COMMANDS = """\
cp service/static/samples/astronaut.jpg photo.jpg
curl -F image=@photo.jpg localhost:8000/v1/pose
"""


async def test_the_answer_is_what_the_command_gets() -> None:
    assert COMMANDS in PAGE
    app = create_app(ServiceSettings(threads=1, streams=1))
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        answer = await posted(client)
    assert differences(shown_answer(PAGE), answer) == [], "make docs-pages writes it anew"


async def posted(client: httpx.AsyncClient) -> object:
    response = await client.post("/v1/pose", files={"image": ("photo.jpg", PHOTOGRAPH.read_bytes())})
    assert response.status_code == 200
    return response.json()


def test_another_answer_is_noticed_and_written() -> None:
    answer = copy.deepcopy(shown_answer(PAGE))
    answer["timings_ms"] = dict.fromkeys(answer["timings_ms"], 1.5)
    (person,) = answer["results"]
    person["keypoints"] = [*person["keypoints"][:6], *([7.0] * 45)]
    assert differences(shown_answer(PAGE), answer) == []
    assert page_with(PAGE, answer) == PAGE
    person["bbox"][0] += 20
    person["score"] += 0.2
    assert [line.split(":")[0] for line in differences(shown_answer(PAGE), answer)] == [
        ".results[0].bbox[0]",
        ".results[0].score",
    ]
    assert differences(shown_answer(page_with(PAGE, answer)), answer) == []
    assert differences(shown_answer(PAGE), answer | {"results": []}) == [".results: 1 shown, 0 answered"]
