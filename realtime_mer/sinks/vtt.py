"""``events.vtt``: subtitles that any player shows over the video (WebVTT)."""

from __future__ import annotations

from collections.abc import Sequence

from realtime_mer.events import MediaInfo
from realtime_mer.sinks.media import player_start_s
from realtime_mer.sinks.table import Row
from realtime_mer.sinks.text import plain

_NOTE = "NOTE\nCandidates to look at in {name}. They prove neither a feeling nor a lie."


def render(media: MediaInfo, table: Sequence[Row]) -> str:
    """Return the file's text: one cue per row, from onset to offset, at least 1 ms long.

    Cue times are what a player shows; see ``media.player_start_s``.
    """
    blocks = ["WEBVTT", _NOTE.format(name=escape(media.name) or "the recording")]
    start_s = player_start_s(media)
    blocks += [_cue(row, start_s) for row in table]
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """Return cue text for ``text``: no markup, no line break, no arrow."""
    return plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cue(row: Row, player_start: float) -> str:
    start = max(0, round((row.onset_s - player_start) * 1000))
    end = max(start + 1, round((row.offset_s - player_start) * 1000))
    looks = f"#{row.event_id} {row.emotion} {row.confidence:.2f}"
    words = " · ".join(text for text in (looks, row.regions, row.action_units) if text)
    return f"event-{row.event_id}\n{_timestamp(start)} --> {_timestamp(end)}\n{escape(words)}"


def _timestamp(total_ms: int) -> str:
    minutes, ms = divmod(total_ms, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{ms // 1000:02d}.{ms % 1000:03d}"
