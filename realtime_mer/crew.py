"""Who is followed: one face by itself, or several that are told apart."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Protocol

from realtime_mer.events import Frame, Gap
from realtime_mer.face.checks import Checks
from realtime_mer.face.mesh import MeshDetector
from realtime_mer.face.people import People
from realtime_mer.face.person import Person
from realtime_mer.face.tracker import FaceTracker
from realtime_mer.face.view import Loss, Picture
from realtime_mer.lane import POOR_QUALITY, Lane, LaneSettings
from realtime_mer.latency import LatencyBook
from realtime_mer.recording import GapKeeper
from realtime_mer.ring import FaceRing
from realtime_mer.spotting import Decision

Decided = list[tuple[Lane, list[Decision]]]
"""What was decided about each face, faces without a decision left out."""


class Crew(Protocol):
    """All lanes of a pipeline."""

    @property
    def lanes(self) -> list[Lane]:
        """One for each known face, the first face first; never empty."""
        ...

    @property
    def gaps(self) -> list[Gap]:
        """Stretches in which nobody could be seen well enough."""
        ...

    @property
    def mesh_runs(self) -> int:
        """How often the mesh ran."""
        ...

    def step(self, frame: Frame) -> Decided:
        """Take the next picture."""
        ...

    def finish(self) -> Decided:
        """Tell that no picture follows."""
        ...


class Alone:
    """The largest face, followed by itself; see ``Several`` for the parameters."""

    def __init__(
        self,
        detector: MeshDetector,
        settings: LaneSettings,
        fps: float | None,
        latency: LatencyBook,
        checks: Checks | None = None,
        painter: Executor | None = None,
    ) -> None:
        tracker = FaceTracker(detector, settings.tracker, checks=checks, painter=painter)
        self._lane = Lane(tracker, FaceRing.for_rate(fps), settings, latency)
        self.lanes = [self._lane]

    @property
    def gaps(self) -> list[Gap]:
        """Stretches in which the face could not be seen well enough."""
        return self._lane.gaps.gaps

    @property
    def mesh_runs(self) -> int:
        """How often the mesh ran."""
        return self._lane.tracker.mesh_runs

    def step(self, frame: Frame) -> Decided:
        """Take the next picture."""
        decisions = self._lane.step(frame)
        return [(self._lane, decisions)] if decisions else []

    def finish(self) -> Decided:
        """Tell that no picture follows."""
        return [(self._lane, self._lane.finish())]


class Several:
    """Several faces, told apart.

    Parameters
    ----------
    detector
        The mesh, shared by all. Not closed here.
    settings, latency
        What the lanes share.
    fps
        To size the rings.
    faces
        Most faces followed at once; so many rings are kept, whoever comes and goes.
    """

    def __init__(
        self,
        detector: MeshDetector,
        settings: LaneSettings,
        fps: float | None,
        latency: LatencyBook,
        faces: int,
    ) -> None:
        self._people = People(detector, faces, settings.tracker)
        self._rings = [FaceRing.for_rate(fps) for _ in range(faces)]
        self._settings, self._latency = settings, latency
        self._nobody = GapKeeper()
        self._first = self._make(FaceTracker(detector, settings.tracker))
        self._lanes: dict[Person, Lane] = {}

    @property
    def lanes(self) -> list[Lane]:
        """One for each known face, the first face first; never empty."""
        return list(self._lanes.values()) or [self._first]

    @property
    def gaps(self) -> list[Gap]:
        """Stretches in which nobody could be seen well enough."""
        return self._nobody.gaps

    @property
    def mesh_runs(self) -> int:
        """How often the mesh ran."""
        return self._people.mesh_runs

    def step(self, frame: Frame) -> Decided:
        """Take the next picture."""
        with self._latency.measure("people"):
            picture = self._people.begin(frame)
        decided: Decided = []
        fed = set()
        for person in self._people.awake:
            lane = self._lane(person)
            fed.add(lane)
            if decisions := lane.step(frame, picture):
                decided.append((lane, decisions))
        self._people.end(frame)
        for lane in self.lanes:
            if lane not in fed and (decisions := lane.miss(frame.time_s, self._why(picture))):
                decided.append((lane, decisions))
        self._tidy()
        self._nobody.step(frame.time_s, self._reason(picture))
        return decided

    def finish(self) -> Decided:
        """Tell that no picture follows."""
        self._nobody.finish()
        return [(lane, lane.finish()) for lane in self.lanes]

    def _make(self, tracker: FaceTracker) -> Lane:
        return Lane(tracker, None, self._settings, self._latency)

    def _lane(self, person: Person) -> Lane:
        """Return a person's lane, with a ring; the first person inherits what was noted so far."""
        if person not in self._lanes:
            lane = self._make(person.tracker)
            if not self._lanes:
                lane.recorder, lane.gaps = self._first.recorder, self._first.gaps
            self._lanes[person] = lane
        lane = self._lanes[person]
        if lane.ring is None:
            lane.ring = self._rings.pop()
        return lane

    def _tidy(self) -> None:
        """Take back the rings of those asleep; drop who was forgotten."""
        for person, lane in list(self._lanes.items()):
            if not person.awake and lane.ring is not None:
                self._rings.append(lane.ring)
                lane.ring = None
        for person in self._lanes.keys() - set(self._people.known):
            del self._lanes[person]

    @staticmethod
    def _why(picture: Picture) -> str:
        return str(Loss.CUT if picture.cut else Loss.NO_FACE)

    def _reason(self, picture: Picture) -> str | None:
        """Return why nothing can be claimed of anybody at present; None if something can."""
        seen = [lane for lane in self.lanes if lane.view is not None]
        if any(not lane.advice for lane in seen):
            return None
        if seen:
            return POOR_QUALITY
        losses = {lane.tracker.loss for lane in self.lanes if lane.ring is not None}
        return str(Loss.OCCLUDED) if Loss.OCCLUDED in losses else self._why(picture)
