"""Reasons not to believe a movement: each looks at one witness and says what it saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime_mer.face.topology import REGIONS
from realtime_mer.spotting.course import Course
from realtime_mer.spotting.history import History
from realtime_mer.spotting.settings import SpotterSettings

EYES = slice(0, 252)
HEAD = slice(252, 258)
RESIDUAL = slice(258, 264)
COVERED, QUALITY, WITNESSES = 264, 265, 266
"""Columns of the witnesses' history, and how many there are."""
PIXEL_JITTER = 0.02
"""Grey levels that a residual sum trembles at least: rounding and interpolation."""


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """A movement of one region that came back, and the noise it stood out of."""

    region: str
    course: Course
    noise_iod: float

    @property
    def onset_s(self) -> float:
        """Media seconds."""
        return self.course.onset_s

    @property
    def apex_s(self) -> float:
        """Media seconds."""
        return self.course.apex_s

    @property
    def offset_s(self) -> float:
        """Media seconds."""
        return self.course.offset_s

    @property
    def amplitude_iod(self) -> float:
        """Way from rest to apex, inter-ocular distances."""
        return self.course.amplitude_iod

    @property
    def score(self) -> float:
        """Amplitude in units of the measured noise."""
        return self.amplitude_iod / self.noise_iod


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A finished movement with everything around it, all of it already in the past."""

    onset_s: float
    apex_s: float
    offset_s: float
    episodes: tuple[Episode, ...]
    mouth_moves: tuple[tuple[float, float], ...]
    claimed: tuple[float, float]
    channels: History
    witness: History
    names: tuple[str, ...]

    @property
    def amplitude(self) -> float:
        """Largest amplitude of the movement, inter-ocular distances."""
        return max(e.amplitude_iod for e in self.episodes)

    @property
    def regions(self) -> set[str]:
        """Regions that took part."""
        return {e.region for e in self.episodes}

    def eyes_kept(self) -> float:
        """Return how much of the eyes' look before the movement was left at the worst moment.

        1 is unchanged, 0 has nothing in common; the better-kept eye counts.
        """
        around = self.witness.since(self.onset_s - 0.1)
        time = self.witness.time_s[around]
        eyes = self.witness.rows[around][:, EYES].reshape(-1, 2, 126)
        before = eyes[time <= self.onset_s + 1e-9]
        reference = before[-3:] if len(before) else eyes[:1]
        inside = eyes[time <= self.offset_s + 0.05]
        kept = np.einsum("ted,red->tre", inside, reference).max(axis=1)
        return float(kept.min(axis=0).max())

    def head_path(self) -> tuple[float, float]:
        """Return how far the head left its way: shift (IOD) and the largest angle (radians).

        Its way is the straight line from before the onset to after the offset: drift leaves
        that by little in half a second, a nod or a shake by all it does.
        """
        around = self.witness.since(self.onset_s - 0.05)
        head = self.witness.rows[around][:, HEAD]
        time = self.witness.time_s[around]
        if len(head) < 3:
            return 0.0, 0.0
        share = ((time - time[0]) / (time[-1] - time[0]))[:, None]
        off = head - (head[0] + share * (head[-1] - head[0]))
        return float(np.hypot(off[:, 0], off[:, 1]).max()), float(np.abs(off[:, 2:]).max())

    def newly_covered(self) -> float:
        """Return the largest share of patches that lost their look since before the onset."""
        around = self.witness.since(self.onset_s - 0.15)
        time, covered = self.witness.time_s[around], self.witness.rows[around][:, COVERED]
        before = covered[time <= self.onset_s]
        return float(covered.max() - (before.min() if len(before) else 0.0))

    def pixels_moved(self, episode: Episode) -> float:
        """Return how far a region's residual sum left its level, in units of its own jitter."""
        column = RESIDUAL.start + REGIONS.index(episode.region)
        time = self.witness.time_s
        values = self.witness.rows[:, column]
        before = values[(time > episode.onset_s - 2) & (time <= episode.onset_s)]
        inside = values[(time >= episode.onset_s) & (time <= episode.offset_s)]
        if len(before) < 6 or len(inside) == 0:
            return float("inf")
        jitter = float(np.median(np.abs(before - np.median(before)))) + PIXEL_JITTER
        return float(np.abs(inside - np.median(before[-5:])).max()) / jitter

    def channel_path(self, name: str) -> tuple[float, float]:
        """Return a channel's farthest way up and down from where it was at the onset."""
        column = 2 * self.names.index(name) + 1
        around = self.channels.since(self.onset_s)
        values = self.channels.rows[around][:, column]
        values = values[self.channels.time_s[around] <= self.offset_s]
        values = values[np.isfinite(values)]
        if len(values) == 0:
            return 0.0, 0.0
        return float(values[0] - values.min()), float(values.max() - values[0])


