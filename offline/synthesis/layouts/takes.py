"""Short clips of one micro-expression each: who, which, and at which frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from offline.synthesis.action_units import draw_activation, scaled_to_peak
from offline.synthesis.clip_spec import ClipSpec, MicroExpression
from offline.synthesis.layouts.film import Film, Person, draw_person, filmed, stream
from offline.synthesis.layouts.layout import TreeSettings
from offline.synthesis.profiles import PROFILES

CYCLE = ("negative", "positive", "negative", "surprise")
"""Labels of a subject's clips in turn; the next subject begins one further."""
SHORTEST_S, LONGEST_S = 0.1, 0.5
PEAK_IOD = (0.015, 0.05)


@dataclass(frozen=True, slots=True)
class Take:
    """One clip before it has a name.

    Attributes
    ----------
    person, number
        Whose, and which of theirs, from 0.
    expression
        What is planted; onset, apex and offset lie exactly on frames.
    onset, apex, offset
        Those frames, counted from the clip's first.
    frames
        How many there are.
    spec
        What is rendered.
    rng
        For what the layout still has to draw: names and numbers.
    """

    person: Person
    number: int
    expression: MicroExpression
    onset: int
    apex: int
    offset: int
    frames: int
    spec: ClipSpec
    rng: np.random.Generator


def draw_takes(
    layout: str, settings: TreeSettings, film: Film, around: tuple[float, float] | None = None
) -> Iterator[Take]:
    """Draw the clips of a data set, subject by subject.

    Parameters
    ----------
    settings
        Without gaps.
    around
        Range of the seconds shown before the onset and again after the offset; None cuts clips
        at onset and offset.
    """
    for subject in range(settings.subjects or 0):
        person = draw_person(settings.seed, layout, subject)
        for number in range(settings.clips or 0):
            rng = stream(settings.seed, layout, subject, number)
            label = CYCLE[(subject + number) % len(CYCLE)]
            yield _draw_take(person, number, label, film, settings.scale or 1.0, around, rng)


def _draw_take(
    person: Person,
    number: int,
    label: str,
    film: Film,
    scale: float,
    around: tuple[float, float] | None,
    rng: np.random.Generator,
) -> Take:
    expression = draw_on_frames(label, film.fps, rng)
    lead, tail = (
        (0, 0) if around is None else (round(s * film.fps) for s in rng.uniform(*around, 2))
    )
    onset = max(lead, 1) if around else 0
    apex, offset = (
        onset + round(moment * film.fps) for moment in (expression.apex_s, expression.offset_s)
    )
    frames = offset + tail + 1
    planted = shifted(expression, onset, film.fps)
    spec = replace(filmed(person, film, scale, frames, rng), micro_expressions=(planted,))
    return Take(person, number, planted, onset, apex, offset, frames, spec, rng)


def draw_on_frames(label: str, fps: float, rng: np.random.Generator) -> MicroExpression:
    """Draw a micro-expression that starts at 0 s, its apex and offset on frames.

    It lasts 0.1 to 0.5 s and at least five frames; the peak is 1.5 to 5 % of the IOD.
    """
    longest = int(LONGEST_S * fps)
    length = int(np.clip(round(float(rng.uniform(SHORTEST_S, LONGEST_S)) * fps), 4, longest))
    apex = int(np.clip(round(length * float(rng.uniform(0.3, 0.6))), 2, length - 2))
    peak = float(rng.uniform(*PEAK_IOD))
    units = scaled_to_peak(draw_activation(label, rng), peak)
    return MicroExpression(
        0.0,
        apex / fps,
        length / fps,
        label,
        tuple((number, *sides) for number, sides in units.items()),
        peak,
        str(rng.choice(list(PROFILES))),
    )


def shifted(expression: MicroExpression, frames: int, fps: float) -> MicroExpression:
    """Return the expression, which starts at 0 s, some frames later."""
    apex, offset = (round(moment * fps) for moment in (expression.apex_s, expression.offset_s))
    return replace(
        expression,
        onset_s=frames / fps,
        apex_s=(frames + apex) / fps,
        offset_s=(frames + offset) / fps,
    )
