"""What both recording tabs show once a recording was analysed: player, review, report, files."""

from __future__ import annotations

import html
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from demos.player import PICTURES, address, player, shown
from demos.recording_job import Recording
from demos.safety import DemoSettings
from demos.workspace import Workspace
from realtime_mer.errors import ConfigError, MerError
from realtime_mer.events import Event
from realtime_mer.review import Judgement, Review, render_csv, render_elan, verdict_of
from realtime_mer.slow_motion import side_by_side

_KEY_BYTES = 12
_REPORT_STYLE = """
.html-container:has(> &) { padding: 0; }
iframe { display: block; width: 100%; height: min(80vh, 900px); border: 0; border-radius: 10px; }
iframe { color-scheme: light; } .dark & iframe { color-scheme: dark; }
"""


class Sitting:
    """One recording under review by one person; safe to use from several threads.

    The reviewed files in ``exports`` are written anew after every judgement, so that what is
    downloaded is always what was said last.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.key = secrets.token_urlsafe(_KEY_BYTES)
        self.review = Review()
        self._events = {event.event_id: event for event in recording.analysis.events}
        self._lock = threading.Lock()
        self._magnifying = threading.Lock()
        self._pictures = self._write_pictures()
        stem = Path(recording.analysis.media.name).stem or "recording"
        self.exports = {
            "Download CSV": recording.folder / f"{stem}_reviewed.csv",
            "Download ELAN": recording.folder / f"{stem}_reviewed.eaf",
            "Download report": recording.report.rename(recording.folder / f"{stem}_report.html"),
        }
        self._save()

    def shown(self) -> dict[str, object]:
        """Return what the player shows."""
        recording = self.recording
        return shown(
            recording.analysis,
            self.review,
            key=self.key,
            video=recording.shown,
            start_s=recording.shown_start_s,
            pictures=self._pictures,
            exports=self.exports,
        )

    def report(self) -> str:
        """Return the report's text."""
        return self.exports["Download report"].read_text("utf-8")

    def judge(self, event_id: int, judgement: Judgement) -> None:
        """Note what the person says of an event and write the files.

        Raises
        ------
        ConfigError
            There is no such event.
        """
        self.event(event_id)
        with self._lock:
            self.review = self.review.judged(event_id, judgement)
            self._save()

    def event(self, event_id: int) -> Event:
        """Return an event.

        Raises
        ------
        ConfigError
            There is no such event.
        """
        if event_id not in self._events:
            raise ConfigError(f"no candidate {event_id}: this recording has {len(self._events)}")
        return self._events[event_id]

    def motion(self, event_id: int) -> Path:
        """Return the clip of an event beside itself with its motion magnified.

        Raises
        ------
        MerError
            It cannot be made.
        """
        event = self.event(event_id)
        path = self.recording.folder / f"motion_{event_id}.mp4"
        with self._magnifying:
            if not path.exists():
                side_by_side(self.recording.source, event, path)
        return path

    def _save(self) -> None:
        analysis, here = self.recording.analysis, Path("/")
        table, document = list(self.exports.values())[:2]
        _replace(table, render_csv(analysis, self.review))
        _replace(document, render_elan(analysis, self.review, here))

    def _write_pictures(self) -> dict[int, dict[str, Path]]:
        found: dict[int, dict[str, Path]] = {}
        for event_id, evidence in self.recording.analysis.evidence.items():
            for kind in PICTURES:
                path = self.recording.folder / f"{kind}_{event_id}.jpg"
                path.write_bytes(getattr(evidence, kind))
                found.setdefault(event_id, {})[kind] = path
        return found


def _replace(path: Path, text: str) -> None:
    """Write a file so that whoever reads it gets the old text or the new, never a part."""
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


