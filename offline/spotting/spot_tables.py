"""Found and true intervals as tables: our own, the challenges' log, and their submission."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from offline.datasets.long_videos import KINDS, MACRO, MICRO, LongVideo
from offline.spotting.judged_videos import Judged
from offline.spotting.megc_log import LogRow
from offline.spotting.spotting_metrics import overlap
from realtime_mer.sinks.text import spreadsheet_safe

COLUMNS = (
    "vid", "subject", "what", "number", "kind", "onset", "apex", "offset", "onset_s", "apex_s",
    "offset_s", "emotion", "confidence", "spot_score", "regions", "matched", "iou",
)  # fmt: skip


def render_intervals(judged: Iterable[Judged]) -> str:
    """Return the text of ``intervals.csv``: found and true ones, each with its partner's number."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for each in judged:
        writer.writerows(_rows(each))
    return text.getvalue()


def log_rows(judged: Iterable[Judged]) -> list[LogRow]:
    """Return the lines of a log: by video, and in it by time."""
    rows = []
    for each in judged:
        video = each.video
        partner = dict(each.micro.pairs)
        spans = [(one.onset, one.offset) for one in each.watched.found]
        truth = [(one.onset, one.offset) for one in video.of_kind(MICRO)]
        hit = set(partner.values())
        here = [
            LogRow(video.video_id, truth[partner[n]] if n in partner else None, span)
            for n, span in enumerate(spans)
        ]
        here += [LogRow(video.video_id, one, None) for n, one in enumerate(truth) if n not in hit]
        here += [
            LogRow(video.video_id, (one.onset, one.offset), None) for one in video.of_kind(MACRO)
        ]
        rows += sorted(here, key=lambda row: row.truth or row.found or (0, 0))
    return rows


def submitted(judged: Iterable[Judged]) -> list[tuple[str, tuple[int, int], str]]:
    """Return video, (onset, offset) and kind of everything found, as a submission lists it."""
    return [
        (each.video.video_id, (one.onset, one.offset), MICRO)
        for each in judged
        for one in each.watched.found
    ]


def _rows(each: Judged) -> list[dict[str, Any]]:
    video, found, partner = each.video, each.watched.found, dict(each.micro.pairs)
    back = {true: number for number, true in partner.items()}
    shared = overlap(each.found, each.truth, inclusive=True)
    rows = []
    for n, one in enumerate(found):
        row = _row(video, "found", n, MICRO, (one.onset, one.apex, one.offset), one.emotion)
        row |= {
            "confidence": one.confidence,
            "spot_score": one.spot_score,
            "regions": "+".join(one.regions),
        }
        if n in partner:
            row |= {"matched": partner[n] + 1, "iou": round(float(shared[n, partner[n]]), 4)}
        rows.append(row)
    for kind in KINDS:
        for n, true in enumerate(video.of_kind(kind)):
            moments = (true.onset, true.apex, true.offset)
            row = _row(video, "true", n, kind, moments, spreadsheet_safe(true.emotion))
            if kind == MICRO and n in back:
                row |= {"matched": back[n] + 1, "iou": round(float(shared[back[n], n]), 4)}
            rows.append(row)
    return rows


def _row(
    video: LongVideo,
    what: str,
    number: int,
    kind: str,
    moments: tuple[int, int | None, int],
    emotion: str,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "vid": video.video_id,
        "subject": video.subject,
        "what": what,
        "number": number + 1,
        "kind": kind,
        "emotion": emotion,
    }
    for name, frame in zip(("onset", "apex", "offset"), moments, strict=True):
        if frame is not None:
            row |= {name: frame, f"{name}_s": round(video.seconds(frame), 4)}
    return row
