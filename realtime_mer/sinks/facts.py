"""Read the summary's free-form parts for the report: numbers, notes, rejections, details."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from realtime_mer.sinks.text import plain

_SHOWN_ELSEWHERE = frozenset({
    "alarms_per_minute", "analysed_s", "codec", "duration_s", "events", "events_per_emotion",
    "frames", "gaps", "height", "measured_fps", "media", "not_seen_s", "notes", "problems",
    "rejected", "start_s", "trained_on", "warnings", "width",
})  # fmt: skip


def number(summary: Mapping[str, object], key: str) -> float:
    """Return a number of the summary, NaN where it has none under that key."""
    value = summary.get(key)
    return float(value) if isinstance(value, int | float) else math.nan


def listed(summary: Mapping[str, object], keys: Sequence[str]) -> list[str]:
    """Return the remarks under any of ``keys``, each a text or a list of texts."""
    remarks: list[str] = []
    for key in keys:
        value = summary.get(key)
        if isinstance(value, str):
            remarks.append(plain(value))
        elif isinstance(value, Sequence):
            remarks += [plain(str(item)) for item in value]
    return [remark for remark in remarks if remark]


def rejected(summary: Mapping[str, object]) -> list[tuple[str, int, float]]:
    """Return (reason, count, percent of the most frequent), most frequent first."""
    found = summary.get("rejected")
    if not isinstance(found, Mapping):
        return []
    counts = {plain(str(k)): int(v) for k, v in found.items() if isinstance(v, int | float) and v}
    most = max(counts.values(), default=1)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(reason.replace("_", " "), n, round(100 * n / most, 1)) for reason, n in ordered]


def details(summary: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return whatever else the summary says as (name, text), nested names joined by ``·``."""
    rest = {key: value for key, value in summary.items() if key not in _SHOWN_ELSEWHERE}
    return sorted(_flat(rest, ""))


def _flat(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            spoken = plain(str(key)).replace("_", " ")
            yield from _flat(item, f"{name} · {spoken}" if name else spoken)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield name, ", ".join(_words(item) for item in value) or "none"
    else:
        yield name, _words(value)


def _words(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else plain(str(value))
