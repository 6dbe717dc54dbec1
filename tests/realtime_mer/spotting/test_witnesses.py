from collections.abc import Callable

import numpy as np
import pytest

from realtime_mer.face.topology import REGIONS
from realtime_mer.spotting import SpotterSettings
from realtime_mer.spotting.course import measure
from realtime_mer.spotting.history import History
from realtime_mer.spotting.matched import MatchedFilter
from realtime_mer.spotting.spotter import PATTERNS
from realtime_mer.spotting.witnesses import (
    COVERED,
    EYES,
    HEAD,
    OBJECTIONS,
    QUALITY,
    RESIDUAL,
    WITNESSES,
    Episode,
    Scene,
    part_of,
)
from tests.realtime_mer.spotting.faces import NAMES, Curve, at_rest, bump, clock, step_up

ONSET, APEX, OFFSET = 2.0, 2.15, 2.35
MOVEMENT = bump(ONSET, APEX, OFFSET, 1.0)
PATTERN = np.load(PATTERNS)[:1].astype(np.float64)
WAY = PATTERN[0].ravel()


def nothing(t: float) -> float:
    return 0.0


def still(t: float) -> np.ndarray:
    return np.zeros(6)


def scene(
    *,
    right_shut: Curve = nothing,
    left_shut: Curve = nothing,
    head: Callable[[float], np.ndarray] = still,
    residual: Callable[[float], np.ndarray] = still,
    covered: Curve = nothing,
    channels: Callable[[float], np.ndarray] = lambda t: np.zeros(32),
    fps: float = 60,
) -> Scene:
    """A micro-expression along the first pattern from 2 to 2.35 s, and what else is asked for."""
    rng = np.random.default_rng(0)
    heard, seen = History(32, 1024), History(WITNESSES, 1024)
    scored = MatchedFilter(PATTERN, SpotterSettings())
    opened, shut = np.eye(126)[:2]
    matches = []
    for index, t in enumerate(clock(fps, OFFSET + 0.06)):
        row = 0.02 * MOVEMENT(t) * WAY + channels(t) + rng.normal(0, 0.0004, 32)
        heard.push(t, index, row)
        witness = np.zeros(WITNESSES)
        lids = [right_shut(t), left_shut(t)]
        witness[EYES] = np.concatenate([(1 - s**2) ** 0.5 * opened + s * shut for s in lids])
        witness[HEAD] = head(t)
        witness[RESIDUAL] = residual(t) + rng.normal(0, 0.02, 6)
        witness[COVERED], witness[QUALITY] = covered(t), 1.0
        seen.push(t, index, witness)
        scale = int(scored.step(heard)[:, 0].argmax())
        matches.append(scored.match(scale, 0, t))
    match = max(matches, key=lambda m: m.score)
    course = measure(heard, match, WAY)
    assert course is not None
    episode = Episode(match, course, WAY, ("brow_left",), 0.5)
    return Scene(ONSET, APEX, OFFSET, (episode,), 0.0, heard, seen, NAMES)


def says(witnessed: Scene) -> dict[str, float]:
    return dict(zip(OBJECTIONS, witnessed.evidence().tolist(), strict=True))


def changed(before: dict[str, float], after: dict[str, float]) -> set[str]:
    """Names of the witnesses that said something else."""
    return {name for name in before if abs(after[name] - before[name]) > 1e-6}


def test_every_witness_says_something_finite_of_a_plain_movement() -> None:
    evidence = scene().evidence()
    assert evidence.shape == (len(OBJECTIONS),)
    assert np.isfinite(evidence).all()
    row = says(scene())
    assert row["score"] == pytest.approx(np.log2(scene().lead.score))
    assert row["amplitude"] == pytest.approx(np.log2(0.02), abs=0.2)
    assert row["duration"] == pytest.approx(np.log2(OFFSET - ONSET))
    assert row["skew"] == pytest.approx((APEX - ONSET) / (OFFSET - ONSET))
    assert row["likeness"] > 0.95
    assert row["age"] == pytest.approx(2.0)
    assert row["upper"] + row["cheeks"] + row["mouth"] == pytest.approx(1)


@pytest.mark.parametrize("fps", [24, 30, 200])
def test_every_witness_is_finite_at_any_rate_and_with_nothing_around(fps: float) -> None:
    assert np.isfinite(scene(fps=fps).evidence()).all()
    hidden = scene(channels=lambda t: np.where(np.arange(32) > 20, np.nan, 0.0), fps=fps)
    assert np.isfinite(hidden.evidence()).all()


def test_a_blink_speaks_through_the_lids_alone() -> None:
    lids = bump(2.0, 2.1, 2.3, 0.95)
    blink = scene(right_shut=lids, left_shut=lids)
    assert max(blink.eyes_kept()) < 0.4
    assert min(scene().eyes_kept()) > 0.99
    assert changed(says(scene()), says(blink)) == {"lids", "lid", "lids_brow"}


def test_a_wink_shuts_the_worse_eye_only() -> None:
    for side in ("right_shut", "left_shut"):
        better, worse = scene(**{side: bump(2.0, 2.1, 2.3, 0.95)}).eyes_kept()
        assert better > 0.99
        assert worse < 0.4


def test_eyes_that_were_shut_before_and_after_are_kept() -> None:
    assert min(scene(right_shut=bump(1.0, 1.3, 1.6, 1.0)).eyes_kept()) > 0.99


