"""Rendered trials: at rest, one movement, at rest; the same from the same seed; no torch."""

import io
import subprocess
import sys
from dataclasses import replace

import av
import numpy as np
import pytest

from demos import eye_views
from demos.eye_clips import FPS, IN_WORDS, SIDE_PX, in_words, make_clips, trial_spec
from demos.eye_face import resting_face
from demos.eye_game import Game, Trial, difficulty
from offline.synthesis.action_units import EMOTION_MIXTURES
from offline.synthesis.portrait import Portrait
from offline.synthesis.render import render_clip
from realtime_mer.events import EMOTIONS
from realtime_mer.slow_motion import RATE, REST_S
from realtime_mer.sources import open_source

EASY = Trial(0, 1, "surprise", 11)


def played(clip):
    with av.open(io.BytesIO(clip)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def clips():
    return make_clips(EASY)


def test_a_trial_describes_its_clip_whole():
    assert trial_spec(EASY) == trial_spec(EASY)
    assert trial_spec(EASY) != trial_spec(Trial(0, 1, "surprise", 12))


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize("level", [1, 4, 8])
def test_it_is_as_short_and_small_as_the_level_says(emotion, level):
    for seed in range(12):
        spec = trial_spec(Trial(0, level, emotion, seed))
        [shown] = spec.micro_expressions
        assert shown.offset_s - shown.onset_s == pytest.approx(difficulty(level).duration_s)
        assert shown.peak_iod == difficulty(level).peak_iod
        assert shown.emotion == emotion
        assert shown.onset_s >= 0.8
        assert spec.duration_s - shown.offset_s >= 0.5
        assert all(blink.end_s < shown.onset_s - 0.2 for blink in spec.distractors)


def test_nothing_but_the_expression_moves_beside_a_drifting_head():
    spec = trial_spec(EASY)
    [shown] = spec.micro_expressions
    pairs = zip(
        render_clip(spec, resting_face()),
        render_clip(replace(spec, micro_expressions=()), resting_face()),
        strict=True,
    )
    change = np.array([np.abs(a.astype(float) - b).mean() for a, b in pairs])
    time_s = np.arange(len(change)) / FPS
    rest = (time_s <= shown.onset_s) | (time_s >= shown.offset_s)
    assert change[rest].max() == 0
    assert 0.5 < change[round(shown.apex_s * FPS)] == pytest.approx(change.max(), rel=0.05)


def test_the_flash_shows_the_whole_clip_at_full_speed(clips):
    pictures = played(clips.flash)
    assert pictures[0].shape == (SIDE_PX, SIDE_PX, 3)
    assert len(pictures) == pytest.approx(trial_spec(EASY).duration_s * FPS, abs=1.5)
    with av.open(io.BytesIO(clips.flash)) as container:
        assert container.streams.video[0].average_rate == FPS


def test_the_explanation_is_slowed_eight_times(clips):
    [shown] = trial_spec(EASY).micro_expressions
    expected = (shown.offset_s - shown.onset_s + 2 * REST_S) * 8 * RATE
    assert len(played(clips.slowed())) == pytest.approx(expected, abs=10)
    assert clips.slowed() is clips.slowed()


def test_the_mouth_of_the_resting_face_is_closed(sample):
    with open_source(sample) as source:
        smiling = Portrait.from_image(next(iter(source)).image_rgb)
    face = resting_face()

    def gap_iod(portrait):
        upper, lower = portrait.mesh[[13, 14], :2]
        return np.hypot(*(upper - lower)) / portrait.iod

    def teeth(portrait):
        """Share of pixels between the lips that are bright and grey."""
        x, y = portrait.mesh[[13, 14], :2].mean(0).round().astype(int)
        near = portrait.image_rgb[y - 5 : y + 6, x - 18 : x + 19].astype(float)
        colour = (near.max(-1) - near.min(-1)) / near.max(-1)
        return ((near.min(-1) > 140) & (colour < 0.15)).mean()

    assert gap_iod(smiling) > 0.08
    assert gap_iod(face) < 0.035
    assert teeth(smiling) > 0.4
    assert teeth(face) < 0.12


def test_every_unit_that_can_be_shown_has_words():
    units = {unit for table in EMOTION_MIXTURES.values() for _, mix in table for unit in mix}
    assert units <= set(IN_WORDS)


def test_sides_are_named_where_one_moves_more():
    words = dict(in_words({12: (0.03, 0.005), 1: (0.02, 0.019), 2: (0.0, 0.01)}))
    assert words[12] == "lip corners pulled up, more on the face's own right"
    assert words[1] == "inner brows raised"
    assert words[2].endswith("own left")
    assert list(words) == [12, 1, 2]


def test_the_page_says_that_faces_are_rendered_and_keeps_the_answer(clips):
    game = Game(4)
    shown = eye_views.flash(clips, game)
    assert "rendered" in eye_views.intro()
    assert "rendered face" in shown
    assert not any(emotion in shown.split("base64,")[0] for emotion in EMOTIONS)
    assert "raised" not in shown.split("base64,")[0]
    done = game.answered("surprise")
    assert "brows raised" in eye_views.explanation(clips)
    assert done.trial().emotion not in eye_views.score_card(game).split("<table")[0]


def test_no_torch_is_needed():
    code = "import sys, demos.eye_clips, demos.bench_views, demos.bench_results; "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
