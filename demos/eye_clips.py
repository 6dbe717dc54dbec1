"""Rendered micro-expressions for *train your eye*: the flash, and its explanation.

Everything comes from the trial: who (the bundled face, bent into somebody else), which action
units, when. Clips are small MP4 files in memory; nothing on disk gives an answer away.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from demos.eye_face import resting_face
from demos.eye_game import CLEAR_UP_TO, Trial, difficulty
from offline.synthesis.action_units import (
    EMOTION_MIXTURES,
    Activation,
    Mixtures,
    draw_activation,
    scaled_to_peak,
)
from offline.synthesis.clip_spec import ClipSpec, Distractor, MicroExpression
from offline.synthesis.render import render_clip
from realtime_mer.slow_motion import Look, Moments, encode, write_side_by_side
from realtime_mer.slow_motion_source import Stretch

SIDE_PX, FPS, IOD_PX = 400, 60, 108
"""Of the flash; 60 is what screens show."""
_PANEL = slice(32, 368), slice(32, 368)
"""What of it the explanation shows."""
_LEAD_S, _TAIL_S = (0.8, 1.6), 0.8
_AROUND_S = 0.45
_SHOWN_IOD = 0.15
_BLINK_CHANCE = 0.4

_CLEAR: Mixtures = MappingProxyType(
    {
        "negative": ((3.0, {4: 1.0}), (2.0, {4: 0.8, 9: 0.8}), (1.5, {15: 1.0, 17: 0.8})),
        "positive": ((1.0, {12: 1.0}), (2.0, {6: 0.7, 12: 1.0})),
        "surprise": ((3.0, {1: 1.0, 2: 1.0}), (1.0, {1: 1.0, 2: 1.0, 5: 0.5})),
    }
)

IN_WORDS: Mapping[int, str] = MappingProxyType({
    1: "inner brows raised", 2: "outer brows raised", 4: "brows lowered and drawn together",
    5: "upper lids raised", 6: "cheeks raised", 7: "lids tightened", 9: "nose wrinkled",
    10: "upper lip raised", 12: "lip corners pulled up", 14: "lip corners tightened (dimples)",
    15: "lip corners pulled down", 17: "chin raised", 20: "lips stretched sideways",
    23: "lips tightened", 24: "lips pressed together", 25: "lips parted", 26: "jaw dropped",
})  # fmt: skip
"""FACS action unit → what one sees."""
_ONE_SIDED = 0.5
"""One side is named where the other moves less than this share of it."""


class Later:
    """Bytes that are made when they are first asked for, once, by whichever thread asks."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make: Callable[[], bytes] | None = make
        self._made = b""
        self._lock = threading.Lock()

    def __call__(self) -> bytes:
        """Return them; a second caller waits for the first."""
        with self._lock:
            if self._make is not None:
                self._made, self._make = self._make(), None
            return self._made


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """What is shown of one trial.

    Attributes
    ----------
    flash
        MP4: rest, the expression once at full speed, rest.
    slowed
        MP4: the expression slowed, and beside it magnified; wanted only after the answer.
    moved
        (FACS number, words) for each action unit, strongest first.
    duration_s, peak_iod
        How long and how large it was.
    """

    flash: bytes
    slowed: Later
    moved: tuple[tuple[int, str], ...]
    duration_s: float
    peak_iod: float


def trial_spec(trial: Trial) -> ClipSpec:
    """Return the rendered clip of a trial, fully described."""
    rng = np.random.default_rng([trial.seed, 1])
    wanted = difficulty(trial.level)
    table = _CLEAR if trial.level <= CLEAR_UP_TO else EMOTION_MIXTURES
    units = scaled_to_peak(draw_activation(trial.emotion, rng, table), wanted.peak_iod)
    onset_s = float(rng.uniform(*_LEAD_S))
    apex_s = onset_s + wanted.duration_s * float(rng.uniform(0.4, 0.5))
    offset_s = onset_s + wanted.duration_s
    triples = tuple((number, *sides) for number, sides in units.items())
    shown = MicroExpression(
        onset_s, apex_s, offset_s, trial.emotion, triples, wanted.peak_iod, "plateau"
    )
    blinks: tuple[Distractor, ...] = ()
    if trial.level > CLEAR_UP_TO and rng.random() < _BLINK_CHANCE:
        blinks = (Distractor("blink", 0.25, 0.5, 1.0, int(rng.integers(1000))),)
    return ClipSpec(
        seed=trial.seed, fps=FPS, duration_s=offset_s + _TAIL_S, width=SIDE_PX, height=SIDE_PX,
        face_iod_px=IOD_PX, face_y=0.5, identity_seed=trial.seed,
        anatomy_seed=trial.seed if trial.level > CLEAR_UP_TO else None,
        micro_expressions=(shown,), distractors=blinks, drift_iod=0.006, drift_deg=0.35,
        drift_scale=0.002, exposure_drift=0.004, noise_gaussian=0.7, noise_poisson=0.004,
        blur_px=0.35, skin_texture=1.2,
    )  # fmt: skip


def make_clips(trial: Trial) -> Clips:
    """Render a trial: a second or two of one core, and another for ``slowed``."""
    spec = trial_spec(trial)
    [shown] = spec.micro_expressions
    kept: list[tuple[float, NDArray[np.uint8]]] = []
    with tempfile.TemporaryDirectory(prefix="mer-eye-") as scratch:
        path = Path(scratch, "flash.mp4")
        encode(_pictures(spec, shown, kept), path, Fraction(FPS))
        flash = path.read_bytes()
    return Clips(
        flash,
        Later(partial(_slowed, shown, kept)),
        in_words(shown.activation),
        shown.offset_s - shown.onset_s,
        shown.peak_iod,
    )


def _slowed(shown: MicroExpression, kept: list[tuple[float, NDArray[np.uint8]]]) -> bytes:
    stretch = Stretch(
        np.stack([picture for _, picture in kept]), np.array([time_s for time_s, _ in kept])
    )
    moments = Moments(shown.onset_s, shown.apex_s, shown.offset_s)
    larger = float(np.clip(_SHOWN_IOD / shown.peak_iod, 2.5, 6.0))
    with tempfile.TemporaryDirectory(prefix="mer-eye-") as scratch:
        path = Path(scratch, "slowed.mp4")
        return write_side_by_side(stretch, moments, path, Look(amplification=larger)).read_bytes()


def in_words(activation: Activation) -> tuple[tuple[int, str], ...]:
    """Return what moves, strongest first; left and right are the face's own."""
    found = []
    for number, (right, left) in sorted(activation.items(), key=lambda unit: -max(unit[1])):
        words = IN_WORDS.get(number, f"action unit {number}")
        if min(right, left) < _ONE_SIDED * max(right, left):
            words += f", more on the face's own {'right' if right > left else 'left'}"
        found.append((number, words))
    return tuple(found)


def _pictures(
    spec: ClipSpec, shown: MicroExpression, kept: list[tuple[float, NDArray[np.uint8]]]
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures; keep those around the expression, cut to the face."""
    for number, picture in enumerate(render_clip(spec, resting_face())):
        time_s = number / FPS
        if shown.onset_s - _AROUND_S <= time_s <= shown.offset_s + _AROUND_S:
            kept.append((time_s, picture[_PANEL].copy()))
        yield picture
