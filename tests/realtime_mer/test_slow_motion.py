"""Slow-motion clips of the bundled video's planted expressions, and of pictures made up here."""

import json

import av
import cv2
import numpy as np
import pytest

from realtime_mer.errors import ConfigError, OutputError, SourceError
from realtime_mer.events import Candidate
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.slow_motion import (
    FADE_S,
    RATE,
    REST_S,
    Look,
    Moments,
    fitting_amplification,
    side_by_side,
    side_by_side_pictures,
    write_side_by_side,
)
from realtime_mer.slow_motion_source import Stretch, _between, _sought, read_stretch
from realtime_mer.slow_motion_strip import GAP_PX, HEAD_PX, MARK, STRIP_PX, names, strip
from realtime_mer.sources import open_source
from realtime_mer.sources.file import top_boxes

CROP = 320
SIDE = 64


@pytest.fixture(scope="module")
def frown(sample) -> Candidate:
    """The planted frown of the bundled clip."""
    truth = json.loads(sample.with_name("sample.truth.json").read_text())
    planted = truth["micro_expressions"][2]
    frames = [planted[f"{name}_frame"] for name in ("onset", "apex", "offset")]
    seconds = [frame / truth["fps"] for frame in frames]
    return Candidate(0, 0, *frames, *seconds, ("brow_left",), 5.0, planted["peak_iod"], 1.0)


@pytest.fixture(scope="module")
def clip(sample, frown, tmp_path_factory):
    with MediaPipeMesh() as detector:
        out = tmp_path_factory.mktemp("slow") / "frown.mp4"
        return side_by_side(sample, frown, out, detector=detector)


