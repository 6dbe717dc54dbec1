"""The live camera tab: the service with a real pipeline, then the page in a real browser."""

import csv
import io
import re
import threading
import zipfile

import cv2
import numpy as np
import pytest

from demos.live_picture import heated, small
from demos.live_service import LiveService, Start
from demos.safety import DemoSettings
from demos.workspace import Workspaces
from realtime_mer.errors import ConfigError, SourceError
from realtime_mer.face.regions import region_labels
from realtime_mer.face.topology import REGIONS
from realtime_mer.live import open_live
from realtime_mer.sinks import FILES
from tests.demos.conftest import show_tab

pytestmark = pytest.mark.slow

BROW_AT_S, SMILE_AT_S = (1.7, 2.12), (3.8, 4.2)
"""Onset and offset of the two expressions of the bundled clip."""
LIT = """canvas => canvas.getContext("2d").getImageData(160, 160, 40, 40).data
    .some(value => value > 60 && value < 250)"""
"""Says of a canvas whether something is drawn on it."""


def test_the_preview_tints_the_region_that_moves_and_no_other():
    crop = np.full((320, 320, 3), 90, np.uint8)
    levels = np.full(6, 0.2, np.float32)
    levels[REGIONS.index("mouth")] = 2.0
    inner = cv2.erode(
        (region_labels() == 1 + REGIONS.index("mouth")).astype(np.uint8), np.ones((5, 5))
    )
    tinted = heated(crop, levels)
    assert (tinted[inner > 0] != 90).any(axis=-1).all()
    elsewhere = cv2.dilate((region_labels() > 0).astype(np.uint8), np.ones((5, 5))) == 0
    assert (tinted[elsewhere] == 90).all()
    assert (crop == 90).all()


def test_large_pictures_are_made_small_and_small_ones_kept():
    assert small(np.zeros((1080, 1920, 3), np.uint8)).shape == (480, 853, 3)
    assert small(np.zeros((240, 320, 3), np.uint8)).shape == (240, 320, 3)
    assert small(np.zeros((100, 4000, 3), np.uint8)).shape[1] <= 860


@pytest.fixture(scope="module")
def watched_service(sample, tmp_path_factory):
    """A service that has watched the bundled clip, unpaced, with its result files."""
    folder = tmp_path_factory.mktemp("live")
    service = LiveService()
    service.start(
        Start(
            title="sample.mp4",
            open_session=lambda evidence: open_live(sample, speed=float("inf"), evidence=evidence),
            scratch=folder,
            hidden=str(sample),
            folder=folder / "out",
        )
    )
    assert service.join(240)
    return service


def test_the_service_finds_what_is_in_the_clip(watched_service):
    status = watched_service.status()
    assert status["state"] == "ended", status["message"]
    found = [(row["onset_s"], row["offset_s"]) for row in status["rows"]]
    for begin, end in (BROW_AT_S, SMILE_AT_S):
        assert any(on < end and off > begin for on, off in found)
    assert [row["id"] for row in status["rows"]] == list(range(1, len(found) + 1))


def test_only_what_is_new_is_told(watched_service):
    status = watched_service.status()
    last = status["samples"][-1][0]
    assert len(status["samples"]) > 200
    assert watched_service.status(after_s=last, after_event=99)["samples"] == []
    assert watched_service.status(after_event=1)["rows"][0]["id"] == 2
    steps = np.diff([sample[0] for sample in status["samples"]])
    assert steps.min() > 0.015


