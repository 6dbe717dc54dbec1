"""Rendered clips against what was asked for. The portrait is public domain (scikit-image)."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import realtime_mer
from offline.synthesis.action_units import displacement, scaled_to_peak
from offline.synthesis.clip_spec import ClipSpec, Distractor, MicroExpression, frame_ticks
from offline.synthesis.dataset import spotting_suite
from offline.synthesis.plate import build_plate
from offline.synthesis.portrait import Portrait
from offline.synthesis.render import render_clip, write_clip
from offline.synthesis.sample import sample_clip
from offline.synthesis.truth import Truth, true_story
from realtime_mer.errors import ConfigError, OutputError, SourceError
from realtime_mer.face.topology import inter_ocular_distance

IOD = 90.0
BASE = ClipSpec(fps=40, duration_s=0.5, width=480, height=400, face_iod_px=IOD)
STILL = replace(
    BASE,
    drift_iod=0.0,
    drift_deg=0.0,
    drift_scale=0.0,
    exposure_drift=0.0,
    noise_gaussian=0.3,
    noise_poisson=0.0,
)


def _me(onset, activation, peak=0.05, emotion="positive"):
    units = tuple((n, *sides) for n, sides in scaled_to_peak(activation, peak).items())
    return MicroExpression(onset, onset + 0.1, onset + 0.25, emotion, units, peak)


def _track(before, after, points):
    """Where points of one picture lie in another: (measured displacement, found)."""
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (before, after)]
    start = points.astype(np.float32)
    end, found, _ = cv2.calcOpticalFlowPyrLK(*grey, start, None, winSize=(15, 15), maxLevel=2)
    return end - start, found.ravel() == 1


def _expected(me, mesh):
    """Forward displacement of mesh points at the apex, in pixels."""
    points, moved = mesh[:, :2], np.zeros((len(mesh), 2))
    for _ in range(20):
        moved = displacement(me.activation, mesh[:, :2], points + moved)
    return moved


@pytest.mark.parametrize(
    ("activation", "peak"),
    [({12: (1.0, 0.0)}, 0.05), ({1: (1, 1), 2: (1, 1)}, 0.03), ({4: (0.3, 1.0)}, 0.04)],
)
def test_rendered_skin_moves_as_far_and_where_the_truth_says(portrait, activation, peak):
    me = _me(0.1, activation, peak)
    spec = replace(STILL, micro_expressions=(me,), skin_texture=25.0)  # texture to hold on to
    frames = list(render_clip(spec, portrait))
    mesh = build_plate(spec, portrait).mesh
    wanted = _expected(me, mesh)
    measured, found = _track(frames[4], frames[8], mesh[:, :2])  # onset 0.1 s, apex 0.2 s
    large = found & (np.hypot(*wanted.T) > 0.4 * peak * IOD)
    still = found & (np.hypot(*wanted.T) < 0.005 * peak * IOD)
    assert large.sum() > 10
    gains = (measured[large] * wanted[large]).sum(1) / (wanted[large] ** 2).sum(1)
    assert 0.93 < np.median(gains) < 1.07
    assert np.median(np.hypot(*(measured - wanted)[large].T)) < 0.2
    assert still.sum() > 40
    assert np.quantile(np.hypot(*measured[still].T), 0.9) < 0.1
    back, found = _track(frames[4], frames[15], mesh[:, :2])  # offset 0.35 s
    assert np.quantile(np.hypot(*back[found].T), 0.9) < 0.1


def test_the_plate_puts_the_face_where_the_spec_says(portrait):
    spec = replace(STILL, face_iod_px=77.0, face_x=0.4, face_y=0.55)
    mesh = build_plate(spec, portrait).mesh
    frame = next(render_clip(replace(spec, skin_texture=0.0), portrait))
    assert inter_ocular_distance(mesh) == pytest.approx(77.0)
    seen = Portrait.from_image(frame).mesh
    assert np.median(np.hypot(*(seen - mesh)[:, :2].T)) < 0.03 * 77.0
    eyes = mesh[[33, 133, 263, 362], :2].mean(0)
    np.testing.assert_allclose(eyes, [0.4 * 480, 0.55 * 400 - 77.0 / 2], atol=0.01)


def test_same_seed_same_frames_other_seed_other_noise(portrait):
    spec = replace(BASE, duration_s=0.1, identity_seed=4)
    first, again = (np.stack(list(render_clip(spec, portrait))) for _ in range(2))
    other = np.stack(list(render_clip(spec.with_seed(5), portrait)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.3


def test_lids_cover_the_iris_and_open_again(portrait):
    spec = replace(STILL, distractors=(Distractor("blink", 0.1, 0.4, 1.0),))
    frames = list(render_clip(spec, portrait))
    mesh = build_plate(spec, portrait).mesh
    for iris in (468, 473):
        x, y = np.rint(mesh[iris, :2]).astype(int)
        eye = [float(f[y - 3 : y + 4, x - 3 : x + 4].mean()) for f in frames]
        assert max(eye) > eye[0] + 25  # skin instead of a dark iris
        assert abs(eye[-1] - eye[0]) < 2
    nose = [float(f[int(mesh[4, 1]), int(mesh[4, 0])].mean()) for f in frames]
    assert np.ptp(nose) < 6


def test_irises_move_and_the_face_does_not(portrait):
    spec = replace(STILL, distractors=(Distractor("gaze", 0.05, 0.5, 0.08, seed=3),))
    frames = list(render_clip(spec, portrait))
    mesh = build_plate(spec, portrait).mesh
    irises, found = _track(frames[0], frames[10], mesh[[468, 473], :2])
    assert found.all()
    assert 0.03 * IOD < np.abs(irises[:, 0]).min() < 0.12 * IOD
    cheeks, _ = _track(frames[0], frames[10], mesh[[50, 280, 4, 61, 291], :2])
    assert np.abs(cheeks).max() < 0.2


def test_parting_lips_show_a_dark_gap(portrait):
    spec = replace(STILL, distractors=(Distractor("speech", 0.05, 0.5, 0.12, seed=1),))
    frames = list(render_clip(spec, portrait))
    x, y = np.rint(build_plate(spec, portrait).mesh[14, :2]).astype(int)
    darkness = [int((f[y - 2 : y + 14, x - 8 : x + 9].mean(-1) < 70).sum()) for f in frames]
    assert darkness[0] < 10
    assert max(darkness) > 40


def test_turning_moves_the_nose_farther_than_the_ears(portrait):
    spec = replace(STILL, duration_s=1.0, distractors=(Distractor("turn", 0.1, 0.9, 6.0),))
    frames = list(render_clip(spec, portrait))
    mesh = build_plate(spec, portrait).mesh
    moved, _ = _track(frames[0], frames[20], mesh[[4, 234, 454], :2])
    assert moved[0, 0] > 0.08 * IOD
    assert moved[0, 0] > 1.4 * moved[1:, 0].max()


def test_a_hand_covers_the_face_and_leaves(portrait):
    spec = replace(STILL, duration_s=1.0, distractors=(Distractor("hand", 0.1, 0.9, 0.5),))
    frames = list(render_clip(spec, portrait))
    changed = [float((np.abs(f.astype(int) - frames[0]).max(-1) > 12).mean()) for f in frames]
    assert max(changed) > 0.05
    assert changed[-1] < 0.001
    assert changed[3] < 0.001


def test_a_cut_changes_the_whole_picture_at_once(portrait):
    spec = replace(STILL, distractors=(Distractor("cut", 0.25, 0.25, 1.0),))
    frames = [f.astype(int) for f in render_clip(spec, portrait)]
    steps = [np.abs(b - a).mean() for a, b in pairwise(frames)]
    assert int(np.argmax(steps)) == 9  # frame 10 is the first after 0.25 s
    assert steps[9] > 20 * np.median(steps)


def test_mains_light_beats_with_the_frame_rate(portrait):
    spec = replace(
        STILL,
        duration_s=1.0,
        fps=30,
        flicker_hz=100,
        flicker_depth=0.1,
        exposure_s=0.001,
        face_iod_px=60,
    )
    levels = np.array([f.mean() for f in render_clip(spec, portrait)])
    spectrum = np.abs(np.fft.rfft(levels - levels.mean()))
    assert int(np.argmax(spectrum)) == 10  # 100 Hz seen at 30 frames/s: 10 Hz
    assert 0.05 < np.ptp(levels) / levels.mean() < 0.25
    banded = next(render_clip(replace(spec, readout=0.9), portrait)).mean((1, 2))
    plain = next(render_clip(replace(spec, flicker_depth=0.0), portrait)).mean((1, 2))
    assert np.ptp(banded / plain) > 0.1


def test_noise_has_the_requested_size(portrait):
    spec = replace(STILL, noise_gaussian=3.0, duration_s=1.0, face_iod_px=60)
    frames = np.stack([f[:60, :120] for f in render_clip(spec, portrait)]).astype(float)
    assert frames.std(0).mean() == pytest.approx(3.0, rel=0.15)


@pytest.mark.parametrize(
    ("fps", "jitter", "drops"), [(30, 0, 0), (200, 0, 0), (29.97, 0, 0), (60, 0.3, 0.1)]
)
def test_written_times_and_truth_are_exact(portrait, tmp_path, fps, jitter, drops):
    spec = replace(
        BASE,
        fps=fps,
        jitter=jitter,
        drop_rate=drops,
        micro_expressions=(_me(0.1, {4: (1, 1)}, emotion="negative"),),
    )
    truth = write_clip(spec, portrait, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        times = [frame.pts * stream.time_base * 90_000 for frame in container.decode(video=0)]
    assert times == frame_ticks(spec).tolist()
    assert truth.frames == len(times)
    assert Truth.load(tmp_path / "clip.truth.json") == truth
    apex = truth.micro_expressions[0]
    assert abs(times[apex.apex_frame] / 90_000 - apex.apex_s) <= 1.0 / fps


def test_faces_vary_but_stay_faces(portrait):
    shapes = []
    for seed in range(4):
        varied = portrait.varied(np.random.default_rng(seed))
        seen = Portrait.from_image(varied.image_rgb)
        off = np.hypot(*(seen.mesh - varied.mesh)[:, :2].T) / varied.iod
        assert np.median(off) < 0.05
        shapes.append((varied.mesh[:, :2] - varied.mesh[:, :2].mean(0)) / varied.iod)
    assert np.abs(shapes[0] - shapes[1]).max() > 0.02


def test_a_mirrored_portrait_keeps_its_sides_straight(portrait):
    mirrored = portrait.mirrored()
    assert mirrored.mesh[33, 0] < mirrored.mesh[263, 0]
    assert mirrored.mesh[61, 0] < mirrored.mesh[291, 0]
    np.testing.assert_allclose(mirrored.mirrored().mesh, portrait.mesh, atol=1e-9)


def test_suites_hold_both_kinds_of_clips_and_repeat_themselves(portrait):
    suite = [spec for spec, _ in spotting_suite(3, 30, [portrait])]
    again = [spec for spec, _ in spotting_suite(3, 10, [portrait])]
    assert suite[:10] == again
    counts = [len(spec.micro_expressions) for spec in suite]
    assert 1 <= counts.count(0) <= 14
    assert max(counts) >= 3
    assert all(8 <= spec.duration_s <= 20 for spec in suite)
    with pytest.raises(ConfigError, match="portrait"):
        next(spotting_suite(3, 1, []))


def test_the_bundled_sample_holds_each_emotion_once():
    spec = sample_clip()
    emotions = [me.emotion for me in spec.micro_expressions]
    assert sorted(emotions) == ["negative", "positive", "surprise"]
    kinds = [d.kind for d in spec.distractors]
    assert kinds.count("blink") == 3
    assert kinds.count("slow_expression") == 1


def test_the_bundled_truth_is_that_of_the_bundled_spec():
    folder = Path(realtime_mer.__file__).parent / "data"
    truth = Truth.load(folder / "sample.truth.json")
    assert truth == true_story(sample_clip(), "astronaut", "sample.mp4")
    assert (folder / "sample.mp4").stat().st_size < 2_000_000
    with av.open(str(folder / "sample.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (640, 480, truth.frames)


def test_bad_input_is_named(portrait, tmp_path):
    with pytest.raises(SourceError, match="no face found in wall"):
        Portrait.from_image(np.full((120, 160, 3), 128, np.uint8), "wall")
    with pytest.raises(OutputError, match=r"missing.*existing, writable folder"):
        write_clip(replace(BASE, duration_s=0.1), portrait, tmp_path / "missing" / "a.mp4")
