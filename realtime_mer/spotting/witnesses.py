"""Reasons not to believe a movement: each looks at one witness and says what it saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.spotting.history import History
from realtime_mer.spotting.machine import Episode, State
from realtime_mer.spotting.settings import SpotterSettings


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A finished movement with everything around it, all of it already in the past."""

    onset_s: float
    apex_s: float
    offset_s: float
    now_s: float
    episodes: tuple[Episode, ...]
    moving: tuple[tuple[str, float, float, str], ...]
    mouth_moves: tuple[float, ...]
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
        eyes = self.witness.rows[around][:, :252].reshape(-1, 2, 126)
        before = eyes[time <= self.onset_s + 1e-9]
        reference = before[-3:] if len(before) else eyes[:1]
        inside = eyes[time <= self.offset_s + 0.05]
        kept = np.einsum("ted,red->tre", inside, reference).max(axis=1)
        return float(kept.min(axis=0).max())

    def head_path(self) -> tuple[float, float]:
        """Return the head's largest way during the movement: shift (IOD) and turn (radians).

        The steady part, a straight line from onset to offset, counts too.
        """
        around = self.witness.since(self.onset_s - 0.02)
        head = self.witness.rows[around][:, 252:258]
        time = self.witness.time_s[around]
        head = head[time <= self.offset_s + 0.02]
        if len(head) == 0:
            return 0.0, 0.0
        span: NDArray[np.float64] = np.ptp(head, axis=0)
        return float(np.hypot(*span[:2])), float(np.abs(span[2:]).max())

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
    if scene.amplitude > settings.max_amplitude_iod:
        return "too large"
    for check in (_blink, _head_motion, _speech, _part_of_slow):
        reason = check(scene)
        if reason:
            return reason
    return ""


def _blink(scene: Scene) -> str:
    """Lids that close drag the skin around them along."""
    if scene.regions <= {"mouth"}:
        return ""
    kept = scene.eyes_kept()
    if kept < 0.6 and scene.amplitude < 0.02:
        return "blink"
    return ""


def _head_motion(scene: Scene) -> str:
    """What the rigid fit leaves behind grows with what it took out."""
    shift, turn = scene.head_path()
    if scene.amplitude < 0.05 * shift + 0.15 * turn:
        return "head motion"
    return ""


def _speech(scene: Scene) -> str:
    """A jaw that drops, or a mouth that keeps moving."""
    if not scene.regions & {"mouth"}:
        return ""
    mouth = max(e.amplitude_iod for e in scene.episodes if e.region == "mouth")
    others = [e.amplitude_iod for e in scene.episodes if e.region.startswith("brow")]
    if others and max(others) > mouth:
        return ""
    _, down = scene.channel_path("chin")
    if down > 0.5 * mouth:
        return "speech"
    if sum(scene.apex_s - 1.2 < t < scene.apex_s - 0.02 for t in scene.mouth_moves) >= 2:
        return "speech"
    return ""


def _part_of_slow(scene: Scene) -> str:
    """A wrinkle on the way into a slow expression that is larger than it."""
    for _, onset_s, peak, state in scene.moving:
        slow = state in (State.RISING.value, State.FALLING.value)
        if slow and onset_s < scene.offset_s and peak > 1.5 * scene.amplitude:
            return "slow expression"
    return ""
