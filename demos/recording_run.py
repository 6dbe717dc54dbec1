"""From a chosen recording to its review, step by step as the page shows it."""

from __future__ import annotations

import html
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from demos.recording_job import Progress, Recording, RecordingJob
from demos.review_tab import ReviewPanel, review_panel
from demos.safety import DemoSettings, check_video
from demos.workspace import Workspace
from realtime_mer.analysis import Options
from realtime_mer.errors import MerError

EVERY_S = 0.3
"""Time between two words about the progress."""
TOO_SLOW_FPS = 25.0
"""Below this a micro-expression of 1/25 s may fall between two pictures."""
_STYLE = """
.html-container:has(> &) { padding: 0; }
.work { border: 1px solid var(--border-color-primary); border-radius: 12px; padding: 14px 18px;
  background: var(--block-background-fill); color: var(--body-text-color); }
.work p { margin: 0; font-size: 15px; overflow-wrap: anywhere; }
.work p + p { margin-top: 4px; }
.work small { color: var(--body-text-color-subdued); font-size: 14px; }
.work .bar { height: 8px; margin-bottom: 10px; border-radius: 4px; overflow: hidden;
  background: var(--border-color-primary); }
.work .bar i { display: block; height: 100%; border-radius: 4px; background: var(--color-accent);
  transition: width .3s linear; }
.work .bar.unsure i { width: 100%; opacity: .45; }
.work.wrong { border-left: 4px solid #a8484f; } .work.heed { border-left: 4px solid #c08a1e; }
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A recording to analyse: where it lies, what it is called, the folder for what is made."""

    path: Path
    name: str
    folder: Path


@dataclass(slots=True)
class Jobs:
    """The running job of each browser session: a new one ends the one before."""

    running: dict[str, RecordingJob] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, workspace: Workspace, job: RecordingJob) -> None:
        """Remember a job; it is stopped when the session ends."""
        with self.lock:
            before = self.running.get(workspace.token)
            self.running[workspace.token] = job
        if before is not None:
            before.stop()
        workspace.on_close(job.stop)

    def stop(self, workspace: Workspace) -> None:
        """Stop the session's job, if there is one."""
        with self.lock:
            job = self.running.get(workspace.token)
        if job is not None:
            job.stop()

    def drop(self, workspace: Workspace, job: RecordingJob) -> None:
        """Forget a job that has ended."""
        with self.lock:
            if self.running.get(workspace.token) is job:
                del self.running[workspace.token]


@dataclass(frozen=True, slots=True)
class Run:
    """The status line, the Stop button and the review of one tab, and what moves them."""

    settings: DemoSettings
    status: gr.HTML
    stop: gr.Button
    panel: ReviewPanel
    jobs: Jobs = field(default_factory=Jobs)

    @property
    def outputs(self) -> list[Any]:
        """What ``steps`` yields values for."""
        return [self.status, self.stop, *self.panel.outputs]

    def steps(
        self, request: gr.Request, choose: Callable[[Workspace], Chosen]
    ) -> Iterator[tuple[Any, ...]]:
        """Analyse what ``choose`` returns; yield values for ``outputs`` until it is done."""
        nothing = self.panel.clear()
        yield working("", None), gr.update(visible=False), *nothing
        try:
            workspace = self.settings.workspaces.of(request.session_hash)
            chosen = choose(workspace)
            check_video(chosen.path, self.settings)
        except (MerError, OSError) as error:
            yield wrong(str(error)), gr.update(visible=False), *nothing
            return
        job = RecordingJob(
            chosen.path,
            chosen.folder,
            name=chosen.name,
            longest_s=self.settings.max_duration_s,
            options=Options(model=self.settings.model, engine=self.settings.engine),
        ).start()
        self.jobs.put(workspace, job)
        try:
            yield working(chosen.name, None), gr.update(visible=True), *nothing
            while not job.wait(EVERY_S):
                said = working(chosen.name, job.progress)
                yield said, gr.update(), *[gr.update()] * len(nothing)
            recording = job.result()
            yield done(recording), gr.update(visible=False), *self.panel.put(workspace, recording)
        except (MerError, OSError) as error:
            yield wrong(str(error)), gr.update(visible=False), *nothing
        finally:
            job.stop()
            self.jobs.drop(workspace, job)

    def end(self, request: gr.Request) -> None:
        """Stop the session's job: what was found so far is shown."""
        self.jobs.stop(self.settings.workspaces.of(request.session_hash))


def run_of(settings: DemoSettings, name: str) -> Run:
    """Lay out status line, Stop button and review; ``name`` begins their identifiers."""
    with gr.Row(equal_height=True, elem_classes="mer-run"):
        status = gr.HTML("", css_template=_STYLE, elem_id=f"{name}-status", scale=1)
        stop = gr.Button("Stop", visible=False, elem_id=f"{name}-stop", scale=0, min_width=110)
    run = Run(settings, status, stop, review_panel(settings, name))
    stop.click(run.end, show_progress="hidden", queue=False, api_visibility="private")
    return run


def working(name: str, progress: Progress | None) -> str:
    """Return the status line of a running analysis."""
    what = f"<p>Analysing <b>{html.escape(name)}</b>" if name else "<p>Looking at the recording"
    if progress is None or not progress.media_s:
        return f'<div class="work" role="status">{bar(None)}{what} …</p></div>'
    share = progress.share
    left = ""
    if share and share < 1 and progress.speed > 0:
        seconds = progress.media_s * (1 - share) / share / progress.speed
        left = f" · about {seconds:.0f} s left" if seconds >= 1 else ""
    facts = (
        f"{progress.media_s:.1f} s seen · {progress.speed:.1f} × real time · "
        f"{count(progress.events)}{left}"
    )
    return f'<div class="work" role="status">{bar(share)}{what} <small>{facts}</small></p></div>'


def bar(share: float | None) -> str:
    """Return a bar of that length, 0 … 1; None for one that says nothing but that it goes on."""
    if share is None:
        return '<div class="bar unsure" role="progressbar"><i></i></div>'
    return (
        f'<div class="bar" role="progressbar" aria-valuenow="{100 * share:.0f}">'
        f'<i style="width:{100 * share:.1f}%"></i></div>'
    )


def done(recording: Recording) -> str:
    """Return the status line of a finished analysis, with what to heed about it."""
    media = recording.analysis.media
    notes = [recording.cut_short] if recording.cut_short else []
    rate = f"{media.fps:.1f} pictures a second" if math.isfinite(media.fps) else "one picture"
    if not media.fps >= TOO_SLOW_FPS:
        notes.append(
            f"Only {rate} were measured. The shortest micro-expressions, 1/25 s, fall between two "
            "of them and are missed, and what is found is timed coarsely. More light, a smaller "
            "picture or another camera raise the rate."
        )
    facts = f"{media.duration_s:.1f} s · {media.width} × {media.height} · {rate} · "
    words = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    kind = "work heed" if notes else "work"
    return (
        f'<div class="{kind}" role="status"><p><b>{html.escape(media.name)}</b> '
        f"<small>{facts}{count(len(recording.analysis.events))}</small></p>{words}</div>"
    )


def wrong(message: str) -> str:
    """Return the status line that says what went wrong."""
    return f'<div class="work wrong" role="alert"><p>{html.escape(message)}</p></div>'


def count(events: int) -> str:
    """Return a number of candidates in words."""
    return f"{events} candidate{'' if events == 1 else 's'}"
