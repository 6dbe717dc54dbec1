"""``report.html``: one self-contained page to look through what was found.

The page asks no network for anything: styles, script, signals and pictures lie inside it, and
its content security policy lets a browser load nothing else. It can be read without its script.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from realtime_mer.events import (
    ACTION_UNIT_GROUPS,
    ACTION_UNIT_SHOWN,
    EMOTIONS,
    MIN_DURATION_S,
    NONE,
    Analysis,
    Event,
    MediaInfo,
)
from realtime_mer.sinks import drawing, timeline
from realtime_mer.sinks.facts import details, groups, listed, number, rejected
from realtime_mer.sinks.pictures import EXPLANATION, KINDS, data_uris
from realtime_mer.sinks.table import Row
from realtime_mer.sinks.text import clock, decimals, plain, spoken

STATIC_BUCKETS = 500
"""Resolution of the drawing that is in the page before its script runs."""
_CROWD = 30
_LANE, _EVENT_ROW, _AXIS = 58, 34, 26


def render(analysis: Analysis, table: Sequence[Row], summary: Mapping[str, object]) -> str:
    """Return the page's text; ``summary`` is what ``summary.summary_of`` returned."""
    style, script = (_environment().get_template(f"report.{kind}") for kind in ("css", "js"))
    style_text, script_text = style.render(), script.render()
    page = _environment().get_template("report.html.j2")
    return page.render(
        style=style_text,
        style_hash=_hash(style_text),
        script=script_text,
        script_hash=_hash(script_text),
        name=plain(analysis.media.name) or "a recording",
        facts=_facts(analysis.media),
        tiles=_tiles(analysis, summary),
        chart=_chart(analysis, table),
        cards=_cards(analysis, table),
        notes=listed(summary, ("notes", "warnings", "problems", "engine_notes")),
        rejected=rejected(summary),
        gaps=sorted(analysis.gaps, key=lambda gap: gap.start_s),
        details=details(summary),
        groups=groups(summary),
        models=_models(table, summary),
        trained_on=plain(str(summary.get("trained_on") or "")),
        alarms=decimals(number(summary, "alarms_per_minute"), 1),
        frames_of_shortest=decimals(number(summary, "measured_fps") * MIN_DURATION_S, 1),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("realtime_mer.sinks", "templates"),
        autoescape=lambda name: name is None or not name.endswith((".css", ".js")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": clock,
        "decimals": decimals,
        "emotion": _emotion,
        "plain": plain,
        "spoken": spoken,
    }
    return environment


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _emotion(name: str) -> str:
    """Return an event's ``emotion`` in words."""
    return "none of these" if name == NONE else name


def _facts(media: MediaInfo) -> str:
    size = f"{media.width} × {media.height}" if media.width and media.height else ""
    length = clock(media.duration_s) if math.isfinite(media.duration_s) else ""
    begins = math.isfinite(media.start_s) and round(media.start_s, 3) != 0
    start = f"starts at {clock(media.start_s)}" if begins else ""
    return " · ".join(fact for fact in (size, plain(media.codec), length, start) if fact)


def _tiles(analysis: Analysis, summary: Mapping[str, object]) -> list[dict[str, str]]:
    media, gaps = analysis.media, len(analysis.gaps)
    each = Counter(event.emotion for event in analysis.events)
    split = ", ".join(f"{each[e]} {_emotion(e)}" for e in (*EMOTIONS, NONE) if each[e])
    analysed, duration = number(summary, "analysed_s"), number(summary, "duration_s")
    fps = number(summary, "measured_fps")
    return [
        _tile("Candidates", str(len(analysis.events)), "", split or "nothing to look at"),
        _tile(
            "Alarms per minute",
            decimals(number(summary, "alarms_per_minute"), 1) or "–",
            "",
            "candidates per minute of followed face",
        ),
        _tile("Analysed", _length(analysed), "", f"of {_length(duration)}"),
        _tile("Measured rate", decimals(fps, 2) or "–", "fps", f"{media.frames} frames decoded"),
        _tile("Not seen", decimals(number(summary, "not_seen_s"), 1) or "–", "s",
              f"in {gaps} gap{'' if gaps == 1 else 's'}" if gaps else "no gaps"),
    ]  # fmt: skip


def _length(seconds: float) -> str:
    """Return a length for a tile: without milliseconds from ten minutes on."""
    if not math.isfinite(seconds):
        return "–"
    return clock(seconds) if seconds < 600 else clock(seconds).partition(".")[0]


def _tile(label: str, value: str, unit: str, note: str) -> dict[str, str]:
    return {"label": label, "value": value, "unit": unit, "note": note}


def _models(table: Sequence[Row], summary: Mapping[str, object]) -> list[str]:
    """Return ``model on engine`` of every event, or of the run where there is no event."""
    used = {(row.model, row.engine) for row in table}
    if not used and summary.get("model"):
        used = {(str(summary["model"]), str(summary.get("engine") or "an unnamed engine"))}
    return sorted(plain(f"{model} on {engine}") for model, engine in used)


def _chart(analysis: Analysis, table: Sequence[Row]) -> dict[str, object] | None:
    """Return everything the time line is drawn from, or None where there is no signal."""
    signals, media = analysis.signals, analysis.media
    if not timeline.usable(signals):
        return None
    span = timeline.span_s(signals, table, media.start_s, media.start_s + media.duration_s)
    ceiling = timeline.ceiling_iod(
        signals, [event.candidate.amplitude_iod for event in analysis.events]
    )
    still = timeline.envelope(signals, STATIC_BUCKETS, *span)
    lanes = [
        {
            "label": spoken(region),
            "y": _EVENT_ROW + _LANE * index,
            "area": drawing.area_path(still, index, span, ceiling),
            "band": drawing.band_path(still, index, span, ceiling),
            "threshold": drawing.line_path(still, index, span, ceiling),
        }
        for index, region in enumerate(signals.regions)
    ]
    bottom = _EVENT_ROW + _LANE * len(lanes)
    return {
        "lanes": lanes,
        "lane_height": _LANE,
        "bottom": bottom,
        "height": bottom + _AXIS,
        "ceiling_percent": decimals(100 * ceiling, 1),
        "marks": [_mark(row, span) for row in table],
        "gaps": _gap_marks(analysis, span),
        "crowded": len(table) > _CROWD,
        "lines": still.high is still.low,
        "ticks": drawing.tick_marks(span),
        "island": _island(analysis, table, span, ceiling),
    }


def _mark(row: Row, span: tuple[float, float]) -> dict[str, object]:
    on, apex, off = (drawing.percent(t, span) for t in (row.onset_s, row.apex_s, row.offset_s))
    return {"row": row, "x": on, "width": round(off - on, 4), "apex": apex}


def _gap_marks(analysis: Analysis, span: tuple[float, float]) -> list[dict[str, object]]:
    marks: list[dict[str, object]] = []
    for gap in analysis.gaps:
        begin, end = max(gap.start_s, span[0]), min(gap.end_s, span[1])
        if end >= begin:
            x = drawing.percent(begin, span)
            width = round(drawing.percent(end, span) - x, 4)
            marks.append({"x": x, "width": width, "start_s": begin, "end_s": end, "gap": gap})
    return marks


def _island(
    analysis: Analysis, table: Sequence[Row], span: tuple[float, float], ceiling: float
) -> str:
    """Return the script's data as JSON in which no markup can begin or end."""
    overview = timeline.envelope(analysis.signals, timeline.OVERVIEW_BUCKETS, *span)
    data = {
        "span": span,
        "ceiling": ceiling,
        "overview": timeline.packed(overview, span[0]),
        "windows": [
            timeline.packed(part, span[0]) for part in timeline.windows(analysis.signals, table)
        ],
        "events": [[row.event_id, row.onset_s, row.apex_s, row.offset_s] for row in table],
    }
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _cards(analysis: Analysis, table: Sequence[Row]) -> list[dict[str, object]]:
    pictures = data_uris(analysis.evidence, table)
    units = {event.event_id: _units(event) for event in analysis.events}
    return [
        _card(row, pictures[row.event_id])
        | {"units": units[row.event_id], "explained": _explained(analysis, row.event_id)}
        for row in table
    ]


def _explained(analysis: Analysis, event_id: int) -> str:
    evidence = analysis.evidence.get(event_id)
    return plain(evidence.explained) if evidence else ""


def _card(row: Row, pictures: Mapping[str, str]) -> dict[str, object]:
    moments = {
        "onset": (row.onset_s, row.onset_frame),
        "apex": (row.apex_s, row.apex_frame),
        "offset": (row.offset_s, row.offset_frame),
    }
    shares = (row.p_negative, row.p_positive, row.p_surprise)
    looks = [(e, (1 - row.p_none) * p) for e, p in zip(EMOTIONS, shares, strict=True)]
    if row.p_none > 0:
        looks.append((NONE, row.p_none))
    return {
        "row": row,
        "regions": [spoken(region) for region in row.regions.split("+") if region],
        "pictures": [(kind, pictures.get(kind), moments.get(kind)) for kind in KINDS],
        "explanation": pictures.get(EXPLANATION),
        "moved": [spoken(group) for group in row.action_units.split("+") if group],
        "bars": [(emotion, *_percent(p)) for emotion, p in looks],
        "unclear": not row.confidence >= 0.5,
    }


def _units(event: Event) -> list[dict[str, object]]:
    """Return how strongly the model sees each group of action units, empty where it tells none."""
    return [
        {
            "name": spoken(group),
            "numbers": "+".join(map(str, ACTION_UNIT_GROUPS[group])),
            "right": _percent(right),
            "left": _percent(left),
            "shown": max(right, left) >= ACTION_UNIT_SHOWN,
        }
        for group, (right, left) in event.action_units.items()
    ]


def _percent(share: float) -> tuple[str, float]:
    """Return a number between 0 and 1 as (text, width) in percent."""
    if not math.isfinite(share):
        return "–", 0
    return decimals(100 * share, 0), round(100 * share, 1)
