import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from offline.spotting.spotting_metrics import interval_of, score_clip
from offline.synthesis.clip_spec import ClipSpec
from offline.synthesis.portrait import Portrait
from offline.synthesis.sample import sample_clip
from offline.synthesis.truth import TrueDistractor, true_story
from realtime_mer.errors import SourceError
from realtime_mer.events import Candidate
from tests.benchmarks.spotting import Clip, blame, faces, figures, judge, main, recognised


def found_at(onset_s, apex_s, offset_s):
    frames = (round(60 * moment) for moment in (onset_s, apex_s, offset_s))
    return Candidate(0, 0, *frames, onset_s, apex_s, offset_s, ("mouth",), 9.0, 0.02, 1.0)


def clip_of(*found, latency_s=(), fps=60.0, called=None):
    truth = replace(true_story(sample_clip(), "astronaut", "sample.mp4"), fps=fps)
    hands = (TrueDistractor("hand", 5.0, 6.0),)
    truth = replace(truth, distractors=truth.distractors + hands)
    score = score_clip(
        [interval_of(candidate) for candidate in found],
        [interval_of(planted) for planted in truth.micro_expressions],
        truth.duration_s,
    )
    called = called or ("surprise",) * len(found)
    return Clip("sample.mp4", truth, found, called, latency_s, score)


RAISE, SMILE = found_at(1.7, 1.87, 2.1), found_at(3.8, 3.95, 4.2)


@pytest.mark.parametrize(
    ("alarm", "during"),
    [
        (found_at(1.0, 1.1, 1.15), "blink"),
        (found_at(1.25, 1.3, 1.4), "blink"),  # just after it
        (found_at(5.5, 5.6, 5.7), "hand+slow_expression"),
        (found_at(9.3, 9.4, 9.5), "nothing planted"),
        (found_at(3.5, 3.7, 3.9), "planted, overlap below 0.5"),
    ],
)
def test_a_false_alarm_is_put_down_to_what_happened_then(alarm, during):
    assert list(blame(clip_of(RAISE, SMILE, alarm))) == [during]


def test_naming_is_judged_on_what_was_spotted():
    both = (RAISE, SMILE)
    planted = [true.emotion for true in clip_of(*both).truth.micro_expressions][:2]
    assert planted == ["surprise", "positive"]
    right = recognised([clip_of(*both, called=("surprise", "positive"))])
    assert right["class_f1"] == pytest.approx(1)
    half = recognised([clip_of(*both, called=("surprise", "none"))])
    assert half["confusion"]["positive"]["none"] == 1
    assert half["UF1"] == pytest.approx(1 / 2)
    assert half["class_f1"] == pytest.approx(2 / 3)
    told = figures([clip_of(*both, called=("surprise", "positive"))])
    assert told["spot_then_recognise"] == pytest.approx(told["f1"])


def test_figures_are_pooled_over_clips():
    one = clip_of(RAISE, SMILE, latency_s=(0.05, 0.06))
    two = clip_of(found_at(9.3, 9.4, 9.5), latency_s=(0.10,), fps=30.0)
    told = figures([one, two])
    json.dumps(told)
    assert (told["clips"], told["planted"]) == (2, 6)
    assert (told["true_positives"], told["false_positives"], told["false_negatives"]) == (2, 1, 4)
    assert told["f1"] == pytest.approx(4 / 9)
    assert told["apex_error_ms"] == pytest.approx(10)
    assert told["false_alarms_per_minute"] == pytest.approx(60 / (2 * 9.98333), rel=1e-3)
    assert told["confirmed_after_p50_ms"] == pytest.approx(60)
    assert 90 < told["confirmed_after_p95_ms"] <= 100
    assert told["recall_per_fps"] == {"30": "0/3", "60": "2/3"}
    assert told["recall_per_emotion"] == {"negative": "0/2", "positive": "1/2", "surprise": "1/2"}
    assert told["false_alarms_during"] == {"nothing planted": 1}
    assert told["distractors_planted"]["blink"] == 6


def test_nothing_found_is_no_number():
    told = figures([clip_of()])
    assert told["recall"] == 0
    assert math.isnan(told["precision"])
    assert math.isnan(told["confirmed_after_p50_ms"])


def test_a_rendered_clip_is_judged_through_its_file(tmp_path):
    raise_only = replace(
        sample_clip(),
        duration_s=3.0,
        micro_expressions=sample_clip().micro_expressions[:1],
        distractors=(),
        preset="veryfast",
    )
    clip = judge(raise_only, Portrait.astronaut(), tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").stat().st_size > 10_000
    assert clip.score.pairs == ((0, 0),)
    assert clip.score.false_positives == 0
    assert 0 <= clip.latency_s[0] < 0.3


def test_default_faces_differ():
    people = faces((), 0.0, seed=3)
    assert len(people) == 6
    assert all(np.abs(a.mesh - people[0].mesh).max() > 1 for a in people[1:])


def test_a_portrait_may_be_a_picture_or_a_video(tmp_path, sample, face_frames):
    (frame,) = face_frames(60, 61)
    picture = tmp_path / "face.png"
    cv2.imwrite(str(picture), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    still, moving = faces((picture, sample), 1.0, seed=0)
    np.testing.assert_array_equal(still.image_rgb, moving.image_rgb)
    assert np.abs(still.mesh - moving.mesh).max() < 0.01


def test_a_video_without_a_face_is_refused(tmp_path):
    from tests.realtime_mer.sources.media import write_video

    with pytest.raises(SourceError, match="no face in"):
        faces((write_video(tmp_path / "x.mp4", 3),), 0.0, seed=0)


@pytest.mark.parametrize("arguments", [["--clips", "0"], ["--seed", "-1"], ["--bogus"]])
def test_wrong_options_are_usage_errors(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: mer bench spotting" in capsys.readouterr().err


def test_the_spec_of_a_clip_is_kept_with_its_truth():
    clip = clip_of()
    assert ClipSpec.from_dict(clip.truth.spec) == sample_clip()
