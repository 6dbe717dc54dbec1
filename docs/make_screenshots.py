"""Take the pictures of the front end from the front end itself, with a real browser.

Run it from the checkout, with the extras ``demo`` and ``dev`` and Chromium there:
``python docs/make_screenshots.py``.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

OUT = Path(__file__).parent / "pictures"
MER = [sys.executable, "-c", "from realtime_mer.cli import main; main()"]
PATIENCE_MS = 60_000
DURATION = re.compile(r"\d+ ms")


def main() -> None:
    """Start `mer demo`, go through two tabs with the bundled clip, keep what is seen."""
    process = subprocess.Popen([*MER, "demo", "--no-browser"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = re.search(r"https?://\S+", process.stdout.readline())
        if address is None:
            raise SystemExit("mer demo did not start")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"))
            page = browser.new_page(viewport={"width": 1280, "height": 860})
            page.goto(address[0])
            page.get_by_role("tab", name="Recorded interview").wait_for(timeout=PATIENCE_MS)
            take_live(page)
            take_interview(page)
            browser.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def take_live(page: Page) -> None:
    """Replay the bundled clip as if live, until its first event is in the table."""
    page.get_by_label("Source").first.fill("sample")
    page.get_by_role("button", name="Start").click()
    page.get_by_text(DURATION).first.wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(2500)
    page.screenshot(path=OUT / "live.jpg", type="jpeg", quality=88)
    page.get_by_role("button", name="Stop").first.click()


def take_interview(page: Page) -> None:
    """Analyse the bundled clip and look at its second candidate."""
    page.get_by_role("tab", name="Recorded interview").click()
    page.get_by_placeholder("sample, or a path in a shared folder").fill("sample")
    page.get_by_role("button", name="Analyse").click()
    page.get_by_text("3 candidates").first.wait_for(timeout=PATIENCE_MS)
    page.locator("#interview-player .rv-row").first.wait_for(timeout=PATIENCE_MS)
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.locator("#interview-player .rv-wait").wait_for(state="hidden", timeout=PATIENCE_MS)
    page.wait_for_timeout(3000)
    page.screenshot(path=OUT / "interview.jpg", type="jpeg", quality=88, full_page=True)


if __name__ == "__main__":
    main()
