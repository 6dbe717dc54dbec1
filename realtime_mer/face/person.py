"""One person among several: where they are, how they look, and the tracker that follows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face import similarity
from realtime_mer.face.identity import FIT_SAME, Gallery, Look
from realtime_mer.face.mesh import Mesh
from realtime_mer.face.topology import CROP_IOD
from realtime_mer.face.tracker import FACE_MIDDLE_XY, FaceTracker, TrackerSettings

Finder = Callable[["Person", NDArray[np.uint8]], list[Mesh]]
"""Returns the face that is a person's in a picture: one mesh or none."""

HIDDEN_S = 2.0
"""How long a face that vanished is expected to appear again near where it was."""
PROVE_S = 1.0
"""How long a face that was found again is followed before it is taken for granted whose it is."""
_SOON_S = 0.3
_EDGE_IOD = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One face that the mesh found in a picture.

    ``middle`` is a place in picture pixels, ``inside`` the share of the inner face that lies
    within the picture.
    """

    mesh: Mesh
    to_crop: similarity.Matrix
    middle: NDArray[np.float64]
    look: Look
    inside: float


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a face was seen last.

    Attributes
    ----------
    middle, speed
        (2,) picture pixels, and pixels a second.
    iod_px
        Inter-ocular distance there.
    time_s
        When.
    leaving
        Whether it was at the picture's edge, or going to be within a moment: such a face has
        left when it vanishes, any other is hidden.
    """

    middle: NDArray[np.float64]
    speed: NDArray[np.float64]
    iod_px: float
    time_s: float
    leaving: bool

    def away(self, middle: NDArray[np.float64], time_s: float) -> float:
        """Return how far a place lies from where it was or should be, in its own IODs."""
        ahead = self.speed * min(time_s - self.time_s, 1.0)
        here, there = middle - self.middle, middle - self.middle - ahead
        return float(min(np.hypot(*here), np.hypot(*there))) / self.iod_px


class Person:
    """Somebody known, and to their tracker a detector that finds nobody else.

    Parameters
    ----------
    face_id
        Their number.
    find
        Finds them in a picture.
    settings
        Of the tracker.
    now_s
        When they were first seen.

    Attributes
    ----------
    tracker
        Follows the face while ``awake``.
    gallery
        How they look.
    place
        Where they were last seen; None before that and since a cut.
    awake
        Whether the tracker is to be fed.
    doubt
        Whether the tracker may have slid onto another face just now.
    proven
        Whether the face that is followed was found to look like them since it was found again.
    born_s, woken_s, seen_s
        When they were first seen, last found again, last seen.
    """

    def __init__(
        self, face_id: int, find: Finder, settings: TrackerSettings | None, now_s: float
    ) -> None:
        self.face_id = face_id
        self.tracker = FaceTracker(self, settings, face_id)
        self.gallery = Gallery()
        self.place: Place | None = None
        self.awake = self.proven = True
        self.doubt = False
        self.born_s = self.woken_s = self.seen_s = now_s
        self._find = find

    @property
    def followed(self) -> bool:
        """Whether the newest picture shows this face, so far as its tracker can tell."""
        return self.awake and self.tracker.to_crop is not None and not self.tracker.hidden

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Mesh]:
        """Return this person's face in the newest picture, if the mesh finds it."""
        return self._find(self, image_rgb)

    def reset(self) -> None:
        """Do nothing: the mesh belongs to all."""

    def close(self) -> None:
        """Do nothing: the mesh belongs to all."""

    def wake(self, now_s: float) -> None:
        """Have the tracker look for the face in the next picture it gets."""
        self.awake, self.doubt, self.proven = True, False, False
        self.woken_s = now_s
        self.tracker.reset()

    def sleep(self) -> None:
        """Let go of the face."""
        self.awake, self.doubt = False, False
        self.tracker.reset()

    def recognise(self, look: Look, now_s: float, clear: bool) -> None:
        """Take note of how the face looks that is followed as theirs.

        ``clear`` says that nothing covers it, so that the look is worth remembering.
        """
        self.doubt = False
        if self.gallery.fit(look) >= FIT_SAME or now_s - self.woken_s > PROVE_S:
            self.proven = True
        if self.proven and clear:
            self.gallery.add(look)

    def moved(self, time_s: float, width: int, height: int) -> None:
        """Note where the tracker has the face now, in a picture of that size."""
        assert self.tracker.to_crop is not None
        middle, iod_px = spot(self.tracker.to_crop)
        before, speed = self.place, np.zeros(2)
        if before is not None and 0 < (passed := time_s - before.time_s) < 0.5:
            share = min(1.0, passed / 0.15)
            speed = before.speed + share * ((middle - before.middle) / passed - before.speed)
        ends = np.array([middle, middle + speed * _SOON_S])
        room = float(min(ends.min(), (np.array([width, height]) - ends).min()))
        self.place = Place(middle, speed, iod_px, time_s, room < _EDGE_IOD * iod_px)
        self.seen_s = time_s

    def lost_track(self, now_s: float) -> None:
        """Note that the tracker waits for the face: what it finds next is yet to be proven."""
        self.proven, self.woken_s = False, now_s

    def expected_at(self, middle: NDArray[np.float64], now_s: float) -> bool:
        """Whether they vanished a moment ago so that they may well appear there."""
        gone_s = now_s - self.seen_s
        if self.place is None or self.place.leaving or gone_s > HIDDEN_S:
            return False
        return self.place.away(middle, now_s) < 1.5 + 3.0 * gone_s


def spot(to_crop: similarity.Matrix) -> tuple[NDArray[np.float64], float]:
    """Return the middle of a face and its inter-ocular distance in picture pixels."""
    back = similarity.invert(to_crop)
    middle = similarity.apply(back, np.array([FACE_MIDDLE_XY]))[0]
    return middle, similarity.scale_of(back) * CROP_IOD
