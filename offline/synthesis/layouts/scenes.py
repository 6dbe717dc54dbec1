"""Long recordings: micro- and macro-expressions among blinks and glances, all on frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from offline.synthesis.action_units import draw_activation, scaled_to_peak
from offline.synthesis.clip_spec import ClipSpec, MicroExpression
from offline.synthesis.layouts.film import Film, Person, draw_person, filmed, stream
from offline.synthesis.layouts.layout import TreeSettings
from offline.synthesis.layouts.recording import mark_of
from offline.synthesis.layouts.takes import CYCLE, LONGEST_S, draw_on_frames, shifted
from offline.synthesis.sampling import Item, draw_distractor, lay_out
from offline.synthesis.tree_truth import Mark

MACRO_S, MACRO_IOD = (0.6, 2.5), (0.04, 0.1)


@dataclass(frozen=True, slots=True)
class Cast:
    """How many expressions a recording holds, drawn from the least to the most.

    ``one_label`` gives all expressions of a recording the same emotion. One in ``empty_every``
    recordings of a person holds none, only blinks and glances; 0 fills all.
    """

    micro: tuple[int, int]
    macro: tuple[int, int] = (0, 0)
    one_label: bool = False
    empty_every: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """One recording before it has a name.

    Attributes
    ----------
    person, number
        Whose, and which of theirs, from 0.
    label
        Emotion of its first expression, drawn for an empty one too.
    expressions
        In the order of time, on frames.
    spec
        What is rendered; the expressions and what distracts from them are in it.
    rng
        For what the layout still has to draw.
    """

    person: Person
    number: int
    label: str
    expressions: tuple[MicroExpression, ...]
    spec: ClipSpec
    rng: np.random.Generator

    def mark(self, place: int, sample_id: str, first: int, emotion: str, units: str) -> Mark:
        """Return how one expression is told, the first picture having the number ``first``."""
        expression = self.expressions[place]
        onset, apex, offset = (
            first + round(moment * self.spec.fps)
            for moment in (expression.onset_s, expression.apex_s, expression.offset_s)
        )
        kind = "macro" if _length(expression) > LONGEST_S + 1e-9 else "micro"
        return mark_of(expression, sample_id, (onset, apex, offset), emotion, units, kind)


def draw_scenes(layout: str, settings: TreeSettings, film: Film, cast: Cast) -> Iterator[Scene]:
    """Draw the recordings of a data set, subject by subject."""
    for subject in range(settings.subjects or 0):
        person = draw_person(settings.seed, layout, subject)
        for number in range(settings.clips or 0):
            rng = stream(settings.seed, layout, subject, number)
            yield _draw_scene(person, number, film, settings, cast, rng)


def _draw_scene(
    person: Person,
    number: int,
    film: Film,
    settings: TreeSettings,
    cast: Cast,
    rng: np.random.Generator,
) -> Scene:
    frames = round((settings.seconds or 0.0) * film.fps)
    labels = [CYCLE[(person.number + number + k) % len(CYCLE)] for k in range(20)]
    if cast.one_label:
        labels = labels[:1] * len(labels)
    micro, macro = (int(rng.integers(low, high + 1)) for low, high in (cast.micro, cast.macro))
    if cast.empty_every and (number + 1) % cast.empty_every == 0:
        micro = macro = 0
    items: list[Item] = [draw_on_frames(label, film.fps, rng) for label in labels[:micro]]
    items += [_draw_macro(label, film.fps, rng) for label in labels[micro : micro + macro]]
    kinds = ["blink"] * (1 + int(frames / film.fps / 5)) + ["gaze"] * (rng.random() < 0.5)
    items += [draw_distractor(kind, rng) for kind in kinds]
    expressions, distractors = lay_out(items, frames / film.fps, rng)
    on_frames = tuple(_snapped(expression, film.fps) for expression in expressions)
    spec = filmed(person, film, settings.scale or 1.0, frames, rng)
    spec = replace(spec, micro_expressions=on_frames, distractors=distractors)
    return Scene(person, number, labels[0], on_frames, spec, rng)


def _draw_macro(label: str, fps: float, rng: np.random.Generator) -> MicroExpression:
    """Draw an expression that everybody sees, from 0 s on: 0.6 to 2.5 s, 4 to 10 % of the IOD."""
    length = round(float(rng.uniform(*MACRO_S)) * fps)
    apex = round(length * float(rng.uniform(0.25, 0.6)))
    peak = float(rng.uniform(*MACRO_IOD))
    units = scaled_to_peak(draw_activation(label, rng), peak)
    triples = tuple((number, *sides) for number, sides in units.items())
    return MicroExpression(0.0, apex / fps, length / fps, label, triples, peak, "plateau")


def _snapped(expression: MicroExpression, fps: float) -> MicroExpression:
    """Begin an expression at the nearest frame; its length stays."""
    at = expression.onset_s
    begun = replace(
        expression, onset_s=0.0, apex_s=expression.apex_s - at, offset_s=expression.offset_s - at
    )
    return shifted(begun, round(at * fps), fps)


def _length(expression: MicroExpression) -> float:
    return expression.offset_s - expression.onset_s
