"""The live session of one browser: started, watched and stopped from its page.

One thread runs the session at the camera's full rate and keeps a little of what it sees; the
page's requests read that under a lock and never wait for a frame.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from demos.live_picture import Shown, draw, levels_of, shown_of
from realtime_mer.errors import MerError
from realtime_mer.events import Event, Evidence
from realtime_mer.lane import FaceStatus
from realtime_mer.live import LinkState, LiveSession, LiveUpdate
from realtime_mer.live.account import Ledger
from realtime_mer.live.evidence_store import EvidenceStore
from realtime_mer.live.journal import Journal
from realtime_mer.sinks.text import decimals, spoken

PREVIEW_S = 1 / 15
"""Least media time between two pictures of the preview."""
SAMPLE_S = 1 / 50
"""Least media time between two samples of the time line: two within the shortest movement."""
KEPT_SAMPLES, KEPT_EVENTS = 3000, 200
ALERT_S, FOUND_S = 0.6, 1.6
"""How long a face stays marked after a provisional alert and after an event."""
THUMBNAIL = 112

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """What a session is begun with.

    Attributes
    ----------
    title
        What is looked at, safe to print.
    open_session
        Returns the session, warmed up; what it is given keeps the pictures of events.
    hidden
        What no message may show: the place of a shared file; ``title`` stands there instead.
    scratch
        Folder for those pictures, while the session runs.
    folder
        Where the result files go; None to write none.
    settings
        What the visitor chose, for ``summary.json``.
    """

    title: str
    open_session: Callable[[MutableMapping[int, Evidence]], LiveSession]
    scratch: Path
    hidden: str = ""
    folder: Path | None = None
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """A JPEG, what it is called, and the width in pixels of its left part, the frame."""

    jpeg: bytes
    number: str
    split: int


@dataclass(slots=True)
class _Seen:
    """What the page is shown; guarded by the service's lock."""

    run: int = 0
    state: str = "idle"
    message: str = ""
    title: str = ""
    now_s: float = 0.0
    events: int = 0
    advice: tuple[tuple[int, str], ...] = ()
    faces: int = 0
    flag: tuple[str, str, float] | None = None


