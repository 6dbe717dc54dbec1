"""Several faces in one stream, each with its own tracker and a number that stays with it.

One mesh is shared and runs at most once a picture. What it finds is dealt out: to the tracker that
follows a face at that place, to one that lost a face like it a moment ago, to a person who left
and looks like it, or to somebody new.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.events import Frame
from realtime_mer.face.cuts import CutDetector
from realtime_mer.face.dealing import Claim, deal
from realtime_mer.face.identity import (
    FIT_NEAR,
    FIT_OTHER,
    FIT_SAME,
    look_at,
    share_inside,
)
from realtime_mer.face.mesh import Mesh, MeshDetector
from realtime_mer.face.person import HIDDEN_S, Found, Person, spot
from realtime_mer.face.tracker import TrackerSettings, align
from realtime_mer.face.view import Picture

PATIENCE_S = 0.4
"""How long a face that may or may not be a known one is watched before it counts as new."""
EXPECTING_S = 1.5
"""The same where somebody vanished a moment ago: a covered face looks like nobody."""
PROBATION_S = 3.0
"""Age below which a new number is given up if the face turns out to be a known one."""
MEMORY = 12
"""Most people remembered; beyond, whoever was not seen for longest is forgotten."""
DOUBT_EVERY_S = 0.05
"""Seconds between mesh runs while it is uncertain whose face a tracker follows."""
_SAME_PLACE, _TOUCHING, _APART = 0.6, 1.5, 2.5
_MARGIN = 0.1
_LEAST_INSIDE = 0.9


@dataclass(slots=True, eq=False)
class _Stranger:
    """A face that fits nobody well and was not given a number yet."""

    middle: NDArray[np.float64]
    since_s: float
    seen_s: float


class People:
    """Keep up to ``faces`` trackers fed, and know who is who.

    Call ``begin``, give the picture to the tracker of everyone ``awake``, call ``end``.

    Parameters
    ----------
    detector
        The mesh; it should find ``faces`` faces. Not closed here.
    faces
        Most faces followed at once.
    settings
        Of the trackers.

    Attributes
    ----------
    known
        Everyone remembered, in the order of their numbers.
    mesh_runs
        How often the mesh ran.
    """

    def __init__(
        self, detector: MeshDetector, faces: int, settings: TrackerSettings | None = None
    ) -> None:
        self.settings = settings or TrackerSettings()
        self.faces = faces
        self.mesh_runs = 0
        self.known: list[Person] = []
        self._detector = detector
        self._cuts = CutDetector()
        self._segment = -1
        self._looked_s = -np.inf
        self._born = 0
        self._strangers: list[_Stranger] = []
        self._frame: Frame | None = None
        self._gray = np.zeros((0, 0), np.uint8)
        self._dealt: dict[Person, Found] | None = None

    @property
    def awake(self) -> list[Person]:
        """Those whose trackers are to be fed."""
        return [person for person in self.known if person.awake]

    def begin(self, frame: Frame) -> Picture:
        """Take the next picture; return what the trackers share of it."""
        self._frame, self._dealt = frame, None
        self._gray = cv2.cvtColor(frame.image_rgb, cv2.COLOR_RGB2GRAY)
        if frame.segment != self._segment:
            self._segment = frame.segment
            self._cuts.reset()
            self._scatter()
        cut = self._cuts.step(self._gray)
        if cut:
            self._scatter()
        check = self._due(frame.time_s)
        if check:
            self._look(frame, admit=True)
        return Picture(self._gray, cut, check)

    def end(self, frame: Frame) -> None:
        """Note what became of everyone in this picture."""
        height, width = self._gray.shape
        for person in self.awake:
            if person.followed:
                person.moved(frame.time_s, width, height)
            elif person.tracker.to_crop is None:
                person.sleep()
            else:
                person.doubt = True
                person.lost_track(frame.time_s)
        for person in self.awake:
            if person.followed and self._crowded(person, _TOUCHING):
                person.doubt = True

    def find(self, person: Person, image_rgb: NDArray[np.uint8]) -> list[Mesh]:
        """Return the face that was dealt to a person in the newest picture."""
        assert self._frame is not None
        assert image_rgb is self._frame.image_rgb
        dealt = self._dealt if self._dealt is not None else self._look(self._frame, admit=False)
        return [dealt[person].mesh] if person in dealt else []

    def _scatter(self) -> None:
        """Another place or time: nobody is where they were."""
        self._detector.reset()
        self._looked_s = -np.inf
        self._strangers.clear()
        for person in self.known:
            person.place = None
            if person.awake:
                person.sleep()

    def _due(self, now_s: float) -> bool:
        """Whether the mesh should run on this picture."""
        awake = self.awake
        followed = [person for person in awake if person.followed]
        waited_s = now_s - self._looked_s
        if any(person.doubt for person in followed):
            return waited_s >= DOUBT_EVERY_S
        if len(followed) == self.faces:
            checked = [person.tracker.checked_s for person in followed]
            return any(now_s - s >= self.settings.mesh_every_s for s in checked if s is not None)
        missing = any(now_s - person.seen_s < HIDDEN_S for person in self.known if not person.awake)
        hurry = not followed or missing or self._strangers or len(followed) < len(awake)
        return waited_s >= (self.settings.search_every_s if hurry else self.settings.mesh_every_s)

    def _look(self, frame: Frame, *, admit: bool) -> dict[Person, Found]:
        """Run the mesh and deal out what it finds; ``admit`` also wakes and takes up people."""
        now_s = self._looked_s = frame.time_s
        self.mesh_runs += 1
        found = _apart([self._describe(mesh) for mesh in self._detector.detect(frame.image_rgb)])
        owners = deal([self._claims(one, now_s) for one in found])
        self._dealt = {}
        self._part(found, owners, now_s)
        for one, person in zip(found, owners, strict=True):
            if person is not None and (person.awake or (admit and len(self.awake) < self.faces)):
                self._give(person, one, now_s)
        if admit:
            left = [one for one, who in zip(found, owners, strict=True) if who is None]
            self._meet(left, now_s)
        return self._dealt

    def _describe(self, mesh: Mesh) -> Found:
        to_crop = align(mesh)
        height, width = self._gray.shape
        inside = share_inside(to_crop, width, height)
        return Found(mesh, to_crop, spot(to_crop)[0], look_at(self._gray, to_crop), inside)

    def _claims(self, one: Found, now_s: float) -> list[Claim[Person]]:
        """Return who this face may belong to, and how well each fits."""
        fits = {person: person.gallery.fit(one.look) for person in self.known}
        open_to = [person for person in self.known if not (person.followed and person.proven)]
        claims = []
        for person, fit in fits.items():
            away = np.inf if person.place is None else person.place.away(one.middle, now_s)
            rival = max((fits[p] for p in open_to if p is not person), default=-1.0)
            if person.followed and away < 1.0:
                if not self._mistaken(person, fit, rival, now_s):
                    claims.append(Claim(person, 2.0 + fit - away))
            elif person in open_to and (
                fit >= FIT_SAME
                or (
                    not person.followed
                    and fit >= max(FIT_NEAR, rival + _MARGIN)
                    and person.expected_at(one.middle, now_s)
                )
            ):
                claims.append(Claim(person, fit - 0.02 * min(away, 10.0)))
        return claims

    def _mistaken(self, person: Person, fit: float, rival: float, now_s: float) -> bool:
        """Whether the face followed as a person's looks like somebody's who may be elsewhere.

        ``fit`` and ``rival`` are what the face has in common with either.
        """
        if rival < FIT_SAME:
            return False
        if now_s - person.born_s < PROBATION_S and person is not self.known[0]:
            return rival >= FIT_SAME + _MARGIN / 2
        return rival > fit + _MARGIN and (fit < FIT_NEAR or not person.proven)

    def _part(self, found: list[Found], owners: list[Person | None], now_s: float) -> None:
        """Stop trackers that follow a face which belongs to somebody else, or to nobody known."""
        for person in self.awake:
            if not person.followed or person in owners or person.place is None:
                continue
            for one, owner in zip(found, owners, strict=True):
                if person.place.away(one.middle, person.place.time_s) >= _SAME_PLACE:
                    continue
                person.sleep()
                young = now_s - person.born_s < PROBATION_S and person is not self.known[0]
                if young and owner is not None and not owner.awake:
                    self.known.remove(person)
                break

    def _give(self, person: Person, one: Found, now_s: float) -> None:
        assert self._dealt is not None
        self._dealt[person] = one
        if not person.awake:
            person.wake(now_s)
        elif person.followed:
            if person.place is not None and person.place.away(one.middle, now_s) >= 1.0:
                person.place = None  # the tracker starts anew there
                return
            clear = one.inside >= _LEAST_INSIDE and not self._crowded(person, _APART)
            person.recognise(one.look, now_s, clear)

    def _crowded(self, person: Person, reach_iod: float) -> bool:
        """Whether somebody else's face is so near that one may cover the other."""
        assert person.place is not None
        return any(
            other.place is not None
            and other.place.away(person.place.middle, other.place.time_s) < reach_iod
            for other in self.awake
            if other is not person
        )

    def _meet(self, left: list[Found], now_s: float) -> None:
        """Decide about faces that nobody claimed: wait and see, or give a new number."""
        self._strangers = [s for s in self._strangers if now_s - s.seen_s < 2.5 * PATIENCE_S]
        for one in left:
            if len(self.awake) >= self.faces:
                break
            stranger = self._stranger(one, now_s)
            if self._is_new(one, now_s - stranger.since_s, now_s):
                self._strangers.remove(stranger)
                self._take_up(one, now_s)

    def _is_new(self, one: Found, waited_s: float, now_s: float) -> bool:
        """Whether a face is nobody's who is missing, so far as can be told by now."""
        assert self._dealt is not None
        missing = [p for p in self.known if not p.followed and p not in self._dealt]
        if not missing:
            return True
        if any(person.expected_at(one.middle, now_s) for person in missing):
            return waited_s >= EXPECTING_S
        fit = max((person.gallery.fit(one.look) for person in missing), default=-1.0)
        sure = fit < FIT_OTHER and one.inside >= _LEAST_INSIDE
        return waited_s >= PATIENCE_S or (sure and waited_s > 0)

    def _stranger(self, one: Found, now_s: float) -> _Stranger:
        for stranger in self._strangers:
            if np.hypot(*(one.middle - stranger.middle)) < 2.0 * one.mesh.iod_px:
                stranger.middle, stranger.seen_s = one.middle, now_s
                return stranger
        self._strangers.append(_Stranger(one.middle, now_s, now_s))
        return self._strangers[-1]

    def _take_up(self, one: Found, now_s: float) -> None:
        assert self._dealt is not None
        person = Person(self._born, self.find, self.settings, now_s)
        self._born += 1
        person.gallery.add(one.look)
        self.known.append(person)
        self._dealt[person] = one
        asleep = [person for person in self.known[1:] if not person.awake]
        if len(self.known) > MEMORY and asleep:
            self.known.remove(min(asleep, key=lambda person: person.seen_s))


def _apart(found: list[Found]) -> list[Found]:
    """Drop a mesh laid on a face that another one covers already."""
    kept: list[Found] = []
    for one in found:
        if all(
            np.hypot(*(one.middle - other.middle)) > 0.5 * min(one.mesh.iod_px, other.mesh.iod_px)
            for other in kept
        ):
            kept.append(one)
    return kept
