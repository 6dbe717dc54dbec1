"""The causal onset–apex–offset spotter.

Bumps of single regions become episodes once the region stands still again; the spotter joins
episodes that belong together, looks at the witnesses (eyes, chin, head) and either claims a
candidate or says why not. Nothing here looks ahead: a candidate is confirmed a few hundredths
of a second after its offset.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.events import Candidate
from realtime_mer.face.points import layout
from realtime_mer.face.topology import REGIONS
from realtime_mer.face.tracker import FaceView
from realtime_mer.spotting.bumps import Bump, BumpFinder
from realtime_mer.spotting.course import Course, measure, steady
from realtime_mer.spotting.history import History
from realtime_mer.spotting.machine import RegionMachine, State
from realtime_mer.spotting.settings import SpotterSettings
from realtime_mer.spotting.witnesses import QUALITY, WITNESSES, Episode, Scene, objection

_LOG = logging.getLogger(__name__)
_CAPACITY = 1024
"""Rows kept: two seconds at 500 frames a second."""

NOISE_KNOWN_S = 2.0
"""Seconds after which a measured noise is believed."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the spotter says about one movement.

    ``reason`` is empty for a claim (provisional or confirmed) and names the objection for a
    rejection; ``candidate`` is None for a movement that never got an offset.
    """

    candidate: Candidate | None
    reason: str = ""

    @property
    def claimed(self) -> bool:
        """True for a confirmed candidate."""
        return not self.reason and self.candidate is not None and not self.candidate.provisional


class Spotter:
    """Turn face views into decisions, one ``step`` a view.

    Attributes
    ----------
    rejected
        How many movements were turned down, by reason.
    """

    def __init__(self, settings: SpotterSettings | None = None) -> None:
        self.settings = settings or SpotterSettings()
        self.rejected: Counter[str] = Counter()
        self._layout = layout()
        self._smooth: list[tuple[float, NDArray[np.float64]]] = []
        names = self._layout.channels
        columns = [
            [2 * c + k for c, ch in enumerate(names) if ch.region == region for k in (0, 1)]
            for region in REGIONS
        ]
        self._machines = [
            RegionMachine(region, own, self.settings)
            for region, own in zip(REGIONS, columns, strict=True)
        ]
        self._finder = BumpFinder(columns, self.settings)
        self._channels = History(2 * len(names), _CAPACITY)
        self._witness = History(WITNESSES, _CAPACITY)
        self._episodes: list[Episode] = []
        self._announced: set[str] = set()
        self._mouth_moves: list[tuple[float, float]] = []
        self._claimed = (-np.inf, -np.inf)
        self._segment = -1
        self._face_id = 0
        self._started_s = 0.0

    @property
    def excursions(self) -> NDArray[np.float32]:
        """How far each of ``REGIONS`` stands from rest now, (6,), inter-ocular distances."""
        return np.array([m.excursion for m in self._machines], np.float32)

    @property
    def thresholds(self) -> NDArray[np.float32]:
        """What each excursion has to exceed now, (6,)."""
        return np.array([m.threshold for m in self._machines], np.float32)

    def step(self, view: FaceView) -> list[Decision]:
        """Take the next view; return what was decided at this moment, mostly nothing."""
        if view.restarted or view.segment != self._segment:
            self._restart(view)
        self._push(view)
        noise = np.median(self._finder.noise[:4], axis=0)
        for machine, region_noise in zip(self._machines, noise, strict=True):
            machine.step(self._channels, float(region_noise))
        decisions = self._provisional()
        for bump in self._finder.step(self._channels):
            decisions += self._examine(bump, view.time_s)
        if self._episodes and self._complete(view.time_s):
            decisions += self._decide(view)
        return decisions

    def _examine(self, bump: Bump, now: float) -> list[Decision]:
        """Measure a bump if its region stands still again, or if it had all the time there is."""
        s = self.settings
        columns = self._machines[bump.region].columns
        late = now - bump.centre_s > s.max_duration_s * (1 + s.duration_slack)
        size = bump.ratio * bump.noise_iod
        if not late and not steady(self._channels, columns, size, now - s.still_s):
            return []
        course = measure(self._channels, columns, bump)
        if course is not None and course.apex_s <= self._finder.judged_s(bump.region):
            self._finder.done(bump, bump.centre_s)
            return []
        if course is not None and course.unreturned <= s.return_share:
            self._finder.done(bump, course.offset_s)
            return self._take(bump, course)
        if not late:
            return []
        self._finder.done(bump, bump.found_s)
        return [self._turn_down("slow expression", REGIONS[bump.region], bump.centre_s)]

    def _take(self, bump: Bump, course: Course) -> list[Decision]:
        """Keep an episode for judgement; turn it down at once if it came out of movement."""
        region = REGIONS[bump.region]
        if region == "mouth":
            self._mouth_moves.append((course.apex_s, course.amplitude_iod))
        if course.restless > self.settings.restless:
            return [self._turn_down("restless", region, course.apex_s)]
        self._episodes.append(Episode(region, course, bump.noise_iod))
        return []

    def _turn_down(self, reason: str, region: str, time_s: float) -> Decision:
        self._reject(reason, f"{region} at {time_s:.3f} s")
        return Decision(None, reason)

    def lost(self, reason: str) -> list[Decision]:
        """Tell the spotter that the face cannot be seen: open movements end without an offset."""
        open_ones = [m for m in self._machines if m.state in (State.RISING, State.FALLING)]
        decisions = []
        if open_ones or self._episodes:
            self._reject(reason, "face lost")
            decisions.append(Decision(None, reason))
        self._segment = -1
        self._episodes.clear()
        for machine in self._machines:
            machine.restart(np.inf)
        return decisions

    def _restart(self, view: FaceView) -> None:
        self._segment, self._face_id = view.segment, view.face_id
        self._started_s = view.time_s
        self._channels.clear()
        self._witness.clear()
        self._episodes.clear()
        self._finder.restart()
        self._smooth.clear()
        self._mouth_moves.clear()
        self._claimed = (-np.inf, -np.inf)
        for machine in self._machines:
            machine.restart(view.time_s)

    def _push(self, view: FaceView) -> None:
        self._smooth.append((view.time_s, view.channels_iod))
        while view.time_s - self._smooth[0][0] > self.settings.smooth_s:
            self._smooth.pop(0)
        row = np.mean([c for _, c in self._smooth], axis=0).ravel()
        time = float(np.mean([t for t, _ in self._smooth]))
        self._channels.push(time, view.index, row)
        witness = np.concatenate(
            [view.eyes.ravel(), view.head, view.residual, [view.covered, view.quality]]
        )
        self._witness.push(view.time_s, view.index, witness)

    def _provisional(self) -> list[Decision]:
        """Announce regions that just turned from rising to falling, once a movement."""
        decisions = []
        for machine in self._machines:
            key = machine.region
            if machine.state is not State.FALLING:
                self._announced.discard(key)
            elif key not in self._announced:
                self._announced.add(key)
                if len(self._announced) == 1 and self._warm(machine.onset_s):
                    decisions.append(Decision(self._alert(machine)))
        return decisions

    def _alert(self, machine: RegionMachine) -> Candidate:
        now = float(self._witness.time_s[-1])
        return self._candidate(
            (machine.onset_s, machine.apex_s, max(now, machine.apex_s)),
            (machine.region,),
            machine.peak / machine.threshold * self.settings.noise_factor,
            machine.peak,
            provisional=True,
        )

    def _warm(self, onset_s: float) -> bool:
        return onset_s - self._started_s >= self.settings.warm_up_s

    def _asked(self, onset_s: float) -> float:
        """Return the score a claim needs: half as much again at first, while noise is a guess."""
        young = max(0.0, 1 - (onset_s - self._started_s) / NOISE_KNOWN_S)
        return self.settings.noise_factor * (1 + 0.5 * young) if young else 0.0

    def _complete(self, now: float) -> bool:
        """Wait a moment for other regions to end as well."""
        last = max(e.offset_s for e in self._episodes)
        return now - last > self.settings.confirm_s

    def _decide(self, view: FaceView) -> list[Decision]:
        """Join the finished episodes into movements and judge each."""
        decisions = []
        for group in group_episodes(self._episodes):
            decisions.append(self._judge(group, view))
        self._episodes.clear()
        return decisions

    def _judge(self, group: list[Episode], view: FaceView) -> Decision:
        onset, apex, offset = fuse_course(group)
        regions = tuple(e.region for e in sorted(group, key=lambda e: -e.amplitude_iod))
        best = max(group, key=lambda e: e.score)
        amplitude = max(e.amplitude_iod for e in group)
        candidate = self._candidate((onset, apex, offset), regions, best.score, amplitude)
        scene = Scene(
            onset_s=onset,
            apex_s=apex,
            offset_s=offset,
            episodes=tuple(group),
            mouth_moves=tuple(self._mouth_moves),
            claimed=self._claimed,
            channels=self._channels,
            witness=self._witness,
            names=self._layout.names,
        )
        self._mouth_moves = [m for m in self._mouth_moves if m[0] > view.time_s - 3]
        known = self._warm(onset) and best.score >= self._asked(onset)
        reason = objection(scene, self.settings) if known else "warming up"
        if not reason:
            self._claimed = (onset, offset)
        else:
            self._reject(reason, f"{'+'.join(regions)} at {apex:.3f} s")
        return Decision(candidate, reason)

    def _candidate(
        self,
        course: tuple[float, float, float],
        regions: tuple[str, ...],
        score: float,
        amplitude: float,
        provisional: bool = False,
    ) -> Candidate:
        time, index = self._witness.time_s, self._witness.index
        frames = [int(index[np.argmin(np.abs(time - t))]) for t in course]
        span = self._witness.since(course[0])
        quality = float(self._witness.rows[span][:, QUALITY].min())
        onset, apex, offset = course
        return Candidate(
            segment=self._segment,
            face_id=self._face_id,
            onset_frame=frames[0],
            apex_frame=frames[1],
            offset_frame=frames[2],
            onset_s=onset,
            apex_s=apex,
            offset_s=offset,
            regions=regions,
            spot_score=score,
            amplitude_iod=amplitude,
            quality=quality,
            provisional=provisional,
        )

    def _reject(self, reason: str, what: str) -> None:
        self.rejected[reason] += 1
        _LOG.debug("rejected %s: %s", what, reason)


def group_episodes(episodes: list[Episode]) -> list[list[Episode]]:
    """Join episodes whose apexes lie within each other's half-open course, strongest first."""
    groups: list[list[Episode]] = []
    for episode in sorted(episodes, key=lambda e: -e.score):
        for group in groups:
            lead = group[0]
            if lead.onset_s <= episode.apex_s <= lead.offset_s or (
                episode.onset_s <= lead.apex_s <= episode.offset_s
            ):
                group.append(episode)
                break
        else:
            groups.append([episode])
    return groups


def fuse_course(group: list[Episode]) -> tuple[float, float, float]:
    """Return onset, apex and offset of a movement: the mean of its regions, the surer more."""
    weight = np.array([e.score for e in group])
    weight = weight**2 * (weight >= 0.5 * weight.max())
    course = np.array([(e.onset_s, e.apex_s, e.offset_s) for e in group])
    onset, apex, offset = weight @ course / weight.sum()
    return float(onset), float(apex), float(offset)
