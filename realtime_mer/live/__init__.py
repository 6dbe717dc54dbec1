"""Live: a source that may stall and come back, looked at frame by frame while it happens."""

from realtime_mer.live.link import Link, LinkSettings, LinkState
from realtime_mer.live.session import LiveSession, open_live
from realtime_mer.live.updates import Captured, Counters, LiveUpdate

__all__ = [
    "Captured",
    "Counters",
    "Link",
    "LinkSettings",
    "LinkState",
    "LiveSession",
    "LiveUpdate",
    "open_live",
]
