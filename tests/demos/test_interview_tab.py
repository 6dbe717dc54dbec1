"""A recording goes in, is reviewed, and the reviewed files come out: in a real browser."""

import csv
import re
import warnings
from itertools import pairwise

import pytest

from tests.demos.conftest import show_tab

pytestmark = pytest.mark.slow

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pympi = pytest.importorskip("pympi.Elan", reason="pympi reads ELAN files back")

PLAYER = "#interview-player "
PATIENCE_MS = 120_000


def analysed(page, what):
    """Turn to the tab, give a path (str) or an upload (Path), wait for the candidates."""
    show_tab(page, "Recorded interview")
    if isinstance(what, str):
        page.locator("#interview-path").get_by_role("textbox").fill(what)
        page.locator("#interview-analyse").click()
    else:
        page.locator("#interview-upload input[type=file]").set_input_files(what)
    rows = page.locator(PLAYER + ".rv-row")
    rows.first.wait_for(timeout=PATIENCE_MS)
    return rows


def film(page, what="e.currentTime"):
    return page.locator(PLAYER + ".rv-video").evaluate(f"e => {what}")


def download(page, label, folder):
    page.locator(PLAYER + ".rv-saved", has_text="All judgements").wait_for()
    with page.expect_download() as coming:
        page.locator(PLAYER + "a", has_text=label).click()
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return path


def test_an_upload_is_reviewed_and_taken_away(page, sample, tmp_path):
    rows = analysed(page, sample)
    assert rows.count() == 3
    assert "surprise" in rows.nth(0).inner_text()

    rows.nth(1).click()
    page.wait_for_function(
        "() => document.querySelector('#interview-player .rv-video').currentTime > 3.5"
    )
    assert 3.5 < film(page) < 4.5
    assert film(page, "e.playbackRate") == 0.25
    assert not film(page, "e.paused")
    clip = page.locator(PLAYER + ".rv-clip")
    clip.wait_for(timeout=PATIENCE_MS)
    page.wait_for_function("() => document.querySelector('#interview-player .rv-clip').videoWidth")

    page.locator(PLAYER + ".rv-label").select_option("negative")
    page.locator(PLAYER + ".rv-note").fill("=lip corners")
    page.locator(PLAYER + ".rv-choice .rv-accept").click()
    rows.nth(2).get_by_role("button", name="Reject").click()

    document = download(page, "ELAN", tmp_path)
    assert document.name == "sample_reviewed.eaf"
    said = [
        a[2] for a in sorted(pympi.Eaf(str(document)).get_annotation_data_for_tier("face0/review"))
    ]
    assert said == ["#1 unseen", "#2 accepted → negative: =lip corners", "#3 rejected"]
    with download(page, "CSV", tmp_path).open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [line["review"] for line in table] == ["unseen", "accepted", "rejected"]
    assert table[1]["emotion"] == "positive"
    assert table[1]["reviewed_emotion"] == "negative"
    assert table[1]["note"] == "'=lip corners"
    assert list(table[1])[:3] == ["event_id", "segment", "face_id"]
    assert (
        "1 accepted · 1 rejected · 1 to review" in page.locator(PLAYER + ".rv-tally").inner_text()
    )


def test_the_keys_alone_are_enough(page):
    rows = analysed(page, "sample")
    page.locator(PLAYER + ".rv").focus()
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.keyboard.press("r")
    page.keyboard.press("p")
    page.keyboard.press("a")
    assert [row.get_attribute("data-verdict") for row in rows.all()] == [
        "accepted",
        "rejected",
        "unseen",
    ]
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelector('#interview-player .rv-video').paused")
    shown = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        shown.append(film(page))
    steps = [round((after - before) * 60, 1) for before, after in pairwise(shown)]
    assert steps == [1, 1, -1]
    page.locator(PLAYER + ".rv-note").fill("a nap")
    assert film(page, "e.paused")
    assert rows.nth(0).get_attribute("data-verdict") == "accepted"

    loops(page, rows)
    leafs_quickly(page)


def leafs_quickly(page):
    """The clip of the candidate where one stops comes, whatever was asked for on the way."""
    page.locator(PLAYER + ".rv").focus()
    for key in "nnpn":
        page.keyboard.press(key)
    clip = page.locator(PLAYER + ".rv-clip")
    clip.wait_for(timeout=PATIENCE_MS)
    assert "motion_3" in clip.get_attribute("src")


def loops(page, rows):
    rows.nth(0).click()
    film(page, "e.playbackRate = 4")
    beyond = "() => { const t = document.querySelector('#interview-player .rv-video').currentTime;"
    page.wait_for_function(beyond + " return t > 2.0 && t < 2.4 }")
    page.wait_for_function(beyond + " return t > 1.5 && t < 1.7 }")


def test_the_report_lies_in_a_box_of_its_own(page):
    analysed(page, "sample")
    page.locator("#interview-report button").first.click()
    inside = page.frame_locator("#interview-report iframe")
    inside.get_by_role("heading", name="sample.mp4").wait_for()
    box = page.locator("#interview-report iframe")
    assert box.get_attribute("sandbox") == "allow-scripts"


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "nothing.mp4"])
def test_other_files_of_the_machine_are_refused_in_the_same_words(page, path):
    show_tab(page, "Recorded interview")
    page.locator("#interview-path").get_by_role("textbox").fill(path)
    page.locator("#interview-analyse").click()
    alert = page.locator("#interview-status [role=alert]")
    alert.wait_for()
    assert "is not one of the videos allowed here" in alert.inner_text()


def test_stop_shows_what_was_found_so_far(page, demo, sample):
    analysed(page, "sample.mp4")  # a file of the shared folder
    page.locator("#interview-analyse").click()
    page.locator("#interview-stop").click()
    page.locator("#interview-status", has_text="Stopped by you").wait_for(timeout=PATIENCE_MS)


def test_two_visitors_do_not_see_each_others_recordings(open_page):
    one, other = open_page(), open_page()
    analysed(one, "sample").nth(0).get_by_role("button", name="Accept").click()
    rows = analysed(other, "sample")
    assert [row.get_attribute("data-verdict") for row in rows.all()] == ["unseen"] * 3
    sources = {film(page, "e.src") for page in (one, other)}
    assert len({source.split("/sessions/")[1].split("/")[0] for source in sources}) == 2


def test_it_fits_a_phone_and_the_dark(open_page):
    page = open_page(dark=True)
    analysed(page, "sample").nth(0).click()
    ground = "e => getComputedStyle(e.querySelector('.rv-side')).backgroundColor"
    dark = page.locator(PLAYER).evaluate(ground)
    assert sum(map(int, re.findall(r"\d+", dark)[:3])) < 3 * 60
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for button in page.locator(PLAYER + "button:visible:not(.rv-mark)").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 34
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
