"""A recording in, an analysis out: every kind of picture, bit for bit, whatever the threads."""

import csv
import json
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from realtime_mer.analysis import analyze_file, analyze_source
from realtime_mer.analyze_command import analyze_inputs
from realtime_mer.errors import OutputError, SourceError
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.sinks import FILES
from realtime_mer.sources import open_source
from tests.conftest import SAMPLE_RATE
from tests.realtime_mer.full_model import write_full
from tests.realtime_mer.sources.media import write_video

RAISE_S = (42 / SAMPLE_RATE, 67 / SAMPLE_RATE)
"""The planted brow raise in a clip that begins at frame 60 of the sample."""
SIZE = (640, 480)


def face_seen(analysis) -> float:
    """Return the share of the frames with a face."""
    return float(np.isfinite(analysis.signals.threshold_iod).all(axis=1).mean())


def overlaps(analysis, start_s, end_s) -> bool:
    """Return whether one event covers at least half of a stretch."""
    spans = [(e.candidate.onset_s, e.candidate.offset_s) for e in analysis.events]
    return any(min(b, end_s) - max(a, start_s) > (end_s - start_s) / 2 for a, b in spans)


def stripped(analysis):
    """Return what must not depend on how it was computed."""
    timing = {"stages", "wall_s", "throughput_fps", "analysed_at"}
    return {k: v for k, v in analysis.summary.items() if k not in timing}


def same(one, other):
    assert one.events == other.events
    assert one.gaps == other.gaps
    assert one.media == other.media
    assert one.evidence == other.evidence
    for name in ("time_s", "displacement_iod", "threshold_iod"):
        a, b = getattr(one.signals, name), getattr(other.signals, name)
        np.testing.assert_array_equal(a.view(np.uint8), b.view(np.uint8))
    assert stripped(one) == stripped(other)


