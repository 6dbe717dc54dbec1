"""The causal onset–apex–offset spotter.

A matched filter scores patterns of the upper and the lower face; once the face stands still
again along the best of them, the movement is measured, joined with what went with it, and judged
by the witnesses. Nothing here looks ahead: a candidate is confirmed a few hundredths of a second
after its offset.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime_mer.events import Candidate
from realtime_mer.face.points import layout
from realtime_mer.face.topology import REGIONS
from realtime_mer.face.view import FaceView
from realtime_mer.spotting.course import lengths
from realtime_mer.spotting.half_face import HalfFace
from realtime_mer.spotting.history import CAPACITY, History
from realtime_mer.spotting.machine import Alerts, RegionMachine
from realtime_mer.spotting.matched import MatchedFilter
from realtime_mer.spotting.settings import SpotterSettings
from realtime_mer.spotting.verdict import Judge, bundled_verdict
from realtime_mer.spotting.witnesses import QUALITY, WITNESSES, Episode, Scene, part_of

_LOG = logging.getLogger(__name__)
PATTERNS = Path(__file__).with_name("patterns.npy")


@dataclass(frozen=True, slots=True)
class Decision:
    """What the spotter says about one movement.

    ``reason`` is empty for a claim (provisional or confirmed) and names the objection for a
    rejection; ``candidate`` is None for a movement that never got an offset. ``evidence`` is what
    the witnesses said, in the order of ``witnesses.OBJECTIONS``, where they were heard.
    """

    candidate: Candidate | None
    reason: str = ""
    evidence: NDArray[np.float64] | None = field(default=None, compare=False)

    @property
    def claimed(self) -> bool:
        """True for a confirmed candidate."""
        return not self.reason and self.candidate is not None and not self.candidate.provisional


class Spotter:
    """Turn face views into decisions, one ``step`` a view.

    Parameters
    ----------
    settings
        See ``SpotterSettings``.
    verdict
        Weighs the evidence; the bundled model if left out.

    Attributes
    ----------
    rejected
        How many movements were turned down, by reason.
    """

    def __init__(
        self, settings: SpotterSettings | None = None, verdict: Judge | None = None
    ) -> None:
        self.settings = settings or SpotterSettings()
        self.rejected: Counter[str] = Counter()
        self._layout = layout()
        self._smooth: list[tuple[float, NDArray[np.float64]]] = []
        names = self._layout.channels
        self._alerts = Alerts(
            {
                region: [
                    2 * c + k for c, ch in enumerate(names) if ch.region == region for k in (0, 1)
                ]
                for region in REGIONS
            },
            self.settings,
        )
        patterns = np.load(PATTERNS).astype(np.float64)
        self._matched = MatchedFilter(patterns, self.settings)
        flat = patterns.reshape(len(patterns), -1)
        energy = lengths(flat) ** 2
        brows = energy[:, [part_of(n) == 0 for n in self._layout.names]].sum(axis=1)
        upper = brows >= 0.5 * energy.sum(axis=1)
        self._halves = [
            HalfFace(flat, [int(k) for k in np.flatnonzero(own)], self.settings)
            for own in (upper, ~upper)
        ]
        self._verdict = verdict or bundled_verdict()
        self._channels = History(2 * len(names), CAPACITY)
        self._witness = History(WITNESSES, CAPACITY)
        self._episodes: list[Episode] = []
        self._claimed_s = -np.inf
        self._segment = -1
        self._face_id = 0
        self._started_s = 0.0

    @property
    def excursions(self) -> NDArray[np.float32]:
        """How far each of ``REGIONS`` stands from rest now, (6,), inter-ocular distances."""
        return np.array([m.excursion for m in self._alerts.machines], np.float32)

    @property
    def thresholds(self) -> NDArray[np.float32]:
        """What each excursion has to exceed now, (6,)."""
        return np.array([m.threshold for m in self._alerts.machines], np.float32)

    def step(self, view: FaceView) -> list[Decision]:
        """Take the next view; return what was decided at this moment, mostly nothing."""
        if view.restarted or view.segment != self._segment:
            self._restart(view)
        self._push(view)
        self._matched.step(self._channels)
        decisions = self._provisional()
        for half in self._halves:
            over, slow = half.step(self._matched, self._channels, view.time_s)
            self._episodes += over
            for centre_s in slow:
                self._reject("slow expression", f"at {centre_s:.3f} s")
                decisions.append(Decision(None, "slow expression"))
        if self._episodes and self._complete(view.time_s):
            decisions += [self._judge(group) for group in group_episodes(self._episodes)]
            self._episodes.clear()
        return decisions

    def lost(self, reason: str) -> list[Decision]:
        """Tell the spotter that the face cannot be seen: open movements end without an offset."""
        decisions = []
        if self._alerts.moving or self._episodes:
            self._reject(reason, "face lost")
            decisions.append(Decision(None, reason))
        self._segment = -1
        self._episodes.clear()
        self._alerts.restart()
        return decisions

    def _restart(self, view: FaceView) -> None:
        self._segment, self._face_id = view.segment, view.face_id
        self._started_s = view.time_s
        if self.settings.budget is not None:
            self.settings.budget.watch(view.time_s)
        self._channels.clear()
        self._witness.clear()
        self._episodes.clear()
        self._matched.restart()
        for half in self._halves:
            half.restart()
        self._smooth.clear()
        self._claimed_s = -np.inf
        self._alerts.restart()

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
        """Announce the first region of a movement that turned from rising to falling."""
        turned = self._alerts.step(self._channels, self._matched.usual_iod())
        if turned is None or not self._warm(turned.onset_s):
            return []
        return [Decision(self._alert(turned))]

    def _alert(self, machine: RegionMachine) -> Candidate:
        now = float(self._witness.time_s[-1])
        return self._candidate(
            (machine.onset_s, machine.apex_s, max(now, machine.apex_s)),
            (machine.region,),
            machine.peak / machine.threshold * self.settings.alert_factor,
            machine.peak,
            provisional=True,
        )

    def _warm(self, onset_s: float) -> bool:
        return onset_s - self._started_s >= self.settings.warm_up_s

    def _complete(self, now: float) -> bool:
        """Wait a moment for the other half of the face to end as well."""
        last = max(e.offset_s for e in self._episodes)
        return now - last > self.settings.confirm_s

    def _judge(self, group: list[Episode]) -> Decision:
        onset, apex, offset = fuse_course(group)
        regions = tuple(dict.fromkeys(r for e in group for r in e.regions))
        best = max(group, key=lambda e: e.score)
        amplitude = max(e.amplitude_iod for e in group)
        candidate = self._candidate((onset, apex, offset), regions, best.score, amplitude)
        reason = self._hard_limits(candidate)
        evidence = None
        if not reason:
            evidence = self._hear(group, (onset, apex, offset))
            reason = self._weigh(evidence)
        if not reason:
            self._claimed_s = offset
        else:
            self._reject(reason, f"{'+'.join(regions)} at {apex:.3f} s")
        return Decision(candidate, reason, evidence)

    def _hear(
        self, group: list[Episode], course: tuple[float, float, float]
    ) -> NDArray[np.float64]:
        onset, apex, offset = course
        scene = Scene(
            onset_s=onset,
            apex_s=apex,
            offset_s=offset,
            episodes=tuple(group),
            started_s=self._started_s,
            channels=self._channels,
            witness=self._witness,
            names=self._layout.names,
        )
        return scene.evidence()

    def _weigh(self, evidence: NDArray[np.float64]) -> str:
        probability = self._verdict.probability(evidence)
        least, budget = self.settings.least_probability, self.settings.budget
        if budget is not None:
            least = budget.weigh(float(self._witness.time_s[-1]), probability)
        if probability >= least:
            return ""
        return self._verdict.objection(evidence)

    def _hard_limits(self, candidate: Candidate) -> str:
        s = self.settings
        duration = candidate.offset_s - candidate.onset_s
        if not self._warm(candidate.onset_s):
            return "warming up"
        if duration > s.max_duration_s * (1 + s.duration_slack):
            return "slow expression"
        if duration < s.min_duration_s * (1 - s.duration_slack):
            return "too short"
        if candidate.apex_s < self._claimed_s:
            return "same movement"
        if candidate.amplitude_iod > s.max_amplitude_iod:
            return "too large"
        if candidate.amplitude_iod < s.least_amplitude_iod:
            return "too faint"
        return ""

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
    """Return onset, apex and offset of a movement: the mean of its halves, the surer more."""
    weight = np.array([e.score for e in group])
    weight = weight**2 * (weight >= 0.5 * weight.max())
    course = np.array([(e.onset_s, e.apex_s, e.offset_s) for e in group])
    onset, apex, offset = weight @ course / weight.sum()
    return float(onset), float(apex), float(offset)
