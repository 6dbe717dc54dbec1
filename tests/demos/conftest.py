"""The real `mer demo` in a process of its own, and a real browser that looks at it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

MER = [sys.executable, "-c", "from realtime_mer.cli import main; main()"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LOCAL = ("data", "blob", "about")
START_S = 120


@dataclass
class Demo:
    """A running demo: its address, the folder it shares as ``--videos``, and its process."""

    address: str
    videos: Path
    process: subprocess.Popen
    said: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None


@pytest.fixture(scope="session")
def start_demo(tmp_path_factory, sample) -> Iterator[Callable[..., Demo]]:
    """``start_demo(*options, env={...})`` starts `mer demo` on a free port; ended at the end."""
    pytest.importorskip("gradio", reason="the front end needs realtime-mer[demo]")
    with ExitStack() as running:

        def start(*options: object, env: dict[str, str] | None = None) -> Demo:
            videos = tmp_path_factory.mktemp("videos")
            shutil.copy(sample, videos / "sample.mp4")
            command = [*MER, "demo", "--no-browser", "--videos", videos, "--port", free_port()]
            command += options
            process = subprocess.Popen(
                list(map(str, command)),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=os.environ | {"TMPDIR": str(tmp_path_factory.mktemp("tmp"))} | (env or {}),
            )
            demo = Demo("", videos, process)
            running.callback(end, demo)
            return wait_until_it_listens(demo)

        yield start


def free_port() -> int:
    """Return a port that no other test takes meanwhile, most likely."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_listens(demo: Demo) -> Demo:
    """Read what the process says until it names its address; go on reading in a thread."""
    timer = threading.Timer(START_S, demo.process.kill)
    timer.start()
    for line in demo.process.stdout:
        demo.said.append(line)
        found = re.search(r"https?://\S+", line)
        if line.startswith("mer demo:") and found:
            demo.address = found[0]
            break
    timer.cancel()
    if not demo.address:
        pytest.fail(f"mer demo did not start:\n{''.join(demo.said)}")
    demo.reader = threading.Thread(target=lambda: demo.said.extend(demo.process.stdout))
    demo.reader.start()
    return demo


def end(demo: Demo) -> None:
    """End a demo as Ctrl-C does."""
    process = demo.process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if demo.reader is not None:
        demo.reader.join()
    process.stdout.close()


@pytest.fixture(scope="session")
def demo(start_demo) -> Demo:
    """One demo that many tests share."""
    return start_demo()


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable]:
    """``launch(*arguments)`` starts headless Chromium, once for the same arguments."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (dev extra)")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"needs a browser: {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as driver, ExitStack() as running:
        started: dict[tuple[str, ...], object] = {}

        def start(*arguments: str):
            if arguments not in started:
                browser = driver.chromium.launch(
                    executable_path=path,
                    args=["--no-sandbox", "--disable-gpu", "--mute-audio", *arguments],
                )
                running.callback(browser.close)
                started[arguments] = browser
            return started[arguments]

        yield start


@pytest.fixture(scope="session")
def fake_camera(launch) -> Callable[[Path], object]:
    """``fake_camera(file)``: a browser whose camera plays a ``.mjpeg`` or ``.y4m`` file."""

    def start(film: Path):
        return launch(
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={film}",
        )

    return start


class Watched:
    """Pages whose complaints and foreign requests are collected."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.requested: set[str] = set()

    def page(self, browser, size=(1280, 720), dark=False, **context):
        """Return a new page of ``browser``, in a browser session of its own."""
        made = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            **context,
        )
        made.on("request", lambda request: self._note(request.url))
        page = made.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        return page

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in LOCAL:
            self.requested.add(parts.hostname or "")

    def _hear(self, message) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    @property
    def foreign(self) -> set[str]:
        """Machines other than this one that a page asked for something."""
        return self.requested - {"127.0.0.1"}


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Pages that fail the test when they complain in the console or ask another machine."""
    kept = Watched()
    yield kept
    assert not kept.foreign, f"requests left the machine: {sorted(kept.foreign)}"
    assert not kept.complaints, "\n".join(kept.complaints)


@pytest.fixture
def open_page(watched, launch, demo) -> Iterator[Callable]:
    """``open_page(browser=…, size=…, dark=…, address=…)`` opens the demo in a new session."""
    contexts = []

    def open_one(browser=None, *, size=(1280, 720), dark=False, address=None, **context):
        page = watched.page(browser or launch(), size, dark, **context)
        contexts.append(page.context)
        page.goto(address or demo.address)
        page.get_by_role("tab", name="Live camera").wait_for()
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page):
    """The demo at 1280×720; fails on complaints and foreign requests when the test is over."""
    return open_page()


def show_tab(page, name: str) -> None:
    """Turn to one of the five tabs, on a phone through the menu that hides the last ones."""
    tab = page.get_by_role("tab", name=name).first
    if not tab.is_visible():
        page.locator(".overflow-menu button").first.click()
        page.locator(".overflow-dropdown").get_by_text(name).click()
    else:
        tab.click()
