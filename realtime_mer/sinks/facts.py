"""Read the summary's free-form parts for the report: numbers, notes, rejections, details."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from realtime_mer.sinks.text import plain

_SHOWN_ELSEWHERE = frozenset({
    "alarms_per_minute", "analysed_s", "codec", "duration_s", "events", "events_per_emotion",
    "frames", "gaps", "height", "measured_fps", "media", "not_seen_s", "notes", "problems",
    "rejected", "start_s", "trained_on", "warnings", "width", "model", "engine", "interrupted",
    "engine_notes",
})  # fmt: skip


_INTERRUPTED = "The analysis was stopped early. Only what came before is covered here."


def number(summary: Mapping[str, object], key: str) -> float:
    """Return a number of the summary, NaN where it has none under that key."""
    value = summary.get(key)
    return float(value) if isinstance(value, int | float) else math.nan


def listed(summary: Mapping[str, object], keys: Sequence[str]) -> list[str]:
    """Return the remarks under any of ``keys`` (texts or lists of texts) and what else to heed."""
    remarks = [_INTERRUPTED] if summary.get("interrupted") else []
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
    """Return whatever single facts the summary holds besides, as (name, text)."""
    return sorted(
        (_spoken(key), _words(value))
        for key, value in summary.items()
        if key not in _SHOWN_ELSEWHERE and not isinstance(value, Mapping)
    )


def groups(summary: Mapping[str, object]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the summary's nested facts as (group, [(name, text), …]), empty groups left out.

    Names nested deeper are joined by ``·``; a group of equal rows (time spent per stage) reads
    as one line a row.
    """
    found = [
        (_spoken(key), list(_flat(value, "")))
        for key, value in sorted(summary.items())
        if key not in _SHOWN_ELSEWHERE and isinstance(value, Mapping)
    ]
    return [(name, facts) for name, facts in found if facts]


def _flat(group: Mapping[str, object], before: str) -> Iterator[tuple[str, str]]:
    for key, value in group.items():
        name = f"{before} · {_spoken(key)}" if before else _spoken(key)
        if not isinstance(value, Mapping):
            yield name, _words(value)
        elif all(isinstance(item, int | float) for item in value.values()):
            yield name, ", ".join(f"{_spoken(k)} {_words(v)}" for k, v in value.items())
        else:
            yield from _flat(value, name)


def _spoken(key: object) -> str:
    return plain(str(key)).replace("_", " ")


def _words(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_words(item) for item in value) or "none"
    return f"{value:.6g}" if isinstance(value, float) else plain(str(value))
