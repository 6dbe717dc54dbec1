"""The state of the connection to a live source, as one pure step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class LinkState(StrEnum):
    """Where the connection stands; ``ended`` and ``failed`` are final."""

    OPENING = "opening"
    RUNNING = "running"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    FAILED = "failed"


FINAL = frozenset({LinkState.ENDED, LinkState.FAILED})


@dataclass(frozen=True, slots=True)
class Link:
    """The connection at one moment.

    Attributes
    ----------
    state, since_s
        What it is, and since when on the session's clock.
    attempts
        Tries to come back since it last ran steadily.
    retry_at_s
        When the next try begins, while reconnecting.
    reason
        Why it is not running, safe to print; empty if it is.
    heard_s
        When the last sign of life came: a frame, or the opening.
    """

    state: LinkState
    since_s: float
    attempts: int = 0
    retry_at_s: float | None = None
    reason: str = ""
    heard_s: float = 0.0

    @property
    def over(self) -> bool:
        """True in the two states that nothing leaves."""
        return self.state in FINAL


class Happening(StrEnum):
    """What can happen to a connection.

    ``time`` is only the clock; ``lost`` is an end that may be mended by opening again, ``ended``
    one that is not: the end of a recording, or the user's wish.
    """

    OPENED = "opened"
    FRAME = "frame"
    TIME = "time"
    LOST = "lost"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """When a silence counts, and how long to wait between tries.

    Attributes
    ----------
    stall_s
        Without a frame for so long, the source is called stalled. Higher forgives slow cameras,
        lower tells sooner.
    backoff_s
        Waits before the first, second, … try to come back; the last one repeats for ever.
    steady_s
        After running for so long, the waits begin anew at the first; lower lets a source that
        comes and goes be opened more often.
    """

    stall_s: float = 2.0
    backoff_s: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
    steady_s: float = 5.0

    def __post_init__(self) -> None:
        if self.stall_s <= 0 or self.steady_s < 0:
            raise ValueError(
                f"stall_s must be above 0 and steady_s not below, got {self.stall_s}, "
                f"{self.steady_s}"
            )
        if not self.backoff_s or min(self.backoff_s) < 0:
            raise ValueError(f"backoff_s needs waits of 0 s or more, got {self.backoff_s}")


DEFAULT_SETTINGS = LinkSettings()


def opening(now_s: float) -> Link:
    """Return the first state."""
    return Link(LinkState.OPENING, now_s, heard_s=now_s)


def step(
    link: Link,
    happening: Happening,
    now_s: float,
    *,
    reason: str = "",
    settings: LinkSettings = DEFAULT_SETTINGS,
) -> Link:
    """Return the state after something happened at ``now_s``.

    What makes no sense in a state (a frame after the end) changes nothing.

    Parameters
    ----------
    reason
        Why it was lost, ended or failed, safe to print.
    """
    if link.over:
        return link
    if happening is Happening.FAILED:
        return replace(link, state=LinkState.FAILED, since_s=now_s, retry_at_s=None, reason=reason)
    if happening is Happening.ENDED:
        return replace(link, state=LinkState.ENDED, since_s=now_s, retry_at_s=None, reason=reason)
    if happening is Happening.LOST:
        return _lost(link, now_s, reason, settings)
    if happening is Happening.TIME:
        return _time_passed(link, now_s, settings)
    if link.state is LinkState.RECONNECTING:
        return link
    return _heard(link, now_s, settings)


def _heard(link: Link, now_s: float, settings: LinkSettings) -> Link:
    if link.state is not LinkState.RUNNING:
        return Link(LinkState.RUNNING, now_s, link.attempts, heard_s=now_s)
    steady = now_s - link.since_s >= settings.steady_s
    return replace(link, heard_s=now_s, attempts=0 if steady else link.attempts)


def _lost(link: Link, now_s: float, reason: str, settings: LinkSettings) -> Link:
    if link.state is LinkState.RECONNECTING:
        return link
    wait_s = settings.backoff_s[min(link.attempts, len(settings.backoff_s) - 1)]
    return Link(
        LinkState.RECONNECTING, now_s, link.attempts + 1, now_s + wait_s, reason, link.heard_s
    )


def _time_passed(link: Link, now_s: float, settings: LinkSettings) -> Link:
    if link.state is LinkState.RUNNING and now_s - link.heard_s >= settings.stall_s:
        reason = f"no frame for {settings.stall_s:g} s"
        return replace(link, state=LinkState.STALLED, since_s=now_s, reason=reason)
    if link.retry_at_s is not None and now_s >= link.retry_at_s:
        return replace(link, state=LinkState.OPENING, since_s=now_s, retry_at_s=None)
    return link
