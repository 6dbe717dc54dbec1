"""How many frames a second, of late."""

from __future__ import annotations

import threading
from collections import deque


class RateMeter:
    """Count what happened within the last ``window_s`` seconds.

    Parameters
    ----------
    window_s
        Longer is steadier, shorter follows changes sooner.
    most
        Moments remembered; rates above ``most / window_s`` are still right, over less time.
    """

    def __init__(self, window_s: float = 1.0, most: int = 2048) -> None:
        self._window_s = window_s
        self._moments: deque[float] = deque(maxlen=most)
        self._lock = threading.Lock()

    def note(self, now_s: float) -> None:
        """Count one."""
        with self._lock:
            self._moments.append(now_s)
            while self._moments[0] < now_s - self._window_s:
                self._moments.popleft()

    def per_second(self, now_s: float) -> float:
        """Return the rate; 0 when fewer than two happened within the window."""
        with self._lock:
            recent = [moment for moment in self._moments if moment >= now_s - self._window_s]
        span_s = recent[-1] - recent[0] if recent else 0.0
        return (len(recent) - 1) / span_s if span_s > 0 else 0.0