def test_head_path_measures_a_nod_and_forgives_drift() -> None:
    nod = bump(2.0, 2.15, 2.35, 1.0)
    shift, turn = scene(head=lambda t: nod(t) * np.array([0.03, 0.04, 0, 0, 0, 0.1])).head_path()
    assert shift == pytest.approx(0.05, rel=0.05)
    assert turn == pytest.approx(0.1, rel=0.05)
    assert max(scene(head=lambda t: t * np.full(6, 0.3)).head_path()) < 1e-9
    assert max(scene(head=at_rest).head_path()) < 0.01


def test_head_motion_speaks_through_shift_turn_and_follows_alone() -> None:
    other = bump(1.9, 2.0, 2.2, 0.1)
    moved = scene(head=lambda t: other(t) * np.ones(6))
    assert changed(says(scene()), says(moved)) == {"shift", "turn", "follows"}


def test_what_goes_with_the_head_follows_it() -> None:
    with_it = scene(head=lambda t: MOVEMENT(t) * np.array([0, 0, 0, 0, 0.05, 0.1]))
    apart = scene(head=lambda t: 0.1 * np.sin(9 * t) * np.array([0, 0, 0, 0, 0.5, 1]))
    drifting = scene(head=lambda t: t * np.full(6, 0.3))
    assert with_it.follows_head(with_it.lead.course) > 0.95
    assert apart.follows_head(apart.lead.course) < 0.5
    assert abs(drifting.follows_head(drifting.lead.course)) < 0.01


def test_a_hand_that_comes_covers_and_one_that_was_there_does_not() -> None:
    assert scene(covered=step_up(2.1, 2.2, 0.4)).newly_covered() == pytest.approx(0.4)
    assert scene(covered=lambda t: 0.4).newly_covered() == pytest.approx(0)
    assert scene(covered=step_up(0.5, 0.7, 0.4)).newly_covered() == pytest.approx(0)
    hand = says(scene(covered=step_up(2.1, 2.2, 0.4)))
    assert changed(says(scene()), hand) == {"covered"}


def test_pixels_are_asked_in_their_own_region() -> None:
    brow = np.eye(6)[REGIONS.index("brow_left")]
    moved = scene(residual=lambda t: 3 + 1.0 * MOVEMENT(t) * brow)
    assert moved.pixels_moved("brow_left") > 15
    for region in set(REGIONS) - {"brow_left"}:
        assert moved.pixels_moved(region) < 5
    assert changed(says(scene()), says(moved)) == {"pixels"}


def test_pixels_that_always_jitter_are_no_witness() -> None:
    jittery = scene(residual=lambda t: (0.5 + 0.5 * np.sin(71 * t)) * np.ones(6))
    assert jittery.pixels_moved("brow_left") < 5


def test_without_a_past_the_pixels_are_taken_as_they_usually_are() -> None:
    one = scene()
    fresh = History(WITNESSES, 8)
    for index in range(3):
        fresh.push(ONSET + 0.1 * index, index, np.zeros(WITNESSES))
    alone = Scene(ONSET, APEX, OFFSET, one.episodes, 0.0, one.channels, fresh, NAMES)
    assert alone.pixels_moved("mouth") == 8.0


def up_and_down(*which: str) -> Callable[[float], np.ndarray]:
    """Channels that go down and up by 0.02 four times a second until just before the onset."""

    def value(t: float) -> np.ndarray:
        row = np.zeros((16, 2))
        if t < ONSET - 0.2:
            row[[NAMES.index(name) for name in which], 1] = 0.02 * np.sin(2 * np.pi * 4 * t)
        return row.ravel()

    return value


@pytest.mark.parametrize("name", ["chin", "lip_lower_left", "lip_lower_right"])
def test_chin_and_lips_babble(name: str) -> None:
    rms = 0.02 / 2**0.5
    assert 0.6 * rms < scene(channels=up_and_down(name)).babble() < 1.1 * rms


def test_brows_and_drift_and_the_movement_itself_do_not_babble() -> None:
    brows = up_and_down(*(name for name in NAMES if name.startswith("brow")))
    assert scene(channels=brows).babble() < 0.001
    assert scene(channels=lambda t: np.full(32, 0.05 * t)).babble() < 0.001
    assert scene().babble() < 0.001


def test_a_second_half_face_is_an_ally() -> None:
    one = scene()
    two = Scene(
        ONSET, APEX, OFFSET, one.episodes * 2, 0.0, one.channels, one.witness, NAMES
    )  # the same twice: the lead stands in for its own ally
    other = Episode(one.lead.match, one.lead.course, WAY, ("mouth",), 0.5)
    both = Scene(ONSET, APEX, OFFSET, (*one.episodes, other), 0.0, one.channels, one.witness, NAMES)
    assert says(one)["ally"] == says(two)["ally"] == 0
    assert says(both)["ally"] == pytest.approx(np.log2(1 + other.score))


def test_every_channel_belongs_to_one_part_of_the_face() -> None:
    parts = {name: part_of(name) for name in NAMES}
    assert {n for n, part in parts.items() if part == 0} == {
        n for n in NAMES if n.startswith(("brow", "glabella"))
    }
    assert {n for n, part in parts.items() if part == 2} == {
        n for n in NAMES if n.startswith(("lip", "chin"))
    }
    assert set(parts.values()) == {0, 1, 2}
