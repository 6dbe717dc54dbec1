import math
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import sklearn.ensemble  # noqa: F401 (only threads already there can be limited)
from threadpoolctl import threadpool_limits

from offline.synthesis.action_units import scaled_to_peak
from offline.synthesis.clip_spec import ClipSpec, MicroExpression
from offline.synthesis.portrait import Portrait
from offline.synthesis.render import write_clip
from offline.verdict import (
    Watched,
    export,
    figures,
    fit,
    leave_one_person_out,
    rendered,
    stacked,
    train,
    watch,
)
from realtime_mer.errors import ConfigError
from realtime_mer.spotting.verdict import load_verdict
from realtime_mer.spotting.witnesses import OBJECTIONS

WIDTH = len(OBJECTIONS)


@pytest.fixture(autouse=True)
def one_thread():
    """Threads of several test processes that wait for each other make a fit of 1 s take 15."""
    with threadpool_limits(1):
        yield


def heard(
    *movements: tuple[float, float, int, float], planted: int = 1, minutes: float = 0.5
) -> Watched:
    """A clip from (apex, offset, number of the planted one, overlap) of each movement."""
    table = np.array(movements, float).reshape(-1, 4)
    return Watched(
        person="a",
        evidence=np.zeros((len(table), WIDTH), np.float32),
        course=table[:, :2],
        planted=table[:, 2].astype(np.int64),
        overlap=table[:, 3],
        expressions=planted,
        minutes=minutes,
    )


LENGTH = list(OBJECTIONS).index("duration")
CALM = [list(OBJECTIONS).index(n) for n in ("lids", "lid", "lids_brow", "covered", "shift")]


def crowd(person: str, seed: int, count: int = 80, rule: float = 1.0) -> Watched:
    """Movements of one person: found where ``rule`` times their length is above 0.

    Length is a witness that may speak either way; eyes open, nothing covered, the head still.
    """
    rows = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    rows[:, CALM] = 0
    good = rule * rows[:, LENGTH] > 0
    return Watched(
        person=person,
        evidence=rows,
        course=np.arange(2.0 * count).reshape(count, 2),
        planted=np.arange(count),
        overlap=np.where(good, 0.8, 0.0),
        expressions=int(good.sum()),
        minutes=1.0,
    )


def test_a_hit_a_miss_and_a_false_alarm_are_counted() -> None:
    clip = heard((1.0, 1.2, 0, 0.8), (3.0, 3.2, 0, 0.0), planted=2)
    found = figures([clip], [np.array([0.9, 0.9])], 0.5)
    assert found == {"F1": 0.5, "precision": 0.5, "recall": 0.5, "false alarms a minute": 2.0}


def test_what_is_not_likely_enough_is_not_claimed() -> None:
    clip = heard((1.0, 1.2, 0, 0.8), (3.0, 3.2, 0, 0.0))
    found = figures([clip], [np.array([0.5, 0.49])], 0.5)
    assert found == {"F1": 1.0, "precision": 1.0, "recall": 1.0, "false alarms a minute": 0.0}


def test_a_planted_one_is_found_once() -> None:
    clip = heard((1.0, 1.2, 0, 0.8), (1.3, 1.5, 0, 0.6))
    found = figures([clip], [np.ones(2)], 0.5)
    assert found["recall"] == 1.0
    assert found["precision"] == 0.5
    assert found["F1"] == pytest.approx(2 / 3, abs=1e-3)


def test_two_claims_within_one_movement_are_one() -> None:
    clip = heard((1.0, 1.2, 0, 0.8), (1.1, 1.4, 0, 0.0))
    assert figures([clip], [np.ones(2)], 0.5)["precision"] == 1.0
    unlikely_first = figures([clip], [np.array([0.1, 0.9])], 0.5)
    assert unlikely_first["recall"] == 0.0
    assert unlikely_first["false alarms a minute"] == 2.0


def test_an_overlap_below_a_half_is_a_false_alarm() -> None:
    for overlap, recall in ((0.49, 0.0), (0.5, 1.0)):
        assert figures([heard((1, 1.2, 0, overlap))], [np.ones(1)], 0.5)["recall"] == recall


def test_counts_are_pooled_over_clips() -> None:
    clips = [heard((1.0, 1.2, 0, 0.8)), heard((1.0, 1.2, 0, 0.8), planted=2), heard(planted=1)]
    found = figures(clips, [np.ones(1), np.ones(1), np.zeros(0)], 0.5)
    assert found["recall"] == 0.5
    assert found["precision"] == 1.0


