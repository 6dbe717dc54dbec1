"""What a person made of the candidates: accepted, rejected, relabelled, with a note.

A ``Review`` is a value: every change returns a new one. ``apply`` leaves out of an analysis what
was rejected; ``render_csv`` and ``render_elan`` write the reviewed result, ``read_csv`` and
``read_elan`` take the review out of such a file again.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree as ET

from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS, NONE, Analysis
from realtime_mer.sinks import elan
from realtime_mer.sinks.table import COLUMNS, Row, rows
from realtime_mer.sinks.text import plain, spreadsheet_safe

LABELS = (*EMOTIONS, NONE)
"""What a candidate may be relabelled as; none for one that is no micro-expression."""
REVIEW_COLUMNS = (*COLUMNS, "review", "reviewed_emotion", "note")
"""Columns of a reviewed table: those of ``events.csv``, and what the person said."""
LONGEST_NOTE = 500
TIER = "review"
"""Last part of the tiers' names in ELAN: ``face0/review``."""

_SPOKEN = re.compile(
    rf"#(\d{{1,9}}) (accepted|rejected|unseen)(?: → ({'|'.join(LABELS)}))?(?:: (.*))?"
)
_APOSTROPHE = re.compile("'['=+\\-@＝＋－＠]")


class Verdict(StrEnum):
    """What a person said of a candidate; unseen until they did."""

    UNSEEN = "unseen"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


def verdict_of(text: str) -> Verdict:
    """Return the verdict of that name.

    Raises
    ------
    ConfigError
        There is none.
    """
    try:
        return Verdict(text)
    except ValueError:
        raise ConfigError(f"a review is {', '.join(Verdict)}; got {text!r}") from None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person said of one candidate.

    Attributes
    ----------
    verdict
        See ``Verdict``.
    emotion
        One of ``LABELS``, or None to leave it at what the model said.
    note
        Free text, kept on one line without control characters.

    Raises
    ------
    ConfigError
        An unknown emotion, or a note of more than ``LONGEST_NOTE`` characters.
    """

    verdict: Verdict = Verdict.UNSEEN
    emotion: str | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.emotion is not None and self.emotion not in LABELS:
            raise ConfigError(f"a candidate can be {', '.join(LABELS)}; got {self.emotion!r}")
        note = plain(self.note)
        if len(note) > LONGEST_NOTE:
            raise ConfigError(
                f"a note has up to {LONGEST_NOTE} characters, got {len(note)}; shorten it"
            )
        object.__setattr__(self, "verdict", verdict_of(self.verdict))
        object.__setattr__(self, "note", note)


NOT_JUDGED = Judgement()


@dataclass(frozen=True, slots=True)
class Review:
    """Event number → what a person said of it; ``NOT_JUDGED`` of all others."""

    judgements: Mapping[int, Judgement] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        said = {key: value for key, value in self.judgements.items() if value != NOT_JUDGED}
        object.__setattr__(self, "judgements", MappingProxyType(dict(sorted(said.items()))))

    def of(self, event_id: int) -> Judgement:
        """Return what was said of an event."""
        return self.judgements.get(event_id, NOT_JUDGED)

    def judged(self, event_id: int, judgement: Judgement) -> Review:
        """Return the review with one judgement replaced."""
        return Review({**self.judgements, event_id: judgement})

    def accepted(self, event_id: int) -> Review:
        """Return the review with one event accepted, its label and note kept."""
        return self.judged(event_id, replace(self.of(event_id), verdict=Verdict.ACCEPTED))

    def rejected(self, event_id: int) -> Review:
        """Return the review with one event rejected, its label and note kept."""
        return self.judged(event_id, replace(self.of(event_id), verdict=Verdict.REJECTED))

    def relabelled(self, event_id: int, emotion: str | None) -> Review:
        """Return the review with another emotion for one event, None for what the model said."""
        return self.judged(event_id, replace(self.of(event_id), emotion=emotion))

    def noted(self, event_id: int, note: str) -> Review:
        """Return the review with another note on one event."""
        return self.judged(event_id, replace(self.of(event_id), note=note))

    def counts(self, analysis: Analysis) -> dict[str, int]:
        """Return verdict → how many of the analysis's events got it."""
        found = Counter(str(self.of(event.event_id).verdict) for event in analysis.events)
        return {str(verdict): found[str(verdict)] for verdict in Verdict}

    def check(self, analysis: Analysis) -> None:
        """Raise ``ConfigError`` where an event was judged that the analysis does not have."""
        known = {event.event_id for event in analysis.events}
        strange = [str(key) for key in self.judgements if key not in known]
        if strange:
            raise ConfigError(
                f"the review is of other events: {analysis.media.name} has {len(known)} and none "
                f"with the number {', '.join(strange[:5])}; give the review of this recording"
            )


def apply(review: Review, analysis: Analysis, *, unseen: bool = True) -> Analysis:
    """Return the analysis without rejected events, and without unseen ones if not ``unseen``.

    Events keep their numbers and what the model said of them; ``summary["review"]`` counts the
    verdicts and holds the emotions that the person gave.

    Raises
    ------
    ConfigError
        The review is of another analysis.
    """
    review.check(analysis)
    dropped = {Verdict.REJECTED} if unseen else {Verdict.REJECTED, Verdict.UNSEEN}
    kept = tuple(e for e in analysis.events if review.of(e.event_id).verdict not in dropped)
    numbers = {event.event_id for event in kept}
    emotions = {
        str(key): said.emotion
        for key, said in review.judgements.items()
        if said.emotion is not None and key in numbers
    }
    told = {**review.counts(analysis), "reviewed_emotion": emotions}
    return replace(
        analysis,
        events=kept,
        evidence={key: value for key, value in analysis.evidence.items() if key in numbers},
        summary={**analysis.summary, "review": told},
    )


