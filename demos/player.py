"""The player: a recording, its candidates beside it, and keys to judge them quickly.

One HTML component with its own small script. Python gives it a recording as ``value`` (see
``shown``); it answers with two events: ``open`` when a candidate was chosen, with ``event_id``,
and ``judge`` with ``event_id``, ``verdict``, ``emotion`` and ``note``, each with the recording's
``key``. The script writes texts as texts: nothing that came from outside is read as markup.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from realtime_mer.events import EMOTIONS, NONE, Analysis, Event
from realtime_mer.review import LABELS, LONGEST_NOTE, Judgement, Review
from realtime_mer.sinks.text import plain, spoken

STATIC = Path(__file__).parent / "static"
AROUND_S = 0.2
"""Media seconds that a loop shows before the onset and after the offset."""
SLOW = 0.25
"""Speed of a loop. Lower: more time to look, more still pictures."""
PICTURES = ("onset", "apex", "offset", "residual")


def player(elem_id: str) -> gr.HTML:
    """Return the component, empty."""
    return gr.HTML(
        None,
        html_template=(STATIC / "player.html").read_text("utf-8"),
        css_template=(STATIC / "player.css").read_text("utf-8"),
        js_on_load=(STATIC / "player.js").read_text("utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        motion=None,
        saved=0,
    )


def address(path: Path) -> str:
    """Return the address at which the page may load a file of its private folder."""
    return "gradio_api/file=" + quote(str(path))


def shown(
    analysis: Analysis,
    review: Review,
    *,
    key: str,
    video: Path,
    start_s: float,
    pictures: Mapping[int, Mapping[str, Path]],
    exports: Mapping[str, Path],
) -> dict[str, object]:
    """Return what the player shows.

    Parameters
    ----------
    key
        Comes back with every event, so that none is taken for another recording's.
    video, start_s
        What to play, and the media time that it shows at 0.
    pictures
        Event number → one of ``PICTURES`` → JPEG file.
    exports
        Label → file to download; each is fetched when it is asked for.
    """
    media = analysis.media
    return {
        "key": key,
        "name": plain(media.name),
        "video": address(video),
        "start_s": start_s,
        "duration_s": media.duration_s if math.isfinite(media.duration_s) else 0.0,
        "interval_s": 1 / media.fps if math.isfinite(media.fps) and media.fps > 0 else 1 / 30,
        "around_s": AROUND_S,
        "slow": SLOW,
        "labels": list(LABELS),
        "longest_note": LONGEST_NOTE,
        "exports": [[label, path.name, address(path)] for label, path in exports.items()],
        "gaps": [[gap.start_s, gap.end_s, plain(gap.reason)] for gap in analysis.gaps],
        "events": [
            _event(event, review.of(event.event_id), pictures.get(event.event_id, {}))
            | {"frames": _frames(analysis.signals.time_s, event)}
            for event in sorted(analysis.events, key=lambda e: (e.candidate.onset_s, e.event_id))
        ],
    }


def _event(event: Event, said: Judgement, pictures: Mapping[str, Path]) -> dict[str, object]:
    candidate = event.candidate
    shares = [(1 - event.p_none) * p for p in event.probabilities]
    looks = [*zip(EMOTIONS, shares, strict=True), *([(NONE, event.p_none)] * (event.p_none > 0))]
    return {
        "id": event.event_id,
        "face": candidate.face_id,
        "onset_s": candidate.onset_s,
        "apex_s": candidate.apex_s,
        "offset_s": candidate.offset_s,
        "ms": round(1000 * candidate.duration_s),
        "regions": ", ".join(spoken(region) for region in candidate.regions),
        "units": ", ".join(spoken(unit) for unit in event.action_unit_text.split("+") if unit),
        "score": round(candidate.spot_score, 1),
        "emotion": event.emotion,
        "confidence": round(event.confidence, 2),
        "looks": [[name, round(share, 3)] for name, share in looks],
        "pictures": {kind: address(path) for kind, path in pictures.items()},
        "verdict": str(said.verdict),
        "reviewed": said.emotion or "",
        "note": said.note,
    }


def _frames(time_s: NDArray[np.float64], event: Event) -> list[float]:
    """Return the times of the pictures that the event's loop shows."""
    first_s, last_s = event.candidate.onset_s - AROUND_S, event.candidate.offset_s + AROUND_S
    inside = (time_s >= first_s - 1e-6) & (time_s <= last_s + 1e-6)
    return [round(moment, 6) for moment in time_s[inside].tolist()]
