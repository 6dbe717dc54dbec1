"""Evidence pictures as data URIs, kept within a page's budget."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from realtime_mer.events import Evidence
from realtime_mer.sinks.table import Row

BUDGET_BYTES = 1_100_000
"""JPEG bytes that all pictures of a report may take together. Lower: a smaller page, smaller
pictures, and at last none for the events with the lowest spot score."""

KINDS = ("onset", "apex", "offset", "residual")
EXPLANATION = "explanation"
_FULL_SIDE = 320
_SMALLER = ((224, 80), (160, 75), (112, 70))


def data_uris(
    evidence: Mapping[int, Evidence], rows: Sequence[Row], budget: int = BUDGET_BYTES
) -> dict[int, dict[str, str]]:
    """Return event id → ``KINDS`` and ``EXPLANATION`` → data URI, within the budget.

    Pictures that are missing or no JPEG are left out. If all together exceed the budget they
    are encoded again at 224, then 160, then 112 pixels; after that the events with the highest
    spot score keep theirs.
    """
    by_score = sorted(rows, key=lambda row: -row.spot_score)
    originals = {row.event_id: _jpegs(evidence.get(row.event_id)) for row in by_score}
    found, weight = originals, _weight(originals)
    for side, quality in _SMALLER:
        if _weight(found) <= budget:
            break
        if weight * (side / _FULL_SIDE) ** 2 > 1.5 * budget and side != _SMALLER[-1][0]:
            continue  # not nearly small enough: spare the time
        found = {
            event_id: {kind: _shrunk(jpeg, side, quality) for kind, jpeg in own.items()}
            for event_id, own in originals.items()
        }
    kept: dict[int, dict[str, str]] = {}
    left = budget
    for event_id, own in found.items():
        left -= sum(map(len, own.values()))
        kept[event_id] = {k: _uri(jpeg) for k, jpeg in own.items()} if left >= 0 else {}
    return kept


def _jpegs(evidence: Evidence | None) -> dict[str, bytes]:
    if evidence is None:
        return {}
    pictures = {kind: getattr(evidence, kind) for kind in (*KINDS, EXPLANATION)}
    return {kind: jpeg for kind, jpeg in pictures.items() if jpeg.startswith(b"\xff\xd8\xff")}


def _weight(found: Mapping[int, Mapping[str, bytes]]) -> int:
    return sum(len(jpeg) for own in found.values() for jpeg in own.values())


def _shrunk(jpeg: bytes, side: int, quality: int) -> bytes:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return jpeg
    scale = min(1.0, side / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes() if done and len(encoded) < len(jpeg) else jpeg


def _uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
