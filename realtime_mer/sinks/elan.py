"""``events.eaf``: the events as annotations beside the video in ELAN (EAF 3.0).

Tiers: ``faceN/candidate`` (onset to offset), ``faceN/apex`` (one frame long), ``faceN/emotion``,
``faceN/action units`` (where the model names any) and ``gaps``. Annotations of one tier never
overlap; where events do, the later one goes to a further tier, ``faceN/candidate/2``. Annotation
times are media milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from realtime_mer.events import Analysis, MediaInfo
from realtime_mer.sinks.media import addresses, mime_type, player_start_s
from realtime_mer.sinks.table import Row
from realtime_mer.sinks.text import plain

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LONGEST_APEX_MS = 40
_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps "
    "allowed within this interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering "
    "to the same parent are ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, "
    "gaps are allowed",
}


class Interval(NamedTuple):
    """One annotation: whole milliseconds, ``end`` after ``start``, and its text."""

    start_ms: int
    end_ms: int
    text: str


def render(
    analysis: Analysis,
    table: Sequence[Row],
    out_dir: Path,
    more: Mapping[str, Iterable[Interval]] | None = None,
) -> str:
    """Return the file's text; ``out_dir`` is where it will lie, for the relative media address.

    ``more`` are tiers to add, name → annotations; those that overlap go to further tiers.
    """
    ET.register_namespace("xsi", _XSI)
    document = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            f"{{{_XSI}}}noNamespaceSchemaLocation": _SCHEMA,
            "AUTHOR": "realtime-mer",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
        },
    )
    tiers = tiers_of(analysis, table)
    for name, intervals in (more or {}).items():
        _lay(tiers, name, intervals)
    _add_header(document, analysis.media, out_dir, sum(len(tier) for tier in tiers.values()))
    _add_tiers(document, tiers)
    ET.SubElement(
        document,
        "LINGUISTIC_TYPE",
        LINGUISTIC_TYPE_ID="interval",
        TIME_ALIGNABLE="true",
        GRAPHIC_REFERENCES="false",
    )
    for stereotype, description in _CONSTRAINTS.items():
        ET.SubElement(document, "CONSTRAINT", STEREOTYPE=stereotype, DESCRIPTION=description)
    ET.indent(document)
    body = ET.tostring(document, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def tiers_of(analysis: Analysis, table: Sequence[Row]) -> dict[str, list[Interval]]:
    """Return tier name → annotations, ordered, none overlapping another of its tier."""
    apex_ms = _apex_length_ms(analysis.media.fps)
    tiers: dict[str, list[Interval]] = {}
    for face in sorted({row.face_id for row in table} or {0}):
        own = [row for row in table if row.face_id == face]
        spans = [(row, interval_of(row.onset_s, row.offset_s)) for row in own]
        _lay(tiers, f"face{face}/candidate", (i._replace(text=_what(row)) for row, i in spans))
        _lay(tiers, f"face{face}/apex", (_apex(row, apex_ms) for row in own))
        _lay(
            tiers,
            f"face{face}/emotion",
            (i._replace(text=f"{row.emotion} {row.confidence:.2f}") for row, i in spans),
        )
        _lay(
            tiers,
            f"face{face}/action units",
            (i._replace(text=row.action_units) for row, i in spans if row.action_units),
        )
    _lay(
        tiers,
        "gaps",
        (interval_of(gap.start_s, gap.end_s, plain(gap.reason)) for gap in analysis.gaps),
    )
    return tiers


def _lay(tiers: dict[str, list[Interval]], name: str, intervals: Iterable[Interval]) -> None:
    """Put each interval on the first of ``name``, ``name/2``, … where it overlaps nothing."""
    lanes: list[list[Interval]] = [[]]
    for interval in sorted(intervals):
        free = next((lane for lane in lanes if not lane or lane[-1].end_ms <= interval[0]), None)
        if free is None:
            free = []
            lanes.append(free)
        free.append(interval)
    for number, lane in enumerate(lanes, start=1):
        tiers[name if number == 1 else f"{name}/{number}"] = lane


def interval_of(start_s: float, end_s: float, text: str = "") -> Interval:
    """Return an annotation between two moments, not before 0 and at least 1 ms long."""
    start = max(0, round(start_s * 1000)) if math.isfinite(start_s) else 0
    end = round(end_s * 1000) if math.isfinite(end_s) else 0
    return Interval(start, max(start + 1, end), text)


def _apex(row: Row, length_ms: int) -> Interval:
    start = max(0, round(row.apex_s * 1000))
    return Interval(start, start + length_ms, f"#{row.event_id} apex")


def _apex_length_ms(fps: float) -> int:
    if not math.isfinite(fps) or fps <= 0:
        return 1
    return min(_LONGEST_APEX_MS, max(1, round(1000 / fps)))


def _what(row: Row) -> str:
    return f"#{row.event_id} {row.regions} score {row.spot_score:.1f}".replace("  ", " ")


def _add_header(document: ET.Element, media: MediaInfo, out_dir: Path, annotations: int) -> None:
    header = ET.SubElement(document, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    found = addresses(media, out_dir)
    if found is not None:
        descriptor = {
            "MEDIA_URL": plain(found[0]),
            "MIME_TYPE": mime_type(media),
            "RELATIVE_MEDIA_URL": plain(found[1]),
        }
        origin_ms = -round(player_start_s(media) * 1000)
        if origin_ms:  # ELAN: position in the player = annotation time + TIME_ORIGIN
            descriptor["TIME_ORIGIN"] = str(origin_ms)
        ET.SubElement(header, "MEDIA_DESCRIPTOR", descriptor)
    properties = {
        "timeBase": "media milliseconds, presentation time stamps",
        "mediaStartMs": str(round(media.start_s * 1000) if math.isfinite(media.start_s) else 0),
        "lastUsedAnnotationId": str(annotations),
    }
    for name, value in properties.items():
        ET.SubElement(header, "PROPERTY", NAME=name).text = value


def _add_tiers(document: ET.Element, tiers: dict[str, list[Interval]]) -> None:
    boundaries = [ms for tier in tiers.values() for i in tier for ms in (i.start_ms, i.end_ms)]
    slots = _add_time_slots(document, boundaries)
    number = 0
    for name, tier in tiers.items():
        element = ET.SubElement(document, "TIER", LINGUISTIC_TYPE_REF="interval", TIER_ID=name)
        for interval in tier:
            annotation = ET.SubElement(
                ET.SubElement(element, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{number + 1}",
                TIME_SLOT_REF1=slots[2 * number],
                TIME_SLOT_REF2=slots[2 * number + 1],
            )
            ET.SubElement(annotation, "ANNOTATION_VALUE").text = interval.text
            number += 1


def _add_time_slots(document: ET.Element, boundaries_ms: list[int]) -> dict[int, str]:
    """Write one slot per boundary, in order of time: ELAN moves shared slots together."""
    order = ET.SubElement(document, "TIME_ORDER")
    slots: dict[int, str] = {}
    by_time = sorted(range(len(boundaries_ms)), key=lambda index: boundaries_ms[index])
    for number, index in enumerate(by_time, start=1):
        slots[index] = f"ts{number}"
        ET.SubElement(
            order,
            "TIME_SLOT",
            TIME_SLOT_ID=slots[index],
            TIME_VALUE=str(boundaries_ms[index]),
        )
    return slots
