import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.synthesis.clip_spec import (
    DISTRACTOR_KINDS,
    TICKS_PER_S,
    ClipSpec,
    Distractor,
    MicroExpression,
    frame_ticks,
)
from offline.synthesis.motion import plan_motion
from offline.synthesis.sampling import draw_distractor, sample_spec
from offline.synthesis.truth import Truth, moved_regions, true_story
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS
from realtime_mer.face.topology import REGIONS


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_sampled_clips_keep_their_promises(seed):
    spec = sample_spec(np.random.default_rng(seed))
    assert spec == sample_spec(np.random.default_rng(seed))
    assert ClipSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert 1 <= len(spec.micro_expressions) <= 3
    spans = [(me.onset_s, me.offset_s) for me in spec.micro_expressions]
    for me in spec.micro_expressions:
        assert 0.06 <= me.offset_s - me.onset_s <= 0.5 + 1e-9
        assert 0.015 <= me.peak_iod <= 0.05
    spans += [(d.start_s, d.end_s) for d in spec.distractors]
    spans.sort()
    assert spans[0][0] >= 1.0
    assert spans[-1][1] <= spec.duration_s
    assert all(b[0] - a[1] > 0.3 for a, b in pairwise(spans))


def test_sampling_reaches_wide():
    specs = [sample_spec(np.random.default_rng(seed)) for seed in range(80)]
    assert {30.0, 60.0, 100.0, 200.0} <= {spec.fps for spec in specs}
    sizes = [spec.face_iod_px for spec in specs]
    assert min(sizes) < 70 < 140 < max(sizes)
    assert {me.emotion for spec in specs for me in spec.micro_expressions} == set(EMOTIONS)
    assert {d.kind for spec in specs for d in spec.distractors} == set(DISTRACTOR_KINDS)
    durations = [m.offset_s - m.onset_s for spec in specs for m in spec.micro_expressions]
    assert min(durations) < 0.1 < 0.45 < max(durations)


def test_even_frames_come_at_exact_ticks():
    for fps in (24, 25, 30, 50, 60, 100, 120, 200):
        ticks = frame_ticks(ClipSpec(fps=fps, duration_s=2.0))
        assert len(ticks) == 2 * fps
        assert set(np.diff(ticks)) == {TICKS_PER_S // fps}
        assert ticks[0] == 0


@given(
    seed=st.integers(0, 100),
    jitter=st.floats(0.01, 0.4),
    drops=st.floats(0.0, 0.5),
)
def test_uneven_frames_still_move_forward(seed, jitter, drops):
    spec = ClipSpec(seed=seed, fps=60, duration_s=2.0, jitter=jitter, drop_rate=drops)
    ticks = frame_ticks(spec)
    assert ticks[0] == 0
    assert (np.diff(ticks) > 0).all()
    assert len(np.unique(np.diff(ticks))) > 3
    np.testing.assert_array_equal(ticks, frame_ticks(spec))


@pytest.mark.parametrize("kind", DISTRACTOR_KINDS)
def test_every_distractor_moves_something_and_only_in_its_interval(kind):
    quiet = ClipSpec(fps=50, duration_s=6.0, drift_iod=0.0, drift_deg=0.0, drift_scale=0.0)
    drawn = draw_distractor(kind, np.random.default_rng(1))
    moved = Distractor(kind, 1.0, 1.0 + drawn.end_s, drawn.amount, drawn.seed, drawn.action_units)
    spec = ClipSpec.from_dict({**quiet.to_dict(), "distractors": [vars(moved)]})
    motion = plan_motion(spec)
    signals = [motion.shift, motion.turn, motion.roll, motion.lids, motion.gaze, motion.mouth]
    signals += [motion.takes, *(level for _, level in motion.layers)]
    signals += [track[:, 0] for _, track in motion.hands]
    activity = sum(np.abs(s.reshape(len(motion.times), -1)).sum(1) for s in signals)
    inside = (motion.times >= moved.start_s) & (motion.times <= moved.end_s + 1e-6)
    assert activity[motion.times < 1.0].max() == 0
    if kind == "cut":
        assert activity[motion.times >= 1.0].min() > 0
    else:
        assert activity[inside].max() > 0
        assert activity[~inside].max() < 1e-6


def test_truth_names_the_frames_nearest_to_the_times(tmp_path):
    me = MicroExpression(1.001, 1.13, 1.31, "surprise", ((1, 0.03, 0.03), (2, 0.03, 0.03)), 0.03)
    spec = ClipSpec(
        fps=30, duration_s=3, micro_expressions=(me,), flicker_hz=100, flicker_depth=0.1
    )
    truth = true_story(spec, "somebody", "clip.mp4")
    found = truth.micro_expressions[0]
    assert (found.onset_frame, found.apex_frame, found.offset_frame) == (30, 34, 39)
    assert found.regions[0] in ("brow_left", "brow_right")
    assert {d.kind for d in truth.distractors} == {"flicker", "drift"}
    truth.save(tmp_path / "clip.truth.json")
    assert Truth.load(tmp_path / "clip.truth.json") == truth
    assert ClipSpec.from_dict(truth.spec) == spec


def test_regions_follow_the_units_and_their_side():
    assert set(moved_regions({1: (1, 1), 2: (1, 1)})) == {"brow_left", "brow_right"}
    assert moved_regions({2: (0.0, 1.0)}) == ("brow_left",)
    assert "mouth" in moved_regions({12: (1, 1)})
    assert "cheek_left" not in moved_regions({12: (1, 0)})
    assert moved_regions({9: (1, 1)})[0] == "nose"
    assert set(moved_regions({15: (1, 1)})) <= set(REGIONS)


def test_nonsense_is_refused_with_what_is_allowed():
    with pytest.raises(ConfigError, match="onset < apex < offset"):
        MicroExpression(1.0, 0.9, 1.2, "surprise", ((1, 1, 1),), 0.03)
    with pytest.raises(ConfigError, match="negative, positive, surprise"):
        MicroExpression(1.0, 1.1, 1.2, "boredom", ((1, 1, 1),), 0.03)
    with pytest.raises(ConfigError, match="blink, gaze"):
        Distractor("sneeze", 0.0, 1.0, 1.0)
    with pytest.raises(ConfigError, match="fps 1–1000"):
        ClipSpec(fps=0)
    with pytest.raises(ConfigError, match="even sizes"):
        ClipSpec(width=641)
    with pytest.raises(ConfigError, match="at least 2 s"):
        sample_spec(np.random.default_rng(0), duration_s=1.0)