def objection(scene: Scene, settings: SpotterSettings) -> str:
    """Return why the movement is no micro-expression, "" if nothing speaks against it."""
    duration = scene.offset_s - scene.onset_s
    slack = settings.duration_slack
    if duration > settings.max_duration_s * (1 + slack):
        return "slow expression"
    if duration < settings.min_duration_s * (1 - slack):
        return "too short"
    if scene.apex_s < scene.claimed[1] and scene.offset_s > scene.claimed[0]:
        return "same movement"
    if scene.amplitude > settings.max_amplitude_iod:
        return "too large"
    for check in (_unseen, _covered, _blink, _head_motion, _speech, _lone_cheek):
        reason = check(scene)
        if reason:
            return reason
    return ""


def _blink(scene: Scene) -> str:
    """Doubt what goes with a blink: lids that close drag the skin around them along."""
    if scene.regions <= {"mouth"}:
        return ""
    kept = scene.eyes_kept()
    if kept < 0.75 and scene.amplitude < 0.035:
        return "blink"
    return ""


def _head_motion(scene: Scene) -> str:
    """Doubt what is small beside what the head fit took out: it leaves a share behind."""
    shift, turn = scene.head_path()
    if scene.amplitude < 0.5 * shift + 0.2 * turn:
        return "head motion"
    return ""


PIXELS_MOVED = 2.0
"""Least rise of the residual sum, in units of its jitter, that bears a movement out. Higher asks
for clearer pictures; lower believes patches that slip on smooth skin."""


def _unseen(scene: Scene) -> str:
    """Doubt a displacement that the pixels of its region know nothing of."""
    most = max(scene.pixels_moved(episode) for episode in scene.episodes)
    return "not in the pixels" if most < PIXELS_MOVED else ""


def _covered(scene: Scene) -> str:
    """Doubt skin that is covered: by a hand, by hair, by a mouth that opens."""
    return "occluded" if scene.newly_covered() > 0.08 else ""


def _speech(scene: Scene) -> str:
    """Doubt a jaw that drops, and a mouth that keeps moving."""
    brow = max((e.amplitude_iod for e in scene.episodes if e.region.startswith("brow")), default=0)
    other = max((e.amplitude_iod for e in scene.episodes if e.region[:4] != "brow"), default=0)
    before = scene.onset_s - 0.02
    active = sum(before - 1.0 < t < before for t, a in scene.mouth_moves if a > 0.5 * other)
    if active >= 2 and brow <= other:
        return "speech"
    up, down = scene.channel_path("chin")
    if "mouth" in scene.regions and brow <= other and down > 0.33 * other:
        return "speech"
    if "mouth" not in scene.regions and max(up, down) > scene.amplitude:
        return "speech"
    return ""


def _lone_cheek(scene: Scene) -> str:
    """Doubt a cheek or the nose alone: smooth skin has to stand out more to be believed."""
    lone = len(scene.episodes) == 1 and scene.regions & {"cheek_left", "cheek_right", "nose"}
    episode = scene.episodes[0]
    if lone and (episode.score < 10 or episode.amplitude_iod < 0.01):
        return "too faint"
    return ""
