"""A window with the newest picture, for setting up a camera."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import CROP
from realtime_mer.lane import FaceStatus
from realtime_mer.live.session import LiveSession

TITLE = "mer live (q ends)"
AT_MOST_FPS = 15.0
_KEYS = (ord("q"), 27)
_CROP_CORNERS = np.array([(0, 0), (CROP, 0), (CROP, CROP), (0, CROP)], np.float64)
_SEEN, _ADVISED, _MOVING = (90, 200, 90), (60, 190, 230), (60, 60, 230)
_PROBE = "import cv2; cv2.namedWindow('probe'); cv2.destroyAllWindows()"


class Preview:
    """An OpenCV window, refreshed at most ``AT_MOST_FPS`` times a second by ``step``.

    To be used from the main thread only, which is what windows ask for.

    Raises
    ------
    ConfigError
        There is no display, or this OpenCV cannot open windows.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        _refuse_headless()
        self._clock = clock
        self._next_s = -np.inf
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)

    def step(self, session: LiveSession) -> bool:
        """Show the newest picture if it is time; return False once the user closed the window."""
        now_s = self._clock()
        latest = session.latest
        if now_s < self._next_s or latest is None:
            return True
        self._next_s = now_s + 1 / AT_MOST_FPS
        cv2.imshow(TITLE, annotated(latest.frame.image_rgb, session.pipeline.faces))
        key = cv2.waitKey(1) & 0xFF
        return key not in _KEYS and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        """Close the window."""
        cv2.destroyWindow(TITLE)


def annotated(image_rgb: NDArray[np.uint8], faces: tuple[FaceStatus, ...]) -> NDArray[np.uint8]:
    """Return a BGR copy with a frame around each face in view and what to say about it.

    Red where a region stands beyond its threshold, yellow with advice, green otherwise.
    """
    picture: NDArray[np.uint8] = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    for face in faces:
        if face.view is None:
            continue
        back = cv2.invertAffineTransform(np.asarray(face.view.to_crop, np.float64))
        corners = np.rint(_CROP_CORNERS @ back[:, :2].T + back[:, 2]).astype(np.int32)
        moving = bool((face.excursions >= face.thresholds).any())
        colour = _ADVISED if face.advice else _MOVING if moving else _SEEN
        cv2.polylines(picture, [corners[:, None]], True, colour, 2, cv2.LINE_AA)
        words = ", ".join((f"face {face.face_id}", *face.advice))
        at = (int(corners[0, 0]), max(int(corners[0, 1]) - 8, 16))
        cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 2, cv2.LINE_AA)
    return picture


def _refuse_headless() -> None:
    # Without a display OpenCV's window library ends the whole process, so it is asked elsewhere.
    advice = "leave out --preview, or run it where windows can be shown"
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ConfigError(f"--preview needs a display, and there is none: {advice}")
    done = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, check=False)
    if done.returncode:
        raise ConfigError(f"--preview cannot open a window on this display: {advice}")