def render_csv(analysis: Analysis, review: Review) -> str:
    """Return the reviewed table: the rows of ``events.csv`` with three columns more.

    ``review`` is a ``Verdict``; ``reviewed_emotion`` is empty where the model's was left;
    ``note`` is made safe for spreadsheets like every other text.

    Raises
    ------
    ConfigError
        The review is of another analysis.
    """
    review.check(analysis)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(REVIEW_COLUMNS)
    for row in rows(analysis):
        said = review.of(row.event_id)
        writer.writerow((*row.cells(), said.verdict, said.emotion or "", _cell(said.note)))
    return text.getvalue()


def read_csv(text: str) -> Review:
    """Return the review that a reviewed table holds; columns may stand in any order.

    An empty ``review`` counts as unseen; the other columns are not looked at.

    Raises
    ------
    ConfigError
        A column is missing, an event stands there twice, or a cell is not understood; the
        message names the line.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    wanted = ("event_id", *REVIEW_COLUMNS[-3:])
    said: dict[int, Judgement] = {}
    try:
        missing = [name for name in wanted if name not in (reader.fieldnames or ())]
        if missing:
            raise ConfigError(
                f"not a reviewed table: it lacks the columns {', '.join(missing)}; give the CSV "
                "file that the review page exports"
            )
        for line in reader:
            where = f"line {reader.line_num}"
            key = _event_id(line["event_id"], where)
            _once(said, key, where)
            said[key] = _judgement(line, where)
    except csv.Error as error:
        raise ConfigError(f"line {reader.line_num} is not CSV: {error}") from error
    return Review(said)


def render_elan(analysis: Analysis, review: Review, out_dir: Path) -> str:
    """Return the ELAN document of the analysis with a tier ``face…/review`` for each face.

    Its annotations, from onset to offset, say ``#3 accepted → positive: the note``; the emotion
    and the note are left out where there are none. All candidates keep their other annotations,
    rejected ones too.

    Raises
    ------
    ConfigError
        The review is of another analysis.
    """
    review.check(analysis)
    table = rows(analysis)
    tiers = {
        f"face{face}/{TIER}": [_annotation(row, review) for row in table if row.face_id == face]
        for face in sorted({row.face_id for row in table} or {0})
    }
    return elan.render(analysis, table, out_dir, tiers)


def read_elan(text: str) -> Review:
    """Return the review that the ``review`` tiers of an ELAN document hold.

    Raises
    ------
    ConfigError
        Not an ELAN document, one without such a tier, or an annotation is not understood.
    """
    said: dict[int, Judgement] = {}
    tiers = [tier for tier in _tiers(text) if TIER in tier.get("TIER_ID", "").split("/")]
    if not tiers:
        raise ConfigError(f"no tier faceN/{TIER} in this ELAN file; export it from a review")
    for value in _values(tiers):
        found = _SPOKEN.fullmatch(value)
        if found is None:
            raise ConfigError(
                f"{value!r} in a tier {TIER} is not understood; write it like "
                "'#3 accepted → positive: note', arrow and note as needed"
            )
        key = int(found[1])
        _once(said, key, "the review")
        said[key] = Judgement(Verdict(found[2]), found[3], found[4] or "")
    return Review(said)


def _annotation(row: Row, review: Review) -> elan.Interval:
    said = review.of(row.event_id)
    emotion = f" → {said.emotion}" if said.emotion else ""
    note = f": {said.note}" if said.note else ""
    text = f"#{row.event_id} {said.verdict}{emotion}{note}"
    return elan.interval_of(row.onset_s, row.offset_s, text)


def _tiers(text: str) -> list[ET.Element]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ConfigError("an ELAN file declares no document type; export it again from ELAN")
    try:
        return ET.fromstring(text).findall("TIER")
    except (ET.ParseError, ValueError) as error:
        raise ConfigError(f"not an ELAN file: {error}") from error


def _values(tiers: Iterable[ET.Element]) -> Iterator[str]:
    for tier in tiers:
        for value in tier.iter("ANNOTATION_VALUE"):
            if value.text and value.text.strip():
                yield plain(value.text)


def _judgement(line: Mapping[str, str | None], where: str) -> Judgement:
    verdict, emotion, note = (line[name] or "" for name in REVIEW_COLUMNS[-3:])
    try:
        return Judgement(
            verdict_of(verdict.strip().lower() or Verdict.UNSEEN),
            emotion.strip().lower() or None,
            _from_cell(note),
        )
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _event_id(text: str | None, where: str) -> int:
    if text is None or not re.fullmatch("[0-9]{1,9}", text.strip()):
        raise ConfigError(f"{where}: event_id must be a number, got {text!r}")
    return int(text)


def _once(said: Mapping[int, Judgement], key: int, where: str) -> None:
    if key in said:
        raise ConfigError(f"{where}: event {key} is there twice; leave one of the two")


def _cell(note: str) -> str:
    """Return a note as a cell that ``_from_cell`` reads back, also one like ``'=1``."""
    return "'" + note if _APOSTROPHE.match(note) else spreadsheet_safe(note)


def _from_cell(cell: str) -> str:
    return cell[1:] if _APOSTROPHE.match(cell) else cell
