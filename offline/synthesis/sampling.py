"""Draw clips at random: what happens when, how the head moves, how it is filmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from offline.synthesis.action_units import draw_activation, scaled_to_peak
from offline.synthesis.clip_spec import ClipSpec, Distractor, MicroExpression
from offline.synthesis.profiles import PROFILES
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS

_RATES = ((30.0, 0.4), (25.0, 0.07), (24.0, 0.05), (50.0, 0.05), (60.0, 0.2), (100.0, 0.13))
_RATES_TAIL = ((120.0, 0.03), (200.0, 0.07))
_LID_UNITS = {5, 7}
_LID_PEAK_IOD = 0.03
_QUIET_S = 0.35
_LEAD_IN_S = 1.0

Item = MicroExpression | Distractor
"""Something with a place in time."""


def draw_fps(rng: np.random.Generator) -> float:
    """Draw a frame rate between 24 and 200 per second, 30 being the most common."""
    rates, odds = zip(*(_RATES + _RATES_TAIL), strict=True)
    return float(rng.choice(rates, p=np.array(odds) / sum(odds)))


def draw_micro_expression(
    rng: np.random.Generator, emotion: str | None = None, fps: float = 30.0
) -> MicroExpression:
    """Draw one micro-expression that starts at 0 s.

    Lasts 0.1 to 0.5 s (at 100 frames/s and more, now and then only 0.06 to 0.1 s), peak
    displacement 1.5 to 5 % of the inter-ocular distance.
    """
    emotion = emotion or str(rng.choice(EMOTIONS))
    brief = fps >= 100 and rng.random() < 0.15
    duration = float(rng.uniform(0.06, 0.1) if brief else rng.uniform(0.12, 0.5))
    apex = duration * float(rng.uniform(0.3, 0.6))
    peak = float(rng.uniform(0.015, 0.05))
    units = scaled_to_peak(draw_activation(emotion, rng), peak)
    return MicroExpression(
        0.0,
        apex,
        duration,
        emotion,
        tuple((number, *sides) for number, sides in units.items()),
        peak,
        str(rng.choice(list(PROFILES))),
    )


def draw_distractor(kind: str, rng: np.random.Generator) -> Distractor:
    """Draw one distractor that starts at 0 s, of ordinary length and size."""
    low, high, small, large = {
        "blink": (0.18, 0.40, 0.85, 1.0),
        "gaze": (0.3, 1.5, 0.04, 0.09),
        "slow_expression": (1.4, 4.0, 0.04, 0.12),
        "turn": (0.6, 2.2, 4.0, 14.0),
        "nod": (0.6, 1.8, 2.0, 7.0),
        "speech": (1.0, 4.0, 0.04, 0.12),
        "hand": (1.2, 3.0, 0.2, 1.0),
        "cut": (0.0, 0.0, 0.3, 1.0),
    }[kind]
    amount = float(rng.uniform(small, large))
    if kind in ("turn", "nod") and rng.random() < 0.5:
        amount = -amount
    units: tuple[tuple[int, float, float], ...] = ()
    if kind == "slow_expression":
        drawn = draw_activation(str(rng.choice(EMOTIONS)), rng)
        units = tuple((number, *sides) for number, sides in drawn.items())
        if set(drawn) <= _LID_UNITS:
            amount = min(amount, _LID_PEAK_IOD)
    seed = int(rng.integers(1 << 31))
    return Distractor(kind, 0.0, float(rng.uniform(low, high)), amount, seed, units)


def lay_out(
    items: Sequence[Item], duration_s: float, rng: np.random.Generator
) -> tuple[tuple[MicroExpression, ...], tuple[Distractor, ...]]:
    """Place items one after another in random order with random pauses, none overlapping.

    Each starts at least 1 s after the clip's start and 0.35 s after its predecessor's end. What
    does not fit is left out, micro-expressions last.
    """
    kept = sorted(items, key=lambda item: isinstance(item, Distractor))
    while kept and _LEAD_IN_S + sum(_length(i) + _QUIET_S for i in kept) > duration_s:
        kept.pop()
    spare = duration_s - _LEAD_IN_S - sum(_length(i) + _QUIET_S for i in kept)
    pauses = rng.dirichlet(np.ones(len(kept) + 1)) * spare
    at = _LEAD_IN_S
    expressions: list[MicroExpression] = []
    distractors: list[Distractor] = []
    for place, pause in zip(rng.permutation(len(kept)), pauses, strict=False):
        item = kept[place]
        at += float(pause)
        moved = _shifted(item, round(at, 4))
        if isinstance(moved, MicroExpression):
            expressions.append(moved)
        else:
            distractors.append(moved)
        at += _length(item) + _QUIET_S
    return tuple(expressions), tuple(distractors)


def _length(item: Item) -> float:
    if isinstance(item, MicroExpression):
        return item.offset_s - item.onset_s
    return item.end_s - item.start_s


def _shifted(item: Item, by: float) -> Item:
    if isinstance(item, MicroExpression):
        return replace(
            item, onset_s=item.onset_s + by, apex_s=item.apex_s + by, offset_s=item.offset_s + by
        )
    return replace(item, start_s=item.start_s + by, end_s=item.end_s + by)


def draw_filming(rng: np.random.Generator, fps: float, duration_s: float) -> ClipSpec:
    """Draw a quiet clip: framing, drift, light, noise, compression, but no events."""
    flickers = rng.random() < 0.25
    uneven = fps <= 60 and rng.random() < 0.15
    return ClipSpec(
        seed=int(rng.integers(1 << 31)),
        fps=fps,
        duration_s=duration_s,
        jitter=float(rng.uniform(0.05, 0.3)) if uneven else 0.0,
        drop_rate=float(rng.uniform(0.0, 0.05)) if uneven else 0.0,
        face_iod_px=float(np.exp(rng.uniform(np.log(60), np.log(160)))),
        face_x=float(rng.uniform(0.42, 0.58)),
        face_y=float(rng.uniform(0.46, 0.54)),
        identity_seed=int(rng.integers(1 << 31)),
        drift_iod=float(rng.uniform(0.0, 0.05)),
        drift_deg=float(rng.uniform(0.0, 2.5)),
        drift_scale=float(rng.uniform(0.0, 0.012)),
        drift_hz=float(rng.uniform(0.15, 0.6)),
        exposure_drift=float(rng.uniform(0.0, 0.03)),
        flicker_hz=float(rng.choice([100.0, 120.0])) if flickers else 0.0,
        flicker_depth=float(rng.uniform(0.02, 0.12)) if flickers else 0.0,
        exposure_s=float(rng.uniform(0.001, min(0.01, 0.9 / fps))),
        readout=float(rng.choice([0.0, rng.uniform(0.2, 0.9)])),
        noise_gaussian=float(np.exp(rng.uniform(np.log(0.4), np.log(2.5)))),
        noise_poisson=float(rng.uniform(0.0, 0.04)),
        blur_px=float(rng.uniform(0.3, 0.9)),
        skin_texture=float(rng.uniform(1.0, 3.0)),
        contrast=float(rng.uniform(0.75, 1.1)),
        brightness=float(rng.uniform(-20, 15)),
        crf=int(rng.integers(15, 28)),
        preset=str(rng.choice(["ultrafast", "veryfast", "faster"])),
        gop=int(rng.choice([12, 30, 60, 250])),
        anatomy_seed=int(rng.integers(1 << 31)),
    )


def sample_spec(
    rng: np.random.Generator,
    *,
    duration_s: float | None = None,
    fps: float | None = None,
    emotions: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
) -> ClipSpec:
    """Draw a whole clip.

    Parameters
    ----------
    rng
        The only source of chance; equal generators give equal specs.
    duration_s, fps
        Length and frame rate; drawn (8 to 12 s, 24 to 200 frames/s) where left out.
    emotions
        One micro-expression for each; 1 to 3 drawn where left out.
    kinds
        One distractor for each (out of ``clip_spec.DISTRACTOR_KINDS``); a few blinks, a gaze
        shift and a slow expression, now and then something worse, where left out.
    """
    fps = draw_fps(rng) if fps is None else fps
    duration_s = float(rng.uniform(8.0, 12.0)) if duration_s is None else duration_s
    if duration_s < 2 * _LEAD_IN_S:
        raise ConfigError(f"a sampled clip needs at least 2 s to hold events, got {duration_s} s")
    if emotions is None:
        emotions = [str(e) for e in rng.choice(EMOTIONS, int(rng.integers(1, 4)))]
    kinds = draw_kinds(rng) if kinds is None else kinds
    items: list[Item] = [draw_micro_expression(rng, emotion, fps) for emotion in emotions]
    items += [draw_distractor(kind, rng) for kind in kinds]
    expressions, distractors = lay_out(items, duration_s, rng)
    filming = draw_filming(rng, fps, duration_s)
    return replace(filming, micro_expressions=expressions, distractors=distractors)


def draw_kinds(rng: np.random.Generator, busy: float = 0.15) -> list[str]:
    """Draw the distractors of a clip; a higher ``busy`` (0…1) makes the rare ones commoner."""
    kinds = ["blink"] * int(rng.integers(1, 4))
    for kind, chance in (("gaze", 0.5), ("slow_expression", 0.5)):
        if rng.random() < chance:
            kinds.append(kind)
    for kind in ("turn", "nod", "speech", "hand", "cut"):
        if rng.random() < busy:
            kinds.append(kind)
    return kinds
