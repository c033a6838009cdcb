"""Headless Chromium on a server with stand-in networks, and a camera that shows their scene."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from service.app import create_app
from service.serve import PoseServer, open_port
from service.settings import ServiceSettings
from tests.service.fakes import FIGURE, SPOT, make_pipeline

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: make test-browser installs it")

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def scene(width: int = 320) -> np.ndarray:
    """240 rows RGB: two figures, each with a spot that the stand-in networks see; the left one is surer."""
    image = np.full((240, width, 3), 230, np.uint8)
    image[60:200, 40:100] = FIGURE
    image[100:110, 60:70] = SPOT
    image[80:200, width - 100 : width - 60] = FIGURE
    image[150:158, width - 80 : width - 72] = SPOT
    return image


def file_of(image: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, image[..., ::-1])[1].tobytes()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """A running server."""
    settings = ServiceSettings(http_port=0, grpc_port=0, max_pixels=2_000_000)
    server = PoseServer(create_app(settings, make_pipeline), settings, time.perf_counter())
    with open_port("127.0.0.1", 0, "--http-port") as listener:
        thread = threading.Thread(target=lambda: server.run([listener]), daemon=True)
        thread.start()
        yield f"http://localhost:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with the scene before its camera."""
    found = next((path for path in map(shutil.which, CHROMIUMS) if path), None)
    if found is None:
        reason = "needs Chromium, on Debian: apt-get install chromium"
        if os.environ.get("FASTERPOSE_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    film: Path = tmp_path_factory.mktemp("camera") / "scene.mjpeg"
    film.write_bytes(file_of(scene(), ".jpg") * 3)
    camera = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    with sync_playwright() as tool:
        chromium = tool.chromium.launch(executable_path=found, args=["--no-sandbox", *camera])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, its models loaded; no script may fail, and nothing may be asked of another server."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, permissions=["camera"], accept_downloads=True
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("request", lambda request: None if is_own(request.url, address) else faults.append(request.url))
    page.goto(address)
    page.wait_for_selector("article.model")
    yield page
    context.close()
    assert faults == []


def is_own(url: str, address: str) -> bool:
    return url.startswith((address, address.replace("http", "ws"), "blob:", "data:"))


def choose(page: Page, *images: np.ndarray, suffix: str = ".png") -> None:
    """Pick photographs `photo0.png`, `photo1.png` ... and wait until the first is answered."""
    files = [(f"photo{i}{suffix}", file_of(image, suffix)) for i, image in enumerate(images)]
    kind = f"image/{suffix[1:]}"
    page.set_input_files("#file", [{"name": name, "mimeType": kind, "buffer": data} for name, data in files])
    page.locator("#status", has_text="photo0").wait_for()
