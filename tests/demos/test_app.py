"""The page as a whole, in a real browser."""

import threading

import pytest

from demos.command import need_gradio
from realtime_mer.errors import ConfigError
from tests.demos.conftest import show_tab
from tests.demos.test_safety import get

pytestmark = pytest.mark.slow

FOCUSED = """(() => {
    const here = document.activeElement, style = getComputedStyle(here);
    const name = here.innerText === "Start" ? "Start" : here.tagName;
    return [name, style.outlineStyle, parseFloat(style.outlineWidth)];
})()"""
"""Says what has the focus and how it is outlined."""
TABS = ("Live camera", "Browser camera", "Recorded interview", "Benchmarks", "Train your eye")


def test_the_five_tabs_open_in_this_order_without_a_complaint(page):
    tabs = [tab.inner_text() for tab in page.get_by_role("tab").all() if tab.is_visible()]
    assert tabs == list(TABS)
    for name in TABS:
        show_tab(page, name)
        assert page.get_by_role("tab", name=name).get_attribute("aria-selected") == "true"
        panel = page.get_by_role("tabpanel").filter(visible=True)
        assert panel.count() == 1
        assert len(panel.inner_text()) > 20


def test_the_statement_is_seen_at_once_and_opens_with_the_keyboard(page):
    summary = page.locator(".mer-statement summary")
    assert summary.is_visible()
    assert "never “this person lies”" in summary.inner_text()
    assert summary.bounding_box()["y"] < 120
    summary.focus()
    page.keyboard.press("Enter")
    told = page.locator(".mer-statement dl").inner_text()
    for word in ("lie detector", "consent", "faces unlike these", "false alarms"):
        assert word in told


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_page_is_wider_than_the_screen(open_page, size, dark):
    page = open_page(size=size, dark=dark)
    for name in TABS:
        show_tab(page, name)
        page.wait_for_timeout(300)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size[0], name


def test_the_keyboard_alone_reaches_start_and_shows_where_it_is(page):
    for _ in range(30):
        page.keyboard.press("Tab")
        name, style, width = page.evaluate(FOCUSED)
        assert name == "BODY" or (style != "none" and width >= 1), name
        if name == "Start":
            break
    assert name == "Start"


def test_closing_the_page_removes_its_folder(start_demo, launch, watched):
    demo = start_demo(env={"GRADIO_HEARTBEAT_INTERVAL": "0.5"})
    page = watched.page(launch())
    page.goto(demo.address)
    page.locator('.mer-live:not([data-mer-live=""])').wait_for()
    token = page.locator(".mer-live").get_attribute("data-mer-live")
    assert get(demo.address, f"/mer/live/{token}/status")[0] == 200
    page.context.close()
    for _ in range(120):
        if get(demo.address, f"/mer/live/{token}/status")[0] == 404:
            break
        demo.process.poll()
        threading.Event().wait(0.25)
    assert get(demo.address, f"/mer/live/{token}/status")[0] == 404


def test_gradio_missing_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr("demos.command.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install .realtime-mer\[demo\]"):
        need_gradio()
