"""The game in a real browser: a face, an answer by key, an explanation, the next face."""

import pytest

from tests.demos.conftest import show_tab

pytestmark = pytest.mark.slow

pytest.importorskip("playwright.sync_api", reason="needs playwright (dev extra)")
RENDERED_MS = 120_000


def begin(page):
    show_tab(page, "Train your eye")
    page.get_by_role("button", name="Show me a face").click()
    return face(page, 0)


def face(page, number):
    found = page.locator(f"#eye-stage video[data-trial='{number}']")
    found.wait_for(timeout=RENDERED_MS)
    return found


def test_a_face_an_answer_an_explanation_and_the_next_face(page):
    show_tab(page, "Train your eye")
    assert "The faces are rendered" in page.locator("#eye-stage").inner_text()
    video = begin(page)
    page.wait_for_function("document.querySelector('#eye-stage video').ended", timeout=60_000)
    assert video.evaluate("v => [v.videoWidth, v.controls, v.loop]") == [400, False, False]
    page.keyboard.press("2")
    page.locator(".eye-verdict").wait_for(timeout=RENDERED_MS)
    assert "AU " in page.locator(".eye-moved").inner_text()
    slow = page.locator(".eye-slow")
    slow.evaluate("v => new Promise(done => v.readyState > 1 ? done() : v.oncanplay = done)")
    assert slow.evaluate("v => v.loop && v.videoWidth > 1.5 * v.videoHeight")
    assert " of 1" in page.locator("#eye-score").inner_text()
    counts = page.locator(".eye-confusion tbody td").all_inner_texts()
    assert sorted(counts) == ["1"] + ["·"] * 8
    page.keyboard.press("Enter")
    face(page, 1)
    page.get_by_role("button", name="Surprise").click()
    page.locator(".eye-verdict").wait_for(timeout=RENDERED_MS)
    assert " of 2" in page.locator("#eye-score").inner_text()


def test_nothing_tells_the_answer_before_it_is_given(page):
    begin(page)
    text = page.locator("#eye-stage").inner_html().split("base64,")[0]
    assert not any(word in text for word in ("negative", "positive", "surprise", "raised"))


def test_two_people_do_not_share_a_score(open_page):
    first, second = open_page(), open_page()
    begin(first)
    first.keyboard.press("1")
    first.locator(".eye-verdict").wait_for(timeout=RENDERED_MS)
    begin(second)
    assert " of 1" in first.locator("#eye-score").inner_text()
    assert " of " not in second.locator(".eye-tiles").inner_text()


def test_keys_do_nothing_while_another_tab_is_seen(page):
    begin(page)
    show_tab(page, "Benchmarks")
    page.keyboard.press("1")
    show_tab(page, "Train your eye")
    assert page.locator("#eye-stage video[data-trial]").count() == 1
    assert page.locator(".eye-verdict").count() == 0


def test_it_fits_a_phone(open_page):
    page = open_page(size=(390, 844), dark=True)
    begin(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator("#eye-negative").bounding_box()
    assert box["y"] + box["height"] < 844