def test_the_preview_and_thumbnails_are_pictures(watched_service):
    preview = watched_service.picture()
    page = cv2.imdecode(np.frombuffer(preview.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert page.shape == (480, preview.split + 320, 3)
    assert page[:, preview.split :].std() > 20
    assert watched_service.picture(preview.number) is None
    assert watched_service.thumbnail(1, "apex").startswith(b"\xff\xd8")
    assert watched_service.thumbnail(1, "offset") is None


def test_the_files_are_those_of_analyze(watched_service):
    written = {path.name for path in watched_service.folder().iterdir()}
    assert set(FILES) <= written


def test_nothing_runs_on_after_the_end(watched_service):
    assert not [t.name for t in threading.enumerate() if t.name.startswith("mer-")]


def test_a_source_that_cannot_be_opened_is_told_without_its_place(tmp_path):
    def fail(evidence):
        raise SourceError(f"cannot open {tmp_path}/film.mp4: no video")

    service = LiveService()
    service.start(Start("film.mp4", fail, tmp_path, hidden=f"{tmp_path}/film.mp4"))
    assert service.join(30)
    status = service.status()
    assert (status["state"], status["message"]) == ("failed", "cannot open film.mp4: no video")


def test_a_new_start_ends_the_session_before(sample, tmp_path):
    service = LiveService()
    endless = Start("a", lambda evidence: open_live(sample, loop=True, evidence=evidence), tmp_path)
    service.start(endless)
    service.start(endless)
    assert service.status()["run"] == 2
    service.stop()
    assert service.status()["state"] == "ended"
    assert not [t.name for t in threading.enumerate() if t.name.startswith("mer-")]


@pytest.mark.parametrize(
    "source", ["/etc/passwd", "film.mp4", "file:///etc/passwd", ".", "", "ftp://a/b"]
)
def test_sources_that_are_not_allowed_are_refused(source, tmp_path):
    pytest.importorskip("gradio", reason="the front end needs realtime-mer[demo]")
    from demos.live_tab import Wish, start_of

    spaces = Workspaces(tmp_path)
    wish = Wish(source, 4.0, "bundled", "auto", 1, True)
    with pytest.raises((ConfigError, SourceError)):
        start_of(wish, spaces.of("a"), DemoSettings(workspaces=spaces))
    spaces.close()


def begin(page, source: str) -> None:
    page.locator('.mer-live:not([data-mer-live=""])').wait_for()
    page.locator("#mer-source").locator("input, textarea").fill(source)
    page.locator("#mer-start").click()


def test_a_replay_is_watched_in_the_page(page, demo):
    show_tab(page, "Live camera")
    begin(page, "sample")
    page.locator(".mer-state[data-state=running]").wait_for(timeout=120_000)
    page.locator(".mer-live[data-pictured]").wait_for()
    assert page.locator(".mer-frame").evaluate(LIT)
    page.locator(".mer-state[data-state=ended]").wait_for(timeout=120_000)
    page.locator(".mer-downloads a").first.wait_for()
    assert "dropped" in page.locator(".mer-figures").inner_text()
    with page.expect_download() as got:
        page.get_by_role("link", name="everything (zip)").click()
    with zipfile.ZipFile(got.value.path()) as archive:
        assert sorted(archive.namelist()) == sorted(FILES)
        events = list(csv.DictReader(io.StringIO(archive.read("events.csv").decode())))
    assert page.locator(".mer-table tbody tr").count() == len(events)


def test_what_cannot_be_opened_is_told_in_the_page(page):
    begin(page, "/etc/passwd")
    page.get_by_text("is not one of the videos allowed here").wait_for()


def test_stop_ends_a_session_and_a_start_begins_anew(page):
    begin(page, "sample")
    page.locator(".mer-state[data-state=running]").wait_for(timeout=120_000)
    page.locator("#mer-stop").click()
    page.locator(".mer-state[data-state=ended]").wait_for(timeout=60_000)
    begin(page, "sample")
    page.locator(".mer-state[data-state=running]").wait_for(timeout=120_000)


def test_two_visitors_do_not_see_each_other(open_page, demo):
    mine, yours = open_page(), open_page()
    for page in (mine, yours):
        page.locator('.mer-live:not([data-mer-live=""])').wait_for()
    tokens = [page.locator(".mer-live").get_attribute("data-mer-live") for page in (mine, yours)]
    assert len(set(tokens)) == 2
    assert all(re.fullmatch(r"[\w-]{32}", token) for token in tokens)
    begin(mine, "sample")
    mine.locator(".mer-state[data-state=running]").wait_for(timeout=120_000)
    assert yours.locator(".mer-state").get_attribute("data-state") == "idle"
    assert yours.locator(".mer-live[data-pictured]").count() == 0