class LiveService:
    """Runs at most one session at a time; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commands = threading.Lock()
        self._thread: threading.Thread | None = None
        self._session: LiveSession | None = None
        self._stop = threading.Event()
        self._folder: Path | None = None
        self._reset(0, "idle", "")

    def start(self, choice: Start) -> None:
        """Begin a session, ending the one before; returns at once."""
        with self._commands:
            self._end()
            with self._lock:
                self._reset(self._seen.run + 1, "opening", choice.title)
                self._folder = choice.folder
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(choice, self._stop), name="mer-demo-live", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the session, if one runs, and wait until its files are written."""
        with self._commands:
            self._end()

    close = stop

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the session; say whether it ended."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        return thread is None or not thread.is_alive()

    def picture(self, known: str = "") -> Preview | None:
        """Draw the newest preview; None if there is none or it is the ``known`` one."""
        with self._lock:
            shown, run = self._shown, self._seen.run
        number = "" if shown is None else f"{run}-{shown.number}"
        if shown is None or number == known:
            return None
        jpeg, split = draw(shown)
        return Preview(jpeg, number, split)

    def thumbnail(self, event_id: int, moment: str) -> bytes | None:
        """Return the small JPEG of an event's ``onset`` or ``apex``, None if it is not kept."""
        with self._lock:
            return self._thumbnails.get((event_id, moment))

    def folder(self) -> Path | None:
        """Return where the result files of this session are, None if it writes none."""
        return self._folder

    def status(self, after_s: float = -1.0, after_event: int = 0) -> dict[str, Any]:
        """Return what the page shows, ready for JSON.

        Parameters
        ----------
        after_s
            Only samples of the time line after this media time.
        after_event
            Only events with a larger number.
        """
        with self._lock:
            seen = replace(self._seen)
            samples = [sample for sample in self._samples if sample[0] > after_s]
            events = [row for row in self._rows if row["id"] > after_event]
            session, figures = self._session, self._figures
        status = asdict(seen) | {"samples": samples, "rows": events} | figures
        if session is not None:
            status |= _figures(session)
            link = session.link
            if seen.state == "running" and link.state not in (LinkState.ENDED, LinkState.FAILED):
                status["state"], status["message"] = str(link.state), link.reason
        return status

    def _end(self) -> None:
        self._stop.set()
        session = self._session
        if session is not None:
            session.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None

    def _reset(self, run: int, state: str, title: str) -> None:
        self._seen = _Seen(run=run, state=state, title=title)
        self._shown: Shown | None = None
        self._figures: dict[str, Any] = {}
        self._samples: deque[list[float]] = deque(maxlen=KEPT_SAMPLES)
        self._rows: deque[dict[str, Any]] = deque(maxlen=KEPT_EVENTS)
        self._thumbnails: dict[tuple[int, str], bytes] = {}
        self._marked: dict[str, dict[int, float]] = {"alert": {}, "found": {}}
        self._due_s = {"sample": -np.inf, "preview": -np.inf}

    def _run(self, choice: Start, stop: threading.Event) -> None:
        state, message = "ended", ""
        try:
            with closing(EvidenceStore(choice.scratch)) as evidence:
                session = choice.open_session(evidence)
                with closing(session.pipeline):
                    self._watch(session, choice, stop)
            if session.link.state == LinkState.FAILED:
                state, message = "failed", session.link.reason
        except MerError as error:
            state, message = "failed", str(error)
        except Exception:
            _log.exception("the live session failed")
            state, message = "failed", "something unexpected went wrong; the terminal says what"
        with self._lock:
            if choice.hidden:
                message = message.replace(choice.hidden, choice.title)
            self._seen.state, self._seen.message = state, message
            self._seen.advice, self._seen.flag = (), None
            if self._session is not None:
                self._figures = _figures(self._session)
            self._session = None

    def _watch(self, session: LiveSession, choice: Start, stop: threading.Event) -> None:
        with ExitStack() as ending:
            ledger = Ledger(dict(choice.settings))
            journal = None
            if choice.folder is not None:
                journal = ending.enter_context(Journal(choice.folder, ledger))
            ending.enter_context(session)
            with self._lock:
                self._session = session
                self._seen.state = "running"
            if stop.is_set():
                return
            for update in session.updates():
                self._take(session, update)
                ledger.take(update)
                if journal is not None:
                    journal.take(session, update)
            if journal is not None:
                with self._lock:
                    self._seen.state = "writing"
                journal.finish(session, interrupted=stop.is_set())

    def _take(self, session: LiveSession, update: LiveUpdate) -> None:
        """Keep what the page will ask for; most frames cost two comparisons."""
        now_s = update.time_s
        sample = now_s >= self._due_s["sample"]
        preview = now_s >= self._due_s["preview"]
        if not (sample or preview or update.provisional or update.events):
            return
        faces = session.pipeline.faces
        with self._lock:
            self._seen.now_s = now_s
            for candidate in update.provisional:
                self._marked["alert"][candidate.face_id] = now_s + ALERT_S
                self._seen.flag = ("alert", _regions(candidate.regions), now_s)
            for event in update.events:
                self._note_event(event, session.pipeline.evidence.get(event.event_id))
            if sample:
                self._note_sample(now_s, faces)
            if preview and session.latest is not None:
                self._due_s["preview"] = now_s + PREVIEW_S - SAMPLE_S / 4
                number = self._shown.number + 1 if self._shown else 1
                image = session.latest.frame.image_rgb
                alert, found = (self._still(kind, now_s) for kind in ("alert", "found"))
                self._shown = shown_of(number, image, faces, alert, found)

    def _note_sample(self, now_s: float, faces: tuple[FaceStatus, ...]) -> None:
        self._due_s["sample"] = now_s + SAMPLE_S * 0.98
        in_view = [face for face in faces if face.view is not None]
        values = [np.nan] * 6 if not in_view else levels_of(in_view[0]).tolist()
        self._samples.append(
            [round(now_s, 4), *(None if v != v else round(v, 3) for v in values)]  # type: ignore[list-item]
        )
        self._seen.faces = len(in_view)
        self._seen.advice = tuple((f.face_id, word) for f in in_view for word in f.advice[:1])

    def _note_event(self, event: Event, evidence: Evidence | None) -> None:
        candidate = event.candidate
        self._marked["found"][candidate.face_id] = self._seen.now_s + FOUND_S
        self._seen.flag = ("event", _regions(candidate.regions), self._seen.now_s)
        self._seen.events += 1
        if len(self._rows) == KEPT_EVENTS:
            oldest = self._rows[0]["id"]
            for moment in ("onset", "apex"):
                self._thumbnails.pop((oldest, moment), None)
        if evidence is not None:
            for moment in ("onset", "apex"):
                self._thumbnails[event.event_id, moment] = _thumbnail(getattr(evidence, moment))
        self._rows.append(
            {
                "id": event.event_id,
                "face": candidate.face_id,
                "onset_s": round(candidate.onset_s, 4),
                "apex_s": round(candidate.apex_s, 4),
                "offset_s": round(candidate.offset_s, 4),
                "duration_ms": round(1000 * candidate.duration_s),
                "emotion": event.emotion,
                "confidence": round(event.confidence, 3),
                "regions": _regions(candidate.regions),
                "score": decimals(candidate.spot_score, 1),
                "pictures": evidence is not None,
            }
        )

    def _still(self, kind: str, now_s: float) -> frozenset[int]:
        return frozenset(face for face, until_s in self._marked[kind].items() if now_s < until_s)


def _figures(session: LiveSession) -> dict[str, Any]:
    """Return rates, drops and delays of a session; numbers that are not known are None."""
    stages = ("signal", "provisional", "event")
    delays = {stage: session.latency.percentile_ms(stage, 99) for stage in stages}
    info = session.info
    return {
        "counters": {name: round(value, 1) for name, value in asdict(session.counters).items()},
        "p99_ms": {stage: round(ms, 1) if ms == ms else None for stage, ms in delays.items()},
        "size": [info.width, info.height] if info is not None else None,
    }


def _regions(regions: tuple[str, ...]) -> str:
    return ", ".join(spoken(region) for region in regions)


def _thumbnail(jpeg: bytes) -> bytes:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    small = cv2.resize(image, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1])