def test_ratios_of_nothing_are_no_numbers() -> None:
    nothing = figures([heard(planted=0)], [np.zeros(0)], 0.5)
    assert math.isnan(nothing["precision"])
    assert math.isnan(nothing["recall"])
    assert nothing["false alarms a minute"] == 0.0
    alarm = figures([heard((1.0, 1.2, 0, 0.0), planted=0)], [np.ones(1)], 0.5)
    assert alarm["precision"] == 0.0
    assert math.isnan(alarm["recall"])


def test_one_person_alone_cannot_be_left_out() -> None:
    with pytest.raises(ConfigError, match=r"two people or more.*\['a'\]: give folders"):
        leave_one_person_out([crowd("a", 0), crowd("a", 1)], seed=0)


def test_the_one_left_out_teaches_nothing() -> None:
    """The many movements of the last person contradict everyone else's, to no effect."""
    stubborn = crowd("c", 2, count=600, rule=-1.0)
    answers = leave_one_person_out([crowd("a", 0), crowd("b", 1), stubborn, heard()], seed=0)
    agreed = (answers[2] > 0.5) == (stubborn.evidence[:, LENGTH] > 0)
    assert [len(answer) for answer in answers] == [80, 80, 600, 0]
    assert agreed.mean() > 0.9
    swayed = (answers[0] > 0.5) == (crowd("a", 0).evidence[:, LENGTH] > 0)
    assert swayed.mean() < 0.5


def test_unclear_movements_teach_nothing() -> None:
    clear, unclear = crowd("a", 0, count=200), crowd("b", 1, count=200, rule=-1.0)
    unclear.overlap[:] = np.where(unclear.overlap > 0.5, 0.49, 0.21)
    rows = crowd("d", 5).evidence
    taught = fit([clear, unclear], 0).predict_proba(rows)
    np.testing.assert_array_equal(taught, fit([clear], 0).predict_proba(rows))


def test_the_exported_network_answers_as_the_trees_do() -> None:
    model = fit([crowd("a", 0), crowd("b", 1)], seed=0)
    rows = np.random.default_rng(9).normal(0, 2, (500, WIDTH)).astype(np.float32)
    session = onnxruntime.InferenceSession(export(model), providers=["CPUExecutionProvider"])
    [answers] = session.run(["probabilities"], {"evidence": rows})
    np.testing.assert_allclose(answers, model.predict_proba(rows), atol=1e-5)
    assert np.ptp(answers[:, 1]) > 0.8


def test_a_trained_package_is_one_that_the_spotter_takes(tmp_path: Path) -> None:
    clips = [crowd("a", 0), crowd("b", 1)]
    package = train(clips, tmp_path, seed=0)
    verdict = load_verdict(tmp_path)
    rows, overlaps = stacked(clips)
    expected = fit(clips, 0).predict_proba(rows[:5])[:, 1]
    np.testing.assert_allclose([verdict.probability(r) for r in rows[:5]], expected, atol=1e-5)
    assert verdict.probability(np.array(package.card.training["typical"])) > 0.5
    assert package.card.training["people"] == 2
    assert package.card.training["movements"] == len(rows) == len(overlaps)
    [measured] = package.card.metrics.values()
    assert measured["recall"] > 0.8


def test_a_rendered_brow_raise_is_heard(tmp_path: Path) -> None:
    raised = scaled_to_peak({1: (1.0, 1.0), 2: (1.0, 1.0)}, 0.04)
    units = tuple((number, *sides) for number, sides in raised.items())
    expression = MicroExpression(2.0, 2.15, 2.4, "surprise", units, 0.04)
    spec = ClipSpec(fps=30, duration_s=3.4, micro_expressions=(expression,))
    write_clip(spec, Portrait.astronaut(), tmp_path / "clip.mp4")
    [video] = rendered(tmp_path)
    clip = watch(video)
    assert clip.evidence.shape == (len(clip.overlap), WIDTH)
    assert np.isfinite(clip.evidence).all()
    best = int(clip.overlap.argmax())
    assert clip.overlap[best] >= 0.5
    assert clip.planted[best] == 0
    assert abs(clip.course[best, 0] - 2.15) < 0.04
    assert clip.evidence[best, list(OBJECTIONS).index("upper")] > 0.6
    assert clip.expressions == 1
    assert clip.minutes == pytest.approx(3.4 / 60, rel=0.02)
    assert clip.person == Portrait.astronaut().name


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(ConfigError, match=r"holds no rendered clips: .* mer synth suite"):
        rendered(tmp_path)


def test_clips_with_their_truth_are_listed_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.truth.json").touch()
    assert rendered(tmp_path) == [tmp_path / "a.mp4", tmp_path / "b.mp4"]
