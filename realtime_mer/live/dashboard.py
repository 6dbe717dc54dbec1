"""What `mer live` shows: how the link stands, how fast it is, whose face moves, what was found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from realtime_mer.events import Candidate, Event
from realtime_mer.face.topology import REGIONS
from realtime_mer.lane import FaceStatus
from realtime_mer.latency import LatencyBook
from realtime_mer.live.link import Link, LinkState
from realtime_mer.live.session import LiveSession
from realtime_mer.live.updates import Counters
from realtime_mer.sources import printable

STAGES = (
    ("signal", "frame to signal"),
    ("provisional", "apex to alert"),
    ("event", "offset to event"),
)
PERCENTS = (50, 95, 99)
BAR = 24
"""Characters of a region's bar."""
FULL_BAR = 2.0
"""A full bar is an excursion of so many times the threshold."""
FACES_SHOWN = 3
_STYLES = {
    LinkState.RUNNING: "green",
    LinkState.OPENING: "cyan",
    LinkState.STALLED: "yellow",
    LinkState.RECONNECTING: "yellow",
    LinkState.FAILED: "red",
}


@dataclass(frozen=True, slots=True)
class View:
    """One moment of a session, ready to be shown.

    Attributes
    ----------
    time_s
        Media time of the newest frame; ``wall_s`` seconds since the session began.
    latency
        Stage → milliseconds at ``PERCENTS``, NaN where nothing was measured.
    recent
        Newest events and alerts, oldest first.
    found
        Events so far.
    notes
        What the user should know: problems, where results go.
    """

    name: str
    size: tuple[int, int]
    link: Link
    counters: Counters
    wall_s: float = 0.0
    time_s: float = 0.0
    now_s: float = 0.0
    latency: dict[str, tuple[float, ...]] = field(default_factory=dict)
    faces: tuple[FaceStatus, ...] = ()
    recent: tuple[Event | Candidate, ...] = ()
    found: int = 0
    notes: tuple[str, ...] = ()


def look(
    session: LiveSession,
    *,
    wall_s: float,
    now_s: float,
    recent: tuple[Event | Candidate, ...] = (),
    found: int = 0,
    notes: tuple[str, ...] = (),
) -> View:
    """Return how a session stands; from any thread."""
    info, latest = session.info, session.latest
    return View(
        name="" if info is None else info.name,
        size=(0, 0) if info is None else (info.width, info.height),
        link=session.link,
        counters=session.counters,
        wall_s=wall_s,
        time_s=0.0 if latest is None else latest.frame.time_s,
        now_s=now_s,
        latency={stage: percentiles(session.latency, stage) for stage, _ in STAGES},
        faces=session.pipeline.faces,
        recent=recent,
        found=found,
        notes=notes,
    )


def percentiles(book: LatencyBook, stage: str) -> tuple[float, ...]:
    """Return a stage's latency at ``PERCENTS``, milliseconds."""
    return tuple(book.percentile_ms(stage, percent) for percent in PERCENTS)


def draw(view: View) -> RenderableType:
    """Return the dashboard of one moment."""
    parts: list[RenderableType] = [_head(view), _flow(view), _latency(view)]
    parts += [_face(face) for face in seen(view)[:FACES_SHOWN]] or [Text("no face in view", "dim")]
    parts.append(_found(view))
    parts += [Text(printable(note), "yellow", overflow="fold") for note in view.notes]
    parts.append(
        Text("Candidates to look at; no proof of a feeling or a lie.  Ctrl-C ends.", "dim")
    )
    return Group(*parts)


def seen(view: View) -> list[FaceStatus]:
    """Return the faces in view."""
    return [face for face in view.faces if face.view is not None]


def link_words(view: View) -> str:
    """Say how the link stands, with the reason and the time to the next try."""
    link = view.link
    words = str(link.state)
    if link.state is LinkState.RECONNECTING and link.retry_at_s is not None:
        words += f", try {link.attempts + 1} in {max(link.retry_at_s - view.now_s, 0):.0f} s"
    if link.reason and link.state is not LinkState.ENDED:
        words += f": {printable(link.reason)}"
    return words


