"""The one interval table: every result file is made from these rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from realtime_mer.events import ACTION_UNIT_GROUPS, EMOTIONS, Analysis, Event
from realtime_mer.sinks.text import decimals, plain, spreadsheet_safe


@dataclass(frozen=True, slots=True)
class Row:
    """One event; the attributes are the columns of ``events.csv``, in their order.

    Frames count from 0 in decode order and are inclusive; ``…_s`` are media seconds;
    ``duration_ms`` is offset minus onset; ``regions`` and ``action_units`` are joined by ``+``,
    strongest first; ``au_…`` is the larger score of the two sides, NaN where the model gives none.
    """

    event_id: int
    segment: int
    face_id: int
    onset_frame: int
    apex_frame: int
    offset_frame: int
    onset_s: float
    apex_s: float
    offset_s: float
    duration_ms: float
    emotion: str
    confidence: float
    p_negative: float
    p_positive: float
    p_surprise: float
    regions: str
    spot_score: float
    quality: float
    model: str
    engine: str
    p_none: float
    action_units: str
    au_brow_raise: float
    au_brow_lower: float
    au_lid_tighten: float
    au_nose_wrinkle: float
    au_upper_lip_raise: float
    au_lip_corner_pull: float
    au_dimple: float
    au_lip_corner_drop: float
    au_chin_raise: float
    au_lips_part: float

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, one cell per column, safe to open in a spreadsheet."""
        return tuple(_cell(name, getattr(self, name)) for name in COLUMNS)


COLUMNS = tuple(field.name for field in fields(Row))
_DIGITS = {"onset_s": 6, "apex_s": 6, "offset_s": 6, "duration_ms": 3, "spot_score": 3}
_DIGITS_ELSEWHERE = 4


def rows(analysis: Analysis) -> tuple[Row, ...]:
    """Return one row per event, ordered by onset, then by event number.

    Raises
    ------
    ValueError
        A time is not finite, or an event has not one probability for each of ``EMOTIONS``.
    """
    table = (_row(event) for event in analysis.events)
    return tuple(sorted(table, key=lambda row: (row.onset_s, row.event_id)))


def _row(event: Event) -> Row:
    candidate = event.candidate
    _refuse_unusable(event)
    negative, positive, surprise = (float(p) for p in event.probabilities)
    unsaid = (math.nan, math.nan)
    units = {f"au_{g}": float(max(event.action_units.get(g, unsaid))) for g in ACTION_UNIT_GROUPS}
    return Row(
        event_id=int(event.event_id),
        segment=int(candidate.segment),
        face_id=int(candidate.face_id),
        onset_frame=int(candidate.onset_frame),
        apex_frame=int(candidate.apex_frame),
        offset_frame=int(candidate.offset_frame),
        onset_s=float(candidate.onset_s),
        apex_s=float(candidate.apex_s),
        offset_s=float(candidate.offset_s),
        duration_ms=float(candidate.duration_s) * 1000,
        emotion=event.emotion,
        confidence=float(event.confidence),
        p_negative=negative,
        p_positive=positive,
        p_surprise=surprise,
        regions="+".join(plain(region) for region in candidate.regions),
        spot_score=float(candidate.spot_score),
        quality=float(candidate.quality),
        model=plain(event.model),
        engine=plain(event.engine),
        p_none=float(event.p_none),
        action_units=event.action_unit_text,
        **units,
    )


def _refuse_unusable(event: Event) -> None:
    candidate = event.candidate
    times = (candidate.onset_s, candidate.apex_s, candidate.offset_s)
    if not all(math.isfinite(time) for time in times):
        raise ValueError(f"event {event.event_id} needs finite times in seconds, got {times}")
    if len(event.probabilities) != len(EMOTIONS):
        raise ValueError(
            f"event {event.event_id} needs {len(EMOTIONS)} probabilities ({', '.join(EMOTIONS)}), "
            f"got {len(event.probabilities)}"
        )


def _cell(name: str, value: object) -> str:
    if isinstance(value, float):
        return decimals(value, _DIGITS.get(name, _DIGITS_ELSEWHERE))
    return str(value) if isinstance(value, int) else spreadsheet_safe(str(value))