class Desk:
    """Which recording each browser session has before it, in one tab."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sittings: dict[str, Sitting] = {}

    def put(self, workspace: Workspace, sitting: Sitting) -> None:
        """Lay a recording before the session that owns the workspace; the one before it goes."""
        token = workspace.token
        with self._lock:
            before = self._sittings.get(token)
            self._sittings[token] = sitting
        if before is None:
            workspace.on_close(lambda: self._forget(token))
        else:
            shutil.rmtree(before.recording.folder, ignore_errors=True)

    def of(self, workspace: Workspace, key: object) -> Sitting | None:
        """Return the session's recording if it is the one that ``key`` names."""
        with self._lock:
            found = self._sittings.get(workspace.token)
        return found if found is not None and found.key == key else None

    def _forget(self, token: str) -> None:
        with self._lock:
            self._sittings.pop(token, None)


@dataclass(frozen=True, slots=True)
class ReviewPanel:
    """The components, and what fills them: outputs of an event go to ``outputs``."""

    box: gr.Column
    player: gr.HTML
    report: gr.HTML
    put: Callable[[Workspace, Recording], tuple[Any, ...]]

    @property
    def outputs(self) -> list[Any]:
        """What ``put`` and ``clear`` return values for."""
        return [self.box, self.player, self.report]

    @staticmethod
    def clear() -> tuple[Any, ...]:
        """Return values that hide the panel."""
        return gr.update(visible=False), None, ""


def review_panel(settings: DemoSettings, name: str) -> ReviewPanel:
    """Lay out an empty, hidden panel; ``name`` begins the identifiers of its parts."""
    desk = Desk()
    with gr.Column(visible=False, elem_id=f"{name}-review") as box:
        film = player(f"{name}-player")
        with gr.Accordion("The full report", open=False, elem_id=f"{name}-report"):
            report = gr.HTML("", css_template=_REPORT_STYLE)

    def put(workspace: Workspace, recording: Recording) -> tuple[Any, ...]:
        sitting = Sitting(recording)
        desk.put(workspace, sitting)
        return gr.update(visible=True), sitting.shown(), frame(sitting.report())

    def judge(event: gr.EventData, request: gr.Request) -> Any:
        said = told(event)
        sitting = desk.of(settings.workspaces.of(request.session_hash), said.get("key"))
        if sitting is None:
            return gr.skip()
        try:
            sitting.judge(number(said, "event_id"), judgement(said))
        except MerError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return gr.update(saved={"key": sitting.key, "count": number(said, "count")})

    def magnify(event: gr.EventData, request: gr.Request) -> Any:
        said = told(event)
        sitting = desk.of(settings.workspaces.of(request.session_hash), said.get("key"))
        if sitting is None:
            return gr.skip()
        made: dict[str, object] = {"key": sitting.key, "event_id": said.get("event_id")}
        made["count"] = said.get("count")
        try:
            clip = address(sitting.motion(number(said, "event_id")))
            return gr.update(motion=made | {"clip": clip, "why": ""})
        except MerError as error:
            return gr.update(motion=made | {"clip": "", "why": f"Not magnified: {error}"})

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    film.judge(judge, None, film, trigger_mode="multiple", **quiet)
    film.open(magnify, None, film, trigger_mode="multiple", concurrency_limit=2, **quiet)
    return ReviewPanel(box, film, report, put)


def told(event: gr.EventData) -> dict[str, Any]:
    """Return what the player's script sent; it may be anything."""
    data = event._data
    return data if isinstance(data, dict) else {}


def number(said: dict[str, Any], key: str) -> int:
    """Return a whole number out of what the script sent.

    Raises
    ------
    ConfigError
        It is none.
    """
    value = said.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{key} must be a whole number; load the page again")
    return value


def judgement(said: dict[str, Any]) -> Judgement:
    """Return the judgement that the script sent.

    Raises
    ------
    ConfigError
        It is none.
    """
    verdict, emotion, note = said.get("verdict"), said.get("emotion"), said.get("note", "")
    if not isinstance(verdict, str) or not isinstance(note, str):
        raise ConfigError("verdict and note must be texts; load the page again")
    if emotion is not None and not isinstance(emotion, str):
        raise ConfigError("emotion must be a text; load the page again")
    return Judgement(verdict_of(verdict), emotion, note)


def frame(page: str) -> str:
    """Return a page within the page, from which its script can reach nothing of ours."""
    return (
        '<iframe sandbox="allow-scripts" title="The full report" '
        f'srcdoc="{html.escape(page)}"></iframe>'
    )