def played(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def halves(picture, side):
    body = picture[HEAD_PX : HEAD_PX + side]
    return body[:, :side], body[:, side + GAP_PX :]


def test_it_lasts_as_long_as_the_event_and_rest_slowed(clip, frown):
    expected = round((frown.duration_s + 2 * REST_S) * 8 * RATE)
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert len(frames) == expected
        assert container.duration / 1e6 == pytest.approx(expected / RATE, abs=1 / RATE)
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert frames[0].height == HEAD_PX + CROP + STRIP_PX
        assert frames[0].width == 2 * CROP + GAP_PX
    with clip.open("rb") as stream:
        boxes = top_boxes(stream)
    assert boxes.index("moov") < boxes.index("mdat")


def test_nothing_else_is_left_beside_it(clip):
    assert [path.name for path in clip.parent.iterdir()] == ["frown.mp4"]


def test_motion_is_larger_on_the_right_and_not_torn(clip, frown):
    pictures = played(clip)
    apex = round((frown.apex_s - frown.onset_s + REST_S) * 8 * RATE)
    rest, peak = (halves(pictures[at], CROP) for at in (2, apex))
    flows = [
        cv2.calcOpticalFlowFarneback(
            *(cv2.cvtColor(picture[side], cv2.COLOR_RGB2GRAY) for picture in (rest, peak)),
            None, 0.5, 4, 31, 5, 7, 1.5, 0,
        )
        for side in (0, 1)
    ]  # fmt: skip
    size = np.hypot(*np.moveaxis(flows[0], -1, 0))[40:300, 40:280]
    moving = size > 0.6 * size.max()
    left, right = (flow[40:300, 40:280][moving] for flow in flows)
    assert 1.5 < size.max() < 6
    assert 1.25 < (left * right).sum() / (left**2).sum() < 3


def test_left_is_the_aligned_face_up_to_compression(clip, sample, frown):
    with MediaPipeMesh() as detector:
        stretch = read_stretch(
            sample, frown.onset_s - 0.5, frown.offset_s + 0.5, (frown.apex_s,), detector
        )
    apex = int(np.argmin(np.abs(stretch.time_s - frown.apex_s)))
    shown = halves(played(clip)[round((frown.apex_s - frown.onset_s + REST_S) * 8 * RATE)], CROP)
    wrong = np.abs(shown[0].astype(float) - stretch.crops_rgb[apex])
    assert wrong.mean() < 2.5


def test_it_can_be_played_in_a_loop(clip):
    pictures = [np.hstack(halves(picture, CROP)).astype(float) for picture in played(clip)]
    seam = np.abs(pictures[-1] - pictures[0]).mean()
    middle = len(pictures) // 2
    farthest = np.abs(pictures[middle] - pictures[0]).mean()
    assert seam < farthest / 2


def test_a_seek_finds_the_frames_that_reading_from_the_start_finds(sample, frown):
    span = frown.onset_s - 0.1, frown.offset_s + 0.1
    sought = _sought(sample, *span, [frown.onset_s, frown.apex_s])
    with open_source(sample) as source:
        read = list(_between(source, *span))
    assert [f.time_s for f in sought] == pytest.approx([f.time_s for f in read], abs=1e-9)
    assert all(np.array_equal(a.image_rgb, b.image_rgb) for a, b in zip(sought, read, strict=True))


def test_a_seek_that_meets_no_such_frame_is_given_up(sample):
    assert _sought(sample, 1.0, 1.2, [9.0]) is None


# Pictures made up ---------------------------------------------------------------------------------


def blob(seconds=1.4, rate=50, reach=1.0):
    """A soft spot, four pixels wide, that moves to the right and back between 0.5 and 0.9 s."""
    time_s = np.arange(round(seconds * rate)) / rate
    x = np.arange(SIDE)
    shift = reach * np.sin(np.pi * np.clip((time_s - 0.5) / 0.4, 0, 1)) ** 2
    row = np.exp(-(((x - 32 - shift[:, None]) / 4) ** 2))
    column = np.exp(-(((x - 32) / 4) ** 2))
    gray = 40 + 170 * column[None, :, None] * row[:, None, :]
    return Stretch(np.repeat(gray[..., None], 3, -1).astype(np.uint8), time_s)


MOVED = Moments(0.5, 0.7, 0.9)


def test_at_the_moment_of_a_picture_the_left_half_is_that_picture():
    stretch = blob()
    pictures = list(side_by_side_pictures(stretch, MOVED, Look(slow=10)))
    first = round((MOVED.onset_s - REST_S) * 50)
    safe = len(pictures) - round(FADE_S * RATE) - 1
    places = range(0, safe, 6)  # ten times slower, 30 a second: every sixth is a picture of 50/s
    assert len(places) > 20
    for number in places:
        left, _ = halves(pictures[number], SIDE)
        assert np.array_equal(left, stretch.crops_rgb[first + number // 6])


def test_without_amplification_both_halves_are_the_same():
    for picture in side_by_side_pictures(blob(), MOVED, Look(slow=2, amplification=1)):
        left, right = halves(picture, SIDE)
        assert np.array_equal(left, right)


def test_more_amplification_moves_farther():
    def reach(amplification):
        look = Look(slow=2, amplification=amplification)
        pictures = [halves(p, SIDE)[1] for p in side_by_side_pictures(blob(), MOVED, look)]
        apex = round((MOVED.apex_s - MOVED.onset_s + REST_S) * 2 * RATE)
        mass = [np.clip(p[..., 0] - 60.0, 0, None) for p in (pictures[0], pictures[apex])]
        centres = [(m * np.arange(SIDE)).sum() / m.sum() for m in mass]
        return centres[1] - centres[0]

    plain, more = reach(1), reach(3)
    assert plain == pytest.approx(1, abs=0.1)
    assert 1.4 < more / plain < 3.1


def test_the_last_picture_is_almost_the_first():
    pictures = [p[HEAD_PX : HEAD_PX + SIDE] for p in side_by_side_pictures(blob(), MOVED, Look())]
    far = np.abs(pictures[len(pictures) // 2] - pictures[0].astype(float)).mean()
    assert np.abs(pictures[-1] - pictures[0].astype(float)).mean() < 0.1 * far


def test_the_strip_marks_the_moments_and_the_dot_moves():
    marks = tuple(zip(("onset", "apex", "offset"), MOVED.all, strict=True))
    rows = [strip(400, (0.3, 1.1), marks, now).astype(int) for now in (0.35, 1.05)]
    tick = rows[0][10]
    places = 26 + (np.array(MOVED.all) - 0.3) / 0.8 * 348
    for x in places:
        assert np.abs(tick[round(x)] - MARK).max() < 25
    changed = np.flatnonzero(np.abs(rows[0][16] - rows[1][16]).sum(-1) > 60)
    assert changed.min() < 80
    assert changed.max() > 320
    assert names(400, "one", "two").shape == (HEAD_PX, 400, 3)


@pytest.mark.parametrize(
    ("amplitude", "expected"), [(0.04, 3.0), (0.001, 6.0), (0.2, 2.0), (0.0, 6.0)]
)
def test_amplification_follows_the_amplitude_within_bounds(amplitude, expected):
    assert fitting_amplification(amplitude) == pytest.approx(expected)


def test_what_cannot_be_is_said(tmp_path, sample, frown):
    with pytest.raises(ConfigError, match="slow is"):
        Look(slow=0.5)
    with pytest.raises(ConfigError, match="amplification is"):
        Look(amplification=0)
    with pytest.raises(ConfigError, match="onset <= apex"):
        Moments(1, 1, 1)
    stretch = blob()
    odd = Stretch(np.ascontiguousarray(stretch.crops_rgb[:, :, 1:]), stretch.time_s)
    with pytest.raises(ConfigError, match="even"):
        list(side_by_side_pictures(odd, MOVED, Look()))
    with pytest.raises(ConfigError, match="among"):
        list(side_by_side_pictures(stretch, Moments(0.5, 0.7, 9.0), Look()))
    with pytest.raises(OutputError, match="existing, writable folder"):
        write_side_by_side(stretch, MOVED, tmp_path / "none" / "clip.mp4")
    with pytest.raises(SourceError):
        side_by_side(tmp_path / "none.mp4", frown, tmp_path / "clip.mp4")
    assert not list(tmp_path.iterdir())
