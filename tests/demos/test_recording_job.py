import shutil
import threading

import av
import pytest

from demos.recording_job import RecordingJob
from realtime_mer.errors import MerError
from realtime_mer.review import Judgement, Verdict, read_csv, read_elan
from realtime_mer.sources import open_source


@pytest.fixture(scope="module")
def recording(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("private")
    job = RecordingJob(sample, folder, name="my <clip>.mp4", longest_s=60).start()
    assert job.wait(120)
    return job.result()


def test_a_recording_is_found_with_all_that_the_page_needs(recording, sample):
    assert [event.emotion for event in recording.analysis.events][:2] == ["surprise", "positive"]
    assert recording.shown.samefile(sample)
    assert recording.shown.parent == recording.folder
    assert recording.shown_start_s == 0
    assert recording.cut_short == ""


def test_nothing_in_the_results_tells_where_the_recording_lay(recording, sample):
    assert recording.analysis.media.name == "my <clip>.mp4"
    assert recording.analysis.summary["input"] == "my <clip>.mp4"
    page = recording.report.read_text("utf-8")
    assert str(sample.parent) not in page
    assert str(recording.folder) not in page
    assert "<clip>" not in page


def test_judgements_are_in_the_files_at_once(recording, tmp_path):
    pytest.importorskip("gradio", reason="the front end needs realtime-mer[demo]")
    from demos.review_tab import Sitting

    shutil.copytree(recording.folder, tmp_path / "own")
    own = type(recording)(
        recording.analysis, tmp_path / "own", recording.source, recording.shown, 0.0
    )
    sitting = Sitting(own)
    said = Judgement(Verdict.ACCEPTED, "negative", "=lid")
    sitting.judge(2, said)
    table, document, report = sitting.exports.values()
    assert read_csv(table.read_text("utf-8")).of(2) == said
    assert read_elan(document.read_text("utf-8")).of(2) == said
    assert "file:///my &lt;clip&gt;.mp4" in document.read_text("utf-8")
    assert report.exists()
    shown = sitting.shown()
    assert shown["events"][1]["verdict"] == "accepted"
    assert not any(str(tmp_path) in address and "own" not in address for address in _texts(shown))
    with pytest.raises(MerError, match="no candidate 99"):
        sitting.judge(99, said)


def _texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def test_one_session_never_gets_what_lies_before_another(recording, tmp_path):
    pytest.importorskip("gradio", reason="the front end needs realtime-mer[demo]")
    from demos.review_tab import Desk, Sitting
    from demos.workspace import Workspaces

    spaces = Workspaces(tmp_path)
    mine, other = spaces.of("mine"), spaces.of("other")
    folder = mine.new_folder("recording")
    shutil.copytree(recording.folder, folder, dirs_exist_ok=True)
    (folder / "report.html").write_text("report")
    sitting = Sitting(
        type(recording)(recording.analysis, folder, recording.source, recording.shown, 0.0)
    )
    desk = Desk()
    desk.put(mine, sitting)
    assert desk.of(mine, sitting.key) is sitting
    assert desk.of(other, sitting.key) is None
    assert desk.of(mine, "another") is None
    spaces.close_session("mine")
    assert desk.of(mine, sitting.key) is None
    assert not folder.exists()
    spaces.close()


def test_stopping_keeps_what_was_found_so_far(sample, tmp_path):
    job = RecordingJob(sample, tmp_path, name="a.mp4", longest_s=60)
    job.stop()
    found = job.start().result()
    assert found.analysis.media.frames == 0
    assert "Stopped by you" in found.cut_short


def test_a_recording_longer_than_allowed_is_analysed_up_to_there(sample, tmp_path):
    found = RecordingJob(sample, tmp_path, name="a.mp4", longest_s=0.5).start().result()
    assert found.analysis.media.frames == 31
    assert "first 0.00833 minutes" in found.cut_short
    assert found.cut_short in found.analysis.summary["notes"]


def test_progress_says_how_far_it_is(sample, tmp_path):
    ticks = iter(range(10**6))
    job = RecordingJob(
        sample, tmp_path, name="a.mp4", longest_s=0.5, clock=lambda: float(next(ticks))
    )
    job.start().result()
    assert job.progress.share == pytest.approx(0.05, abs=0.005)
    assert job.progress.media_s == pytest.approx(0.5, abs=0.01)
    assert 0 < job.progress.speed < 0.1


def test_what_cannot_be_analysed_says_why_and_leaves_no_thread(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("nothing")
    before = threading.active_count()
    job = RecordingJob(path, tmp_path, name="a.mp4", longest_s=9).start()
    with pytest.raises(MerError, match="not a video"):
        job.result()
    assert threading.active_count() == before


def test_a_codec_that_no_browser_plays_is_shown_as_it_was_analysed(face_frames, tmp_path):
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as made:
        stream = made.add_stream("mpeg4", rate=60)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for image in face_frames(0, 40):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        made.mux(stream.encode(None))
    found = RecordingJob(path, tmp_path, name="a.avi", longest_s=9).start().result()
    assert found.shown.suffix == ".mp4"
    with open_source(found.shown) as shown, open_source(path) as given:
        there = [frame.time_s + found.shown_start_s for frame in shown]
        assert there == pytest.approx([frame.time_s for frame in given], abs=2e-5)
