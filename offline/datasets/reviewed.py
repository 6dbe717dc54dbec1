"""Results of ``mer analyze`` that a coder went through: their rows are labelled clips."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from offline.datasets.base import Dataset, Problem, Sample, VideoClip
from offline.datasets.sheets import Table, header_key, read_table
from realtime_mer.errors import SourceError
from realtime_mer.events import EMOTIONS, NONE

EVENTS, SUMMARY = "events.csv", "summary.json"
LABELS = (*EMOTIONS, NONE)
"""What a coder may write; none for a candidate that is no micro-expression."""
COLUMNS = ("onset_s", "apex_s", "offset_s", "emotion")


@dataclass(frozen=True, slots=True)
class Recording:
    """What was analysed: a video, or a folder of images with its images a second."""

    path: Path
    fps: float | None


def read_reviewed(root: Path) -> Dataset:
    """Results of mer analyze, corrected by a coder: any depth of <recording>/events.csv.

    Raises
    ------
    SourceError
        There is no events.csv, or none of its rows can be used.
    """
    samples: list[Sample] = []
    problems: list[Problem] = []
    tables = sorted(root.rglob(EVENTS))
    for path in tables:
        found, told = _read(path, root)
        samples += found
        problems += told
    if not tables:
        raise SourceError(
            f"no {EVENTS} below {root}: give the folder that mer analyze --out wrote and a coder "
            "went through"
        )
    if not samples:
        why = f"; {problems[0].where}: {problems[0].reason}" if problems else " has any row"
        raise SourceError(f"none of the {len(tables)} {EVENTS} below {root} can be used{why}")
    return Dataset("reviewed", root, tuple(samples), tuple(problems))


def _read(path: Path, root: Path) -> tuple[list[Sample], list[Problem]]:
    """Return the samples of one table in the order of time, and what was wrong with it."""
    name = path.parent.relative_to(root).as_posix()
    name = root.resolve().name if name == "." else name
    table = read_table(path, (header_key(column) for column in COLUMNS))
    if table is None:
        reason = f"{EVENTS} without the columns {', '.join(COLUMNS)}"
        return [], [Problem(name, "dropped", reason)]
    recording = _recording(path.parent, root)
    if isinstance(recording, str):
        return [], [Problem(name, "dropped", f"{len(table.rows)} rows: {recording}")]
    return _samples(table, name, recording)


def _samples(table: Table, name: str, recording: Recording) -> tuple[list[Sample], list[Problem]]:
    samples: dict[str, Sample] = {}
    starts: dict[str, float] = {}
    problems = []
    for line, row in zip(table.lines, table.rows, strict=True):
        clip = _clip(row, recording)
        emotion = row["emotion"].lower()
        face = f"{name}/face{row.get('faceid') or 0}"
        subject = row.get("subject") or face
        event = f"event{row['eventid']}" if row.get("eventid") else f"row{line}"
        sample_id = f"{face}/{event}" if subject == face else f"{subject}:{face}/{event}"
        if emotion not in LABELS:
            reason = f"emotion {row['emotion']!r}: expected one of {', '.join(LABELS)}"
        elif clip is None:
            reason = "onset_s, apex_s and offset_s are not three rising times in seconds"
        elif sample_id in samples:
            reason = f"{event} stands in the table twice: the first row counts"
        else:
            samples[sample_id] = Sample(sample_id, "reviewed", subject, emotion, clip)
            starts[sample_id] = clip.onset_s
            continue
        problems.append(Problem(f"{name}, row {line}", "dropped", reason))
    return [samples[key] for key in sorted(samples, key=lambda key: starts[key])], problems


def _clip(row: Mapping[str, str], recording: Recording) -> VideoClip | None:
    onset, apex, offset = (_seconds(row[key]) for key in ("onsets", "apexs", "offsets"))
    if not onset < apex <= offset:
        return None
    return VideoClip(recording.path, onset, apex, offset, recording.fps)


def _seconds(text: str) -> float:
    """Return a time, NaN if it is none; spreadsheets in many languages write a decimal comma."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _recording(folder: Path, root: Path) -> Recording | str:
    """Return what the results in ``folder`` are about, or why it cannot be found.

    A relative path is looked for from the current folder, then from ``root``, then from the
    results.
    """
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        given = summary["input"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"no {SUMMARY} with an input beside it; analyse the recording again"
    if not isinstance(given, str) or not given or "://" in given.removeprefix("file://"):
        return f"{given!r} is no file; analyse a recording of it"
    path = Path(given.removeprefix("file://"))
    for start in (Path(), root, folder):
        if (start / path).exists():
            fps = summary.get("measured_fps") if (start / path).is_dir() else None
            return Recording(start / path, float(fps) if fps else None)
    return f"the recording {given} is not there; put it back, or run in the folder it lies in"
