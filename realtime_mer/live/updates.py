"""What a live session hands to whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass

from realtime_mer.events import Candidate, Event, Frame
from realtime_mer.spotting import Decision


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A frame and when it was taken.

    Attributes
    ----------
    frame
        Its ``index`` counts every captured frame, those that were dropped too; its ``time_s`` and
        ``segment`` go on over reconnects.
    captured_s
        The session's clock at the moment of capture: a camera's grab, the moment a frame of a
        replay was due, the arrival of a stream's packet.
    """

    frame: Frame
    captured_s: float


@dataclass(frozen=True, slots=True)
class Counters:
    """How a session is doing; ``captured = processed + declared_drops + waiting``.

    Attributes
    ----------
    captured, processed
        Frames so far, since the session began.
    declared_drops
        Frames left out because the work was too slow, each covered by a gap and a new segment.
    undeclared_drops
        Frames missing within a segment: always 0, or the session is broken.
    segments
        Stretches of frames without a break so far.
    reconnects
        How often the source came back.
    waiting
        Frames captured and not looked at yet.
    captured_fps, processed_fps
        Rates over about the last second; 0 while nothing comes.
    """

    captured: int = 0
    processed: int = 0
    declared_drops: int = 0
    undeclared_drops: int = 0
    segments: int = 0
    reconnects: int = 0
    waiting: int = 0
    captured_fps: float = 0.0
    processed_fps: float = 0.0


@dataclass(frozen=True, slots=True)
class LiveUpdate:
    """What one frame brought, with its media time and index; see ``pipeline.StepResult``."""

    time_s: float
    index: int
    provisional: tuple[Candidate, ...] = ()
    events: tuple[Event, ...] = ()
    rejected: tuple[Decision, ...] = ()
