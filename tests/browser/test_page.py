"""The demo page as a visitor has it: photographs, camera, sliders, downloads, keys, themes, a phone."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import choose, file_of, scene

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


def set_slider(page: Page, name: str, value: float) -> None:
    page.locator(f"#{name}").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value
    )


def colours(page: Page) -> int:
    """How many pixels of the canvas have the colour of a right joint, which lies on top."""
    count = """canvas => {
      const d = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data; let n = 0;
      for (let i = 0; i < d.length; i += 4) if (d[i] === 56 && d[i+1] === 189 && d[i+2] === 248) n++; return n; }"""
    return page.locator("#canvas").evaluate(count)


def test_people_are_found_drawn_and_listed(page: Page) -> None:
    choose(page, scene())
    expect(page.locator("#status")).to_have_text("2 people in photo0.png.")
    expect(page.locator("#people > li")).to_have_count(2)
    expect(page.locator("#canvas")).to_have_attribute("aria-label", "photo0.png: 2 people")
    assert colours(page) > 0
    expect(page.locator("#times dt")).to_have_text(["decode", "detect", "queue", "estimate", "other"])


def test_the_sliders_act_without_a_request(page: Page) -> None:
    choose(page, scene())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    set_slider(page, "person-threshold", 0.7)
    expect(page.locator("#people > li")).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1")
    set_slider(page, "keypoint-threshold", 1.0)
    assert colours(page) == 0
    expect(page.locator("#people b")).to_have_text("0.00")  # no keypoint counts any more
    set_slider(page, "person-threshold", 0.99)
    expect(page.locator("#nobody")).to_contain_text("Nobody is as sure as that")
    assert asked == []


def test_the_pointer_names_a_keypoint_and_the_list_lights_up(page: Page) -> None:
    choose(page, scene())
    bounds = page.locator("#canvas").bounding_box()
    assert bounds
    scale = bounds["width"] / 320
    page.mouse.move(bounds["x"] + 64.5 * scale, bounds["y"] + 104.5 * scale)
    expect(page.locator("#tip")).to_have_text(re.compile(r"^[a-z ]+ 0\.\d\d$"))
    expect(page.locator("#people button").first).to_have_class("hovered")
    page.mouse.move(bounds["x"] + 1, bounds["y"] + 1)
    expect(page.locator("#tip")).to_be_hidden()


def test_a_person_opens_a_table_of_keypoints(page: Page) -> None:
    choose(page, scene())
    page.locator("#people button").first.click()
    rows = page.locator("#people li").first.locator("tbody tr")
    expect(rows).to_have_count(17)
    expect(rows.first.locator("th")).to_have_text("nose")
    assert abs(float(rows.first.locator("td").first.inner_text()) - 64.5) < 2
    page.keyboard.press("Escape")
    expect(page.locator("#people table").first).to_be_hidden()


def test_json_and_picture_are_saved_as_shown(page: Page) -> None:
    choose(page, scene())
    set_slider(page, "person-threshold", 0.7)
    with page.expect_download() as saved:
        page.click("#save-json")
    assert saved.value.suggested_filename == "photo0-pose.json"
    response = json.loads(saved.value.path().read_bytes())
    assert [person["bbox_score"] for person in response["results"]] == [pytest.approx(0.9, abs=1e-3)]
    with page.expect_download() as saved:
        page.click("#save-image")
    assert saved.value.suggested_filename == "photo0-pose.png"
    picture = cv2.imdecode(np.frombuffer(saved.value.path().read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (240, 320, 3)
    assert np.any(np.abs(picture.astype(int) - scene()[..., ::-1]) > 50)


def test_several_photographs_and_one_that_fails(page: Page) -> None:
    page.set_input_files(
        "#file",
        [
            {"name": "good.png", "mimeType": "image/png", "buffer": file_of(scene())},
            {"name": "bad.jpg", "mimeType": "image/jpeg", "buffer": file_of(scene(), ".jpg")[:900]},
        ],
    )
    strip = page.locator("#strip button")
    expect(strip.nth(0)).to_have_attribute("aria-label", "good.png, 2 people")
    expect(strip.nth(1)).to_have_attribute("aria-label", "bad.jpg, failed")
    strip.nth(1).click()
    expect(page.locator("#problem")).to_contain_text("The image cannot be decoded.")
    expect(page.locator("#problem-help")).to_contain_text("save it anew")
    strip.nth(0).click()
    expect(page.locator("#problem")).to_be_hidden()


def test_a_photograph_is_dropped_and_pasted(page: Page) -> None:
    give = """(target, [kind, bytes]) => { const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], kind + ".png", { type: "image/png" }));
      const event = kind === "drop" ? new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true })
        : new ClipboardEvent(kind, { clipboardData: data, bubbles: true }); target.dispatchEvent(event); }"""
    for kind in ("drop", "paste"):
        page.locator("#stage").evaluate(give, [kind, list(file_of(scene()))])
        expect(page.locator("#status")).to_have_text(f"2 people in {kind}.png.")


def test_a_type_that_browsers_do_not_show_is_shown_by_the_server(page: Page) -> None:
    choose(page, scene(), suffix=".tiff")
    expect(page.locator("#status")).to_have_text("2 people in photo0.tiff.")
    corner = page.locator("#canvas").evaluate("canvas => [...canvas.getContext('2d').getImageData(2, 2, 1, 1).data]")
    assert all(abs(value - 230) < 6 for value in corner[:3])


def test_a_large_photograph_is_sent_whole_and_shown_smaller(page: Page) -> None:
    large = cv2.resize(scene(), (1920, 960), interpolation=cv2.INTER_NEAREST)
    page.set_input_files("#file", [{"name": "l.png", "mimeType": "image/png", "buffer": file_of(large)}])
    expect(page.locator("#status")).to_have_text("2 people in l.png.")
    assert page.locator("#canvas").evaluate("canvas => [canvas.width, canvas.height]") == [1600, 800]
    page.click("#tab-json")
    shown = json.loads(page.locator("#snippet").inner_text())
    assert (shown["images"][0]["width"], shown["images"][0]["height"]) == (1920, 960)


def test_the_lines_to_copy_run(page: Page, tmp_path: Path) -> None:
    choose(page, scene())
    set_slider(page, "person-threshold", 0.7)
    (tmp_path / "photo0.png").write_bytes(file_of(scene()))
    curl = page.locator("#snippet").inner_text()
    answer = subprocess.run(["bash", "-c", curl], cwd=tmp_path, capture_output=True, check=True)
    assert len(json.loads(answer.stdout)["results"]) == 1
    page.click("#tab-python")
    python = page.locator("#snippet").inner_text()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-grpcurl")).to_be_focused()
    expect(page.locator("#snippet")).to_contain_text("fasterpose.v1.PoseService/Estimate")
    printed = subprocess.run([sys.executable, "-c", python], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert printed.stdout.count("first keypoint at (") == 1


def test_the_camera_is_live(page: Page) -> None:
    page.click("#live")
    expect(page.locator("#speed")).to_be_visible()
    expect(page.locator("#people > li")).to_have_count(2)
    expect(page.locator("#fps")).not_to_have_text("0")
    expect(page.locator("#latency")).to_have_text(re.compile(r"\d+ ms"))
    set_slider(page, "person-threshold", 0.7)
    expect(page.locator("#people > li")).to_have_count(1)
    page.check("#flip")  # told to the server while it streams
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "true")
    page.click("#live")
    expect(page.locator("#status")).to_have_text("The camera is off; its last picture stays.")
    expect(page.locator("#people > li")).to_have_count(1)


def test_people_before_the_camera_keep_their_numbers(page: Page) -> None:
    with page.expect_websocket() as opened:
        page.click("#live")
    expect(page.locator("#people .number")).to_have_text(["1", "2"])
    opened.value.wait_for_event("framereceived", lambda text: '"track_id":2' in str(text))
    expect(page.locator("#people button").first).to_have_attribute("aria-label", re.compile(r"^Person 1, score"))
    page.uncheck("#follow")  # told to the server while it streams
    opened.value.wait_for_event("framereceived", lambda text: "track_id" not in str(text))
    page.click("#live")


def test_a_camera_that_is_refused_says_what_to_do(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    page.goto(address)
    page.click("#live")
    expect(page.locator("#problem")).to_contain_text("Allow it beside the address of this page")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "false")
    context.close()


def test_a_server_that_is_gone_says_what_to_do(page: Page) -> None:
    page.context.set_offline(True)
    page.set_input_files("#file", [{"name": "photo0.png", "mimeType": "image/png", "buffer": file_of(scene())}])
    expect(page.locator("#problem")).to_contain_text("The server does not answer.")
    page.context.set_offline(False)
    page.click("#again")
    expect(page.locator("#status")).to_have_text("2 people in photo0.png.")


def test_all_is_reached_by_the_keyboard_in_order(page: Page) -> None:
    choose(page, scene())
    page.locator("h1").click()
    reached: list[str] = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("(({ id, dataset, tagName }) => id || dataset.sample || tagName)(document.activeElement)")
        )
    order = [
        "theme",
        "file",
        "live",
        "astronaut.jpg",
        "person-threshold",
        "keypoint-threshold",
        "boxes",
        "flip",
        "follow",
    ]
    order += ["save-json", "save-image", "tab-curl", "copy", "snippet"]
    places = [reached.index(name) for name in order]
    assert places == sorted(places)


def test_the_theme_is_the_systems_until_it_is_chosen(browser: Browser, address: str) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(address)
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(10, 14, 21)"
    expect(page.locator("#theme")).to_have_attribute("aria-pressed", "true")
    page.click("#theme")
    assert page.evaluate(background) == "rgb(244, 246, 250)"
    page.reload()
    assert page.evaluate(background) == "rgb(244, 246, 250)"
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_bars_people_with_disabilities(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 800})
    check(page)
    choose(page, scene(), scene())
    page.locator("#people button").first.click()
    check(page)
    page.set_input_files("#file", [{"name": "bad.jpg", "mimeType": "image/jpeg", "buffer": b"bad"}])
    expect(page.locator("#problem")).to_be_visible()
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def check(page: Page) -> None:
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
