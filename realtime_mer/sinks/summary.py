"""``summary.json``: what was analysed, how much was found, what could not be seen."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from realtime_mer.events import EMOTIONS, NONE, Analysis, Gap
from realtime_mer.sinks.text import plain


def summary_of(analysis: Analysis) -> dict[str, object]:
    """Return the summary, JSON-ready: what the analysis itself tells, over computed basics.

    Every key of ``analysis.summary`` is kept as it is. Counts, alarms per minute (events per
    minute in which a face was followed), measured fps and gaps are added where it has none.

    Raises
    ------
    TypeError
        A value is not of JSON; the message names the key.
    """
    return {**_basics(analysis), **_json_object(analysis.summary, "summary")}


def render(summary: Mapping[str, object]) -> str:
    """Return the file's text: keys sorted, two spaces of indent, NaN and infinity as null."""
    ready = _json_object(summary, "summary")
    return json.dumps(ready, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def unseen_s(gaps: Iterable[Gap], start_s: float, end_s: float) -> float:
    """Return the seconds of [start_s, end_s] that at least one gap covers."""
    total, reached = 0.0, start_s
    for gap in sorted(gaps, key=lambda gap: gap.start_s):
        begin, end = max(gap.start_s, reached), min(gap.end_s, end_s)
        if end > begin:
            total += end - begin
            reached = end
    return total


def _basics(analysis: Analysis) -> dict[str, object]:
    media, events = analysis.media, analysis.events
    duration_s = media.duration_s if math.isfinite(media.duration_s) else 0.0
    start_s = media.start_s if math.isfinite(media.start_s) else 0.0
    not_seen_s = unseen_s(analysis.gaps, start_s, start_s + duration_s)
    analysed_s = max(0.0, duration_s - not_seen_s)
    return {
        "media": plain(media.name),
        "width": media.width,
        "height": media.height,
        "codec": plain(media.codec),
        "frames": media.frames,
        "duration_s": round(duration_s, 6),
        "start_s": round(start_s, 6),
        "measured_fps": round(media.fps, 6) if math.isfinite(media.fps) else None,
        "events": len(events),
        "events_per_emotion": {
            emotion: sum(event.emotion == emotion for event in events)
            for emotion in (*EMOTIONS, NONE)
        },
        "analysed_s": round(analysed_s, 6),
        "not_seen_s": round(not_seen_s, 6),
        "alarms_per_minute": round(60 * len(events) / analysed_s, 4) if analysed_s > 0 else None,
        "gaps": [
            {
                "start_s": json_ready(gap.start_s, "gap"),
                "end_s": json_ready(gap.end_s, "gap"),
                "reason": plain(gap.reason),
            }
            for gap in analysis.gaps
        ],
    }


def json_ready(value: object, where: str) -> object:
    """Return ``value`` in JSON's own types; not-a-number and infinity become None.

    NumPy's scalars are taken for the numbers they are. ``where`` names the place in the message
    of the ``TypeError`` that anything else (arrays, paths, sets, bytes) raises.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return _json_object(value, where)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [json_ready(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise TypeError(
        f"{where} is a {type(value).__name__}, which JSON cannot hold; give None, bool, int, "
        "float, str, or lists and string-keyed dicts of these"
    )


def _json_object(value: Mapping[str, object], where: str) -> dict[str, object]:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"{where} has the key {key!r}; JSON keys are strings")
    return {
        str(json_ready(key, where)): json_ready(item, f"{where}[{key!r}]")
        for key, item in value.items()
    }