@pytest.fixture(scope="module")
def clip(tmp_path_factory, face_frames):
    """Frames 60 … 159 of the sample: at rest, a blink, the brow raise, at rest."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return write_video(path, face_frames(60, 160), size=SIZE, rate=SAMPLE_RATE)


@pytest.fixture(scope="module")
def threaded(clip):
    with open_source(clip) as source:
        return analyze_source(source, threads=True)


def test_threads_change_nothing(clip, threaded):
    with open_source(clip) as source:
        same(analyze_source(source, threads=False), threaded)


def test_the_planted_raise_is_found(threaded):
    assert face_seen(threaded) == 1
    assert overlaps(threaded, *RAISE_S)
    assert [event.event_id for event in threaded.events] == sorted(threaded.evidence)
    assert threaded.events[0].emotion == "surprise"


def test_all_that_a_model_tells_comes_out(clip, tmp_path):
    console = Console(record=True, width=100)
    full = write_full(tmp_path / "full", p_none=0.7)
    assert analyze_inputs([str(clip)], tmp_path / "out", model=full, console=console) == 0
    said = console.export_text()
    assert "none" in said
    assert "lips part" in said
    folder = tmp_path / "out" / clip.stem
    with (folder / "events.csv").open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    assert (row["emotion"], row["confidence"], row["p_none"]) == ("none", "0.7000", "0.7000")
    assert row["p_negative"] == row["p_positive"] == row["p_surprise"] == "0.3333"
    assert row["action_units"].startswith("lips_part+chin_raise+")
    assert row["action_units"].endswith("+brow_raise")
    assert float(row["au_brow_raise"]) == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-4)
    counted = json.loads((folder / "summary.json").read_text())["events_per_emotion"]
    assert counted["none"] == sum(counted.values()) >= 1
    assert "Looks like <b>none of these</b>" in (folder / "report.html").read_text()


def test_evidence_is_four_pictures_of_the_crop(threaded):
    for evidence in threaded.evidence.values():
        pictures = (evidence.onset, evidence.apex, evidence.offset, evidence.residual)
        for picture in pictures:
            image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
            assert image.shape == (320, 320, 3)
            assert image.std() > 1
        assert len(set(pictures)) == 4


def test_opencv_threads_are_given_back(clip):
    before = cv2.getNumThreads()
    analyze_file(clip, stop=lambda: True)
    assert cv2.getNumThreads() == before


def test_stopping_keeps_what_was_found(clip, tmp_path):
    seen = []
    analysis = analyze_file(
        clip,
        tmp_path / "out",
        on_frame=lambda frame, found: seen.append((frame.index, found)),
        stop=lambda: len(seen) >= 90,
    )
    assert [index for index, _ in seen] == list(range(90))
    assert analysis.media.frames == len(analysis.signals.time_s) == 90
    assert analysis.summary["interrupted"] is True
    assert overlaps(analysis, *RAISE_S)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(FILES)


class Counting:
    """A detector that remembers what became of it."""

    def __init__(self):
        self.inner, self.runs, self.closed = MediaPipeMesh(), 0, False

    def detect(self, image_rgb):
        self.runs += 1
        return self.inner.detect(image_rgb)

    def reset(self):
        self.inner.reset()

    def close(self):
        self.closed = True
        self.inner.close()


def test_the_mesh_runs_on_few_frames_and_is_closed(clip):
    detector = Counting()
    with open_source(clip) as source:
        analysis = analyze_source(source, detector=detector)
    assert detector.closed
    assert analysis.summary["mesh_runs"] == detector.runs
    assert 1 <= detector.runs <= 40


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "size"),
    [
        ("ten_bit.mp4", "libx265", "yuv420p10le", SIZE),
        ("grey.mkv", "ffv1", "gray", SIZE),
        ("deep_grey.mkv", "ffv1", "gray16le", SIZE),
        ("odd.mkv", "ffv1", "yuv444p", (501, 479)),
    ],
)
def test_every_kind_of_pixel_shows_the_face(tmp_path, face_frames, name, codec, pixels, size):
    width, height = size
    frames = (
        np.ascontiguousarray(image[:height, 60 : 60 + width] if size != SIZE else image)
        for image in face_frames(60, 160)
    )
    path = write_video(
        tmp_path / name, frames, codec=codec, pixels=pixels, size=size, rate=SAMPLE_RATE
    )
    analysis = analyze_file(path)
    assert (analysis.media.width, analysis.media.height) == size
    assert face_seen(analysis) == 1
    assert overlaps(analysis, *RAISE_S)
    assert analysis.summary["problems"] == []


@pytest.mark.parametrize("degrees", [90, 180])
def test_a_rotated_recording_is_seen_upright(tmp_path, face_frames, degrees):
    turned = (
        np.ascontiguousarray(np.rot90(image, -degrees // 90)) for image in face_frames(60, 160)
    )
    stored = (480, 640) if degrees == 90 else SIZE
    path = write_video(
        tmp_path / "phone.mp4",
        turned,
        size=stored,
        rate=SAMPLE_RATE,
        setup=lambda stream: stream.set_display_rotation(degrees),
    )
    analysis = analyze_file(path)
    assert (analysis.media.width, analysis.media.height) == SIZE
    assert face_seen(analysis) == 1
    assert overlaps(analysis, *RAISE_S)


def test_uneven_frame_times_are_the_times_of_the_events(tmp_path, face_frames):
    rng = np.random.default_rng(4)
    kept = np.sort(rng.choice(np.arange(1, 100), 74, replace=False))
    kept = np.concatenate([[0], kept])
    frames = [image for k, image in enumerate(face_frames(60, 160)) if k in kept]
    path = write_video(
        tmp_path / "vfr.mp4",
        frames,
        size=SIZE,
        pts=(kept * 1500).tolist(),
        time_base=Fraction(1, 90_000),
    )
    analysis = analyze_file(path)
    np.testing.assert_allclose(analysis.signals.time_s, kept / SAMPLE_RATE, atol=1e-4)
    assert overlaps(analysis, *RAISE_S)


def test_a_face_that_leaves_and_returns_makes_a_gap_and_two_segments(tmp_path, face_frames):
    """At rest and a raise, a grey picture for 0.5 s, then on to the smile at frame 228."""
    away = (np.full((480, 640, 3), 120, np.uint8) for _ in range(30))
    frames = chain(face_frames(60, 140), away, face_frames(140, 275))
    path = write_video(tmp_path / "away.mp4", frames, size=SIZE, rate=SAMPLE_RATE)
    analysis = analyze_file(path)
    gone = (80 / SAMPLE_RATE, 110 / SAMPLE_RATE)
    assert len(analysis.gaps) >= 1
    assert analysis.gaps[0].start_s == pytest.approx(gone[0], abs=0.05)
    assert analysis.gaps[-1].end_s == pytest.approx(gone[1], abs=0.25)
    unseen = np.isnan(analysis.signals.displacement_iod).all(axis=1)
    assert unseen[82:109].all()
    assert not unseen[:79].any()
    assert not unseen[130:].any()
    smile_s = tuple((frame - 60 + 30) / SAMPLE_RATE for frame in (228, 252))
    assert overlaps(analysis, *RAISE_S)
    assert overlaps(analysis, *smile_s)
    first, last = analysis.events[0].candidate, analysis.events[-1].candidate
    assert first.segment < last.segment
    for event in analysis.events:
        assert event.candidate.offset_s < gone[0] or event.candidate.onset_s > gone[1]


def test_a_truncated_recording_is_analysed_as_far_as_it_goes(tmp_path, sample, capfd):
    whole = sample.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) * 2 // 5])
    assert analyze_inputs([str(cut)], tmp_path / "out") == 0
    told = capfd.readouterr()
    assert "cut.mp4: " in told.err
    assert "analysed what came before" in told.err
    summary = json.loads((tmp_path / "out" / "cut" / "summary.json").read_text("utf-8"))
    assert 100 < summary["frames"] < 500
    assert len(summary["problems"]) >= 1
    rows = list(csv.DictReader((tmp_path / "out/cut/events.csv").read_text("utf-8").splitlines()))
    assert any(1.6 < float(row["apex_s"]) < 2.0 for row in rows)


def test_the_same_name_twice_gives_two_folders(tmp_path):
    inputs = []
    for folder, name in (("a", "x.mp4"), ("b", "x.mp4"), ("c", "x-2.mp4"), ("d", "x.mkv")):
        (tmp_path / folder).mkdir()
        inputs.append(str(write_video(tmp_path / folder / name, 2)))
    assert analyze_inputs(inputs, tmp_path / "out") == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["x", "x-2", "x-2-2", "x-3"]
    for number, name in enumerate(("x", "x-2", "x-2-2", "x-3")):
        summary = json.loads((tmp_path / "out" / name / "summary.json").read_text("utf-8"))
        assert summary["media"] == inputs[number].rsplit("/", 1)[1]


def test_results_are_replaced_as_a_set_and_nothing_else_is_touched(tmp_path):
    clip, out = write_video(tmp_path / "x.mp4", 2), tmp_path / "out" / "x"
    out.mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    (out / "report.html").write_text("old")
    assert analyze_inputs([str(clip)], tmp_path / "out") == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "report.html").read_text("utf-8").startswith("<!")
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "notes.txt"])


def test_a_bad_input_leaves_earlier_results_alone(tmp_path):
    out = tmp_path / "out" / "x"
    out.mkdir(parents=True)
    (out / "report.html").write_text("old")
    (tmp_path / "x.mp4").write_text("no video")
    assert analyze_inputs([str(tmp_path / "x.mp4")], tmp_path / "out") == 1
    assert [path.name for path in out.iterdir()] == ["report.html"]
    assert (out / "report.html").read_text() == "old"


def test_python_users_get_errors_not_exit_codes(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        analyze_file(tmp_path / "missing.mp4")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose another folder"):
        analyze_file(write_video(tmp_path / "x.mp4", 1), tmp_path / "file" / "out")


VIDEOS = Path(__file__).parents[3] / "shared" / "videos"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "seen", "alarms"),
    [
        ("single_face.mp4", (0.9, 1.0), 1),
        ("no_face.mp4", (0.0, 0.0), 0),
        ("face_then_noface_hevc_vfr.mov", (0.3, 0.5), 1),
        ("noface_then_face_hevc_vfr.mov", (0.3, 0.5), 1),
        ("interview_24fps_640x360.mp4", (0.8, 1.0), 3),
    ],
)
def test_real_recordings_give_sane_results(name, seen, alarms):
    path = VIDEOS / name
    if not path.is_file():
        pytest.skip("the recordings are not on this machine")
    analysis = analyze_file(path)
    assert seen[0] <= face_seen(analysis) <= seen[1]
    assert len(analysis.events) <= alarms
    assert (face_seen(analysis) > 0.99) or analysis.gaps
    assert analysis.media.frames == len(analysis.signals.time_s)
