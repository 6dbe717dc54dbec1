"""The challenges' files: the log of MEGC 2020 and 2021, the submission of MEGC 2022 and later.

A log begins with a line that says which data set it is, and has one line for each interval::

    2
    15_0101 699 707 698 708 TP
    15_0101 - - 1200 1211 FP
    15_0102 31 40 - - FN

A submission is a table ``vid,pred_onset,pred_offset,type`` with ``me`` or ``mae`` as the type.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from offline.datasets.long_videos import MACRO, MICRO
from offline.spotting.megc_spotting import Counts
from realtime_mer.errors import ConfigError, SourceError

NUMBERS = {"samm-lv": "1", "casme-sq": "2"}
"""First line of a log; MEGC numbered no others, so those have their name there."""
SUBMISSION_COLUMNS = ("vid", "pred_onset", "pred_offset", "type")
SUBMISSION_TYPES = {MICRO: "me", MACRO: "mae"}
NOTHING = "-"

Span = tuple[int, int]
"""Onset and offset frame."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of a log: a true interval, a found one, or a matched pair."""

    video: str
    truth: Span | None
    found: Span | None

    def __post_init__(self) -> None:
        spans = [span for span in (self.truth, self.found) if span]
        if not spans or any(onset > offset for onset, offset in spans):
            raise ConfigError(f"a line of a log needs an interval, onset <= offset: got {self}")
        if not self.video or self.video.split() != [self.video]:
            raise ConfigError(f"a log cannot hold the video name {self.video!r}: no blanks, please")

    @property
    def verdict(self) -> str:
        """``TP``, ``FP`` or ``FN``."""
        if self.truth and self.found:
            return "TP"
        return "FN" if self.truth else "FP"


def render_log(dataset: str, rows: Iterable[LogRow]) -> str:
    """Return the text of a log."""
    lines = [NUMBERS.get(dataset, dataset)]
    for row in rows:
        lines.append(" ".join([row.video, *_words(row.truth), *_words(row.found), row.verdict]))
    return "\n".join(lines) + "\n"


def parse_log(text: str) -> tuple[str, tuple[LogRow, ...]]:
    """Return the data set's name and the rows of a log.

    Raises
    ------
    SourceError
        A line is none of a log; the message tells which.
    """
    lines = text.splitlines()
    names = {number: name for name, number in NUMBERS.items()}
    first = lines[0].strip() if lines else ""
    if not first or len(first.split()) > 1:
        raise SourceError(f"a log begins with 1, 2 or the name of a data set, not with {first!r}")
    numbered = [(n, line) for n, line in enumerate(lines[1:], start=2) if line.strip()]
    return names.get(first, first), tuple(_parse(line, number) for number, line in numbered)


def count_log(rows: Iterable[LogRow]) -> Counts:
    """Return what a log counts."""
    verdicts = [row.verdict for row in rows]
    return Counts(*(verdicts.count(each) for each in ("TP", "FP", "FN")))


def render_submission(rows: Sequence[tuple[str, Span, str]]) -> str:
    """Return the text of a submission from (video, found interval, kind)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SUBMISSION_COLUMNS)
    for video, span, kind in rows:
        writer.writerow([video, *span, SUBMISSION_TYPES[kind]])
    return text.getvalue()


def _words(span: Span | None) -> list[str]:
    return [NOTHING, NOTHING] if span is None else [str(frame) for frame in span]


def _parse(line: str, number: int) -> LogRow:
    words = line.split()
    try:
        video, *frames, verdict = words
        truth, found = _span(frames[:2]), _span(frames[2:])
        row = LogRow(video, truth, found)
    except ValueError as error:
        raise SourceError(f"line {number} of the log is {line!r}: {error}") from error
    if row.verdict != verdict:
        raise SourceError(f"line {number} of the log says {verdict} of what is {row.verdict}")
    return row


def _span(words: Sequence[str]) -> Span | None:
    if list(words) == [NOTHING, NOTHING]:
        return None
    onset, offset = words
    return int(onset), int(offset)