def event_words(event: Event) -> str:
    """Say an event in one line."""
    c = event.candidate
    moved = event.action_unit_text or "+".join(c.regions)
    face = f"face {c.face_id}, " if c.face_id else ""
    return (
        f"#{event.event_id} {event.emotion} {event.confidence:.2f}  {face}"
        f"{c.onset_s:.2f}–{c.offset_s:.2f} s, {c.duration_s * 1e3:.0f} ms, "
        f"score {c.spot_score:.1f}, {moved.replace('_', ' ').replace('+', ', ')}"
    )


def _head(view: View) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("● ", _STYLES.get(view.link.state, "dim"))
    text.append(f"{printable(view.name)}", "bold")
    if view.size[0]:
        text.append(f"  {view.size[0]}×{view.size[1]}")
    text.append(f"  {clock(view.wall_s)}  ")
    text.append(link_words(view), _STYLES.get(view.link.state, ""))
    return text


def _flow(view: View) -> Text:
    counters = view.counters
    text = Text(
        f"{counters.captured_fps:6.1f} fps captured  {counters.processed_fps:6.1f} fps processed  "
        f"{counters.processed} frames  {counters.waiting} waiting\n",
    )
    dropped = f"{counters.declared_drops} dropped"
    text.append(dropped, "yellow" if counters.declared_drops else "")
    if counters.undeclared_drops:
        text.append(f"  {counters.undeclared_drops} lost undeclared", "red")
    text.append(f"  {counters.segments} segments  {counters.reconnects} reconnects")
    return text


def _latency(view: View) -> Text:
    # Not a table of rich's: that costs as much as all the rest of the dashboard.
    head = "".join(f"{f'p{percent}':>9}" for percent in PERCENTS)
    text = Text(f"{'latency, ms':<16}{head}", "dim", no_wrap=True)
    for stage, words in STAGES:
        figures = view.latency.get(stage, ())
        cells = (f"{ms:.1f}" if np.isfinite(ms) else "–" for ms in figures)
        text.append(f"\n{words:<16}" + "".join(f"{cell:>9}" for cell in cells), "not dim")
    return text


def _face(face: FaceStatus) -> Group:
    title = Text(f"face {face.face_id}  ", "bold")
    if face.advice:
        title.append(", ".join(face.advice), "yellow")
    else:
        title.append("well seen", "green")
    return Group(title, *(_bar(face, number) for number in range(len(REGIONS))))


def _bar(face: FaceStatus, number: int) -> Text:
    """Draw one region: how far from rest, and where the threshold lies."""
    excursion, threshold = float(face.excursions[number]), float(face.thresholds[number])
    line = Text(f"  {REGIONS[number].replace('_', ' '):<12}", no_wrap=True, overflow="crop")
    if not (np.isfinite(excursion) and np.isfinite(threshold) and threshold > 0):
        return line.append("·" * BAR, "dim")
    over = excursion >= threshold
    filled = min(round(BAR * excursion / threshold / FULL_BAR), BAR)
    mark = round(BAR / FULL_BAR)
    cells = "".join("│" if at == mark else ("█" if at < filled else "·") for at in range(BAR))
    line.append(cells, "bold red" if over else "cyan")
    return line.append(f"  {100 * excursion:5.2f} % of {100 * threshold:.2f} %", "dim")


def _found(view: View) -> Group:
    plural = "" if view.found == 1 else "s"
    lines = [Text(f"{view.found} candidate{plural}", "bold")]
    for item in view.recent:
        if isinstance(item, Event):
            lines.append(Text(f"  {event_words(item)}", no_wrap=True, overflow="ellipsis"))
        else:
            moved = ", ".join(item.regions).replace("_", " ")
            words = f"  … {item.apex_s:.2f} s, something moves: {moved}"
            lines.append(Text(words, "dim", no_wrap=True, overflow="ellipsis"))
    return Group(*lines)


def clock(seconds: float) -> str:
    """Return hours, minutes and seconds."""
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"
