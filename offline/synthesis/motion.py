"""From a spec to numbers per frame: fields and strengths, pose, lids, gaze, mouth, hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from offline.synthesis.action_units import scaled_to_peak
from offline.synthesis.clip_spec import ClipSpec, Distractor, frame_times
from offline.synthesis.profiles import PROFILES, blink, gaze, slow, speech, wander

Activation = dict[int, tuple[float, float]]


@dataclass(eq=False)
class Motion:
    """Everything that moves, frame by frame; T frames.

    Attributes
    ----------
    times
        (T,) seconds.
    layers
        Pairs of an activation and its strength (T,).
    shift, turn, roll, zoom
        Head pose: (T, 2) IOD, (T, 2) yaw and pitch in radians (right and down on the picture are
        positive), (T,) radians, (T,) log scale.
    lids
        (T, 2) closure of the subject's (right, left) eye.
    gaze
        (T, 2) iris shift in IOD, right and down on the picture.
    mouth
        (T,) opening in IOD.
    hands
        Pairs of a seed and its track (T, 4): presence 0/1, x and y in IOD from the face's
        middle, angle.
    takes
        (T,) number of cuts so far.
    cut_amounts
        One for each take after the first.
    """

    times: NDArray[np.float64]
    shift: NDArray[np.float64]
    turn: NDArray[np.float64]
    roll: NDArray[np.float64]
    zoom: NDArray[np.float64]
    lids: NDArray[np.float64]
    gaze: NDArray[np.float64]
    mouth: NDArray[np.float64]
    takes: NDArray[np.int64]
    layers: list[tuple[Activation, NDArray[np.float64]]] = field(default_factory=list)
    hands: list[tuple[int, NDArray[np.float64]]] = field(default_factory=list)
    cut_amounts: list[float] = field(default_factory=list)


def plan_motion(spec: ClipSpec) -> Motion:
    """Evaluate every profile of a spec at its frame times."""
    t = frame_times(spec)
    motion = _drift(spec, t)
    for me in spec.micro_expressions:
        strength = PROFILES[me.profile](t, me.onset_s, me.apex_s, me.offset_s)
        motion.layers.append((me.activation, strength))
    planners = {
        "blink": _blink,
        "gaze": _gaze,
        "slow_expression": _slow,
        "turn": _turn,
        "nod": _nod,
        "speech": _speech,
        "hand": _hand,
        "cut": _cut,
    }
    for distractor in sorted(spec.distractors, key=lambda d: d.start_s):
        rng = np.random.default_rng([spec.seed, 4, distractor.seed])
        planners[distractor.kind](motion, distractor, rng)
    return motion


def _drift(spec: ClipSpec, t: NDArray[np.float64]) -> Motion:
    rng = np.random.default_rng([spec.seed, 5])
    waves = [wander(t, spec.drift_hz, rng) for _ in range(6)]
    radians = np.deg2rad(spec.drift_deg)
    return Motion(
        times=t,
        shift=spec.drift_iod * np.column_stack(waves[:2]),
        turn=radians * np.column_stack(waves[2:4]),
        roll=0.6 * radians * waves[4],
        zoom=spec.drift_scale * waves[5],
        lids=np.zeros((len(t), 2)),
        gaze=np.zeros((len(t), 2)),
        mouth=np.zeros(len(t)),
        takes=np.zeros(len(t), np.int64),
    )


def _span(d: Distractor) -> float:
    return d.end_s - d.start_s


def _blink(motion: Motion, d: Distractor, rng: np.random.Generator) -> None:
    """Close the lids; the orbicularis moves brows and cheeks a little beside them."""
    closing, closed = 0.33 * _span(d), 0.10 * _span(d)
    lid = blink(motion.times, d.start_s, closing, closed, _span(d) - closing - closed)
    motion.lids[:] = np.maximum(motion.lids, d.amount * lid[:, None] * [1.0, rng.uniform(0.95, 1)])
    side = float(rng.uniform(0.0, 0.006))
    motion.layers.append(({4: (side, side)}, lid))
    motion.layers.append(({6: (0.6 * side, 0.6 * side)}, lid))


def _gaze(motion: Motion, d: Distractor, rng: np.random.Generator) -> None:
    saccade = float(rng.uniform(0.03, 0.06))
    moved = gaze(motion.times, d.start_s, max(_span(d) - 2 * saccade, 0.0), saccade)
    angle = float(rng.choice([0.0, np.pi]) + rng.uniform(-0.7, 0.7))
    dx, dy = d.amount * np.cos(angle), 0.6 * d.amount * np.sin(angle)
    motion.gaze += moved[:, None] * [dx, dy]
    if dy > 0:  # lids follow a downward gaze
        motion.lids[:] = np.maximum(motion.lids, 3.0 * dy * moved[:, None])
    else:
        motion.layers.append(({5: (-0.4 * dy, -0.4 * dy)}, moved))


def _slow(motion: Motion, d: Distractor, rng: np.random.Generator) -> None:
    rise = float(np.clip(rng.uniform(0.2, 0.5) * _span(d), 0.4, 1.5))
    fall = float(np.clip(rng.uniform(0.25, 0.5) * _span(d), 0.4, 2.0))
    hold = max(_span(d) - rise - fall, 0.0)
    units = {number: (right, left) for number, right, left in d.action_units}
    level = slow(motion.times, d.start_s, rise, hold, fall)
    motion.layers.append((scaled_to_peak(units, d.amount), level))


def _turn(motion: Motion, d: Distractor, rng: np.random.Generator) -> None:
    """Turn the head sideways and back; the head also travels and tilts a little."""
    level = _there_and_back(motion.times, d, rng)
    motion.turn[:, 0] += np.deg2rad(d.amount) * level
    motion.turn[:, 1] += np.deg2rad(d.amount) * rng.uniform(-0.3, 0.3) * level
    motion.roll += np.deg2rad(d.amount) * rng.uniform(-0.2, 0.2) * level
    motion.shift[:, 0] += d.amount * rng.uniform(0.0, 0.01) * level


def _nod(motion: Motion, d: Distractor, rng: np.random.Generator) -> None:
    """Nod one to three times."""
    times, count = motion.times, int(rng.integers(1, 4))
    inside = (times >= d.start_s) & (times <= d.end_s)
    phase = np.clip((times - d.start_s) / max(_span(d), 1e-6), 0, 1)
    level = np.where(inside, 0.5 - 0.5 * np.cos(2 * np.pi * count * phase), 0.0)
    motion.turn[:, 1] += np.deg2rad(d.amount) * level
    motion.shift[:, 1] += abs(d.amount) * rng.uniform(0.0, 0.008) * level


def _there_and_back(
    t: NDArray[np.float64], d: Distractor, rng: np.random.Generator
) -> NDArray[np.float64]:
    rise, fall = (float(v) * _span(d) for v in rng.uniform(0.2, 0.4, 2))
    return slow(t, d.start_s, rise, _span(d) - rise - fall, fall)


def _speech(motion: Motion, d: Distractor, rng: np.random.Generator) -> None:
    """Open and close the mouth; jaw, lip corners and head go along."""
    t = motion.times
    opening = speech(t, d.start_s, d.end_s, float(rng.uniform(3.0, 6.0)), rng)
    motion.mouth += d.amount * opening
    motion.layers.append(({26: (0.3 * d.amount, 0.3 * d.amount)}, opening))
    lips = speech(t, d.start_s, d.end_s, float(rng.uniform(2.0, 4.0)), rng)
    unit = int(rng.choice([12, 20, 23]))
    motion.layers.append(({unit: (0.35 * d.amount, 0.35 * d.amount)}, lips))
    inside = (t >= d.start_s) & (t <= d.end_s)
    window = np.where(inside, np.sin(np.pi * (t - d.start_s) / max(_span(d), 1e-6)), 0.0)
    motion.turn += (
        np.deg2rad(1.0)
        * window[:, None]
        * np.column_stack([wander(t, 1.5, rng), wander(t, 1.5, rng)])
    )
    motion.layers.append(({1: (0.02, 0.02), 2: (0.02, 0.02)}, window * wander(t, 0.5, rng)))


def _hand(motion: Motion, d: Distractor, rng: np.random.Generator) -> None:
    """Come in from below or from a side, stay with small movements, leave."""
    t = motion.times
    side = float(rng.choice([-1.0, 1.0]))
    outside = np.array([side * rng.uniform(0.8, 3.0), rng.uniform(3.6, 4.6)])
    inside = np.array([side * rng.uniform(0.0, 0.7), rng.uniform(0.7, 1.9) - 0.8 * d.amount])
    level = _there_and_back(t, d, rng)
    sway = 0.04 * np.column_stack([wander(t, 1.0, rng), wander(t, 1.0, rng)])
    path = outside + level[:, None] * (inside - outside) + sway
    angle = -side * rng.uniform(0.1, 0.7) + 0.06 * wander(t, 0.7, rng)
    present = (t >= d.start_s) & (t <= d.end_s)
    motion.hands.append((d.seed, np.column_stack([present, path, angle])))


def _cut(motion: Motion, d: Distractor, rng: np.random.Generator) -> None:
    """Another take: another framing and another moment of the head's drift."""
    after = motion.times >= d.start_s
    motion.takes[after] += 1
    motion.cut_amounts.append(d.amount)
    motion.shift[after] += 0.1 * d.amount * rng.normal(size=2)
    motion.turn[after] += np.deg2rad(4) * d.amount * rng.normal(size=2)
