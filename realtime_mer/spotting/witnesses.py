"""What speaks for a movement being a micro-expression, and what against it: one row of numbers.

Each witness looks at something else (the pixels, the lids, the head, the mouth …) and gives a
number; ``verdict`` weighs them. Which objection a number belongs to is written beside it, so
that a rejection can say why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.topology import REGIONS
from realtime_mer.spotting.course import Course, lengths
from realtime_mer.spotting.history import History
from realtime_mer.spotting.matched import Match

EYES = slice(0, 252)
HEAD = slice(252, 258)
RESIDUAL = slice(258, 264)
COVERED, QUALITY, WITNESSES = 264, 265, 266
"""Columns of the witnesses' history, and how many there are."""
PIXEL_JITTER = 0.02
"""Grey levels that a residual sum trembles at least: rounding and interpolation."""

OBJECTIONS = {
    "score": "too faint",
    "amplitude": "too faint",
    "noise": "too faint",
    "likeness": "no expression",
    "coherence": "no expression",
    "duration": "slow expression",
    "skew": "slow expression",
    "unreturned": "slow expression",
    "astray": "slow expression",
    "astray_own": "slow expression",
    "frames": "too faint",
    "restless": "restless",
    "stir": "restless",
    "beside": "restless",
    "beside_own": "restless",
    "babble": "speech",
    "chin": "speech",
    "jaw": "speech",
    "shape": "restless",
    "lids": "blink",
    "lid": "blink",
    "lids_brow": "blink",
    "shift": "head motion",
    "turn": "head motion",
    "follows": "head motion",
    "pixels": "not in the pixels",
    "covered": "occluded",
    "age": "warming up",
    "upper": "no expression",
    "cheeks": "no expression",
    "mouth": "no expression",
    "ally": "no expression",
}
"""Every witness and the objection that it can raise, in the order of the row of evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """A finished movement of the upper or the lower face."""

    match: Match
    course: Course
    pattern: NDArray[np.float64]
    regions: tuple[str, ...]
    stir: float

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
        """How far the movement stands out, in standard deviations of what is usual."""
        return self.match.score


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A finished movement with everything around it, all of it already in the past."""

    onset_s: float
    apex_s: float
    offset_s: float
    episodes: tuple[Episode, ...]
    started_s: float
    channels: History
    witness: History
    names: tuple[str, ...]

    @property
    def lead(self) -> Episode:
        """The surest of the episodes."""
        return max(self.episodes, key=lambda e: e.score)

    def evidence(self) -> NDArray[np.float64]:
        """Return what every witness says, in the order of ``OBJECTIONS``."""
        says = self._movement_says() | self._surroundings_say()
        return np.array([says[name] for name in OBJECTIONS])

    def _movement_says(self) -> dict[str, float]:
        """Hear the movement itself: its size, its course, what the face did beside its pattern."""
        lead = self.lead
        course, match = lead.course, lead.match
        amplitude = course.amplitude_iod
        duration = self.offset_s - self.onset_s
        during = (course.time_s >= self.onset_s) & (course.time_s <= self.offset_s)
        beside = np.abs(course.beside[during])
        strays = lengths(beside)
        own = strays * lengths(lead.pattern)
        chin = 2 * self.names.index("chin") + 1
        allies = [e.score for e in self.episodes if e is not lead]
        return {
            "score": np.log2(max(match.score, 0.1)),
            "amplitude": np.log2(max(amplitude, 1e-4)),
            "noise": np.log2(match.noise_iod),
            "likeness": _cosine(course.off, lead.pattern),
            "coherence": match.score / max(match.surprise, 1e-9) ** 0.5,
            "duration": np.log2(max(duration, 0.01)),
            "skew": (self.apex_s - self.onset_s) / max(duration, 0.01),
            "unreturned": course.unreturned,
            "astray": np.log2(0.1 + course.astray),
            "astray_own": np.log2(0.1 + course.astray_own),
            "frames": np.log2(1 + during.sum()),
            "restless": course.restless,
            "stir": np.log2((1 + lead.stir) / (1 + match.score)),
            "beside": np.log2(0.1 + strays.max(initial=0) / amplitude),
            "beside_own": np.log2(0.1 + own.max(initial=0) / amplitude),
            "chin": np.log2(0.1 + beside[:, chin].max(initial=0) / amplitude),
            "jaw": float(np.clip(course.off[chin] / amplitude, -3, 3)),
            "shape": _roughness(course, self.onset_s, self.apex_s, self.offset_s),
            "ally": np.log2(1 + max(allies, default=0.0)),
        }

    def _surroundings_say(self) -> dict[str, float]:
        """Hear eyes, head, mouth and pixels, and where and when it was."""
        lead = self.lead
        amplitude = lead.amplitude_iod
        upper, cheeks, mouth = _shares(lead.pattern, self.names)
        shift, turn = self.head_path()
        kept_more, kept_less = self.eyes_kept()
        lids = 1 - kept_more
        return {
            "babble": np.log2(0.1 + self.babble() / amplitude),
            "lids": lids,
            "lid": 1 - kept_less,
            "lids_brow": lids * upper,
            "shift": np.log2(0.1 + shift / amplitude),
            "turn": np.log2(0.1 + turn / amplitude),
            "follows": self.follows_head(lead.course),
            "pixels": np.log2(0.5 + self.pixels_moved(lead.regions[0])),
            "covered": self.newly_covered(),
            "age": min(self.onset_s - self.started_s, 4.0),
            "upper": upper,
            "cheeks": cheeks,
            "mouth": mouth,
        }

    def eyes_kept(self) -> tuple[float, float]:
        """Return how much of each eye's look before the movement was left at its worst moment.

        1 is unchanged, 0 has nothing in common; the better-kept eye first.
        """
        around = self.witness.since(self.onset_s - 0.1)
        time = self.witness.time_s[around]
        eyes = self.witness.rows[around][:, EYES].reshape(-1, 2, 126)
        before = eyes[time <= self.onset_s + 1e-9]
        reference = before[-3:] if len(before) else eyes[:1]
        inside = eyes[time <= self.offset_s + 0.05]
        kept = np.einsum("ted,red->tre", inside, reference).max(axis=1)
        worst = kept.min(axis=0)
        return float(worst.max()), float(worst.min())

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

    def follows_head(self, course: Course) -> float:
        """Return how much of the movement's course the head's own course explains, 0…1.

        The share of variance that a straight mix of the six head parameters, a constant and a
        slope takes from the signal around the movement, beyond constant and slope alone. What a
        head fit leaves behind follows the head; an expression does not.
        """
        inside = (course.time_s > self.onset_s - 0.25) & (course.time_s < self.offset_s + 0.05)
        time = course.time_s[inside]
        if len(time) < 12:
            return 0.0
        nearest = np.searchsorted(self.witness.time_s, time - 1e-9)
        head = self.witness.rows[np.minimum(nearest, len(self.witness) - 1)][:, HEAD]
        base = np.stack([np.ones_like(time), time - time[0]], axis=1)
        flat = np.linalg.qr(base)[0]
        signal = course.along[inside] - flat @ (flat.T @ course.along[inside])
        moves = head - flat @ (flat.T @ head)
        moves /= np.maximum(moves.std(axis=0), [0.002] * 2 + [0.001] * 4)
        ridge = moves.T @ moves + 0.05 * len(time) * np.eye(6)
        explained = moves @ np.linalg.solve(ridge, moves.T @ signal)
        return float(1 - ((signal - explained) ** 2).sum() / max((signal**2).sum(), 1e-12))

    def newly_covered(self) -> float:
        """Return the largest share of patches that lost their look since before the onset."""
        around = self.witness.since(self.onset_s - 0.15)
        time, covered = self.witness.time_s[around], self.witness.rows[around][:, COVERED]
        before = covered[time <= self.onset_s]
        return float(covered.max() - (before.min() if len(before) else 0.0))

    def pixels_moved(self, region: str) -> float:
        """Return how far a region's residual sum left its level, in units of its own jitter."""
        column = RESIDUAL.start + REGIONS.index(region)
        time = self.witness.time_s
        values = self.witness.rows[:, column]
        before = values[(time > self.onset_s - 2) & (time <= self.onset_s)]
        inside = values[(time >= self.onset_s) & (time <= self.offset_s)]
        if len(before) < 6 or len(inside) == 0:
            return 8.0
        jitter = float(np.median(np.abs(before - np.median(before)))) + PIXEL_JITTER
        return min(float(np.abs(inside - np.median(before[-5:])).max()) / jitter, 100.0)

    def babble(self) -> float:
        """Return how much the chin and the lips went to and fro in the second before, in IOD."""
        time = self.channels.time_s
        span = (time > self.onset_s - 1.2) & (time < self.onset_s - 0.03)
        if span.sum() < 4:
            return 0.0
        columns = [2 * i + 1 for i, n in enumerate(self.names) if n[:9] in ("chin", "lip_lower")]
        rows = self.channels.rows[span][:, columns]
        rows = rows[:, np.isfinite(rows).all(axis=0)]
        if rows.shape[1] == 0:
            return 0.0
        t = time[span] - time[span].mean()
        level = rows - rows.mean(axis=0)
        level -= t[:, None] * (t @ level / (t @ t))
        return float(level.std(axis=0).max())


def _roughness(course: Course, onset_s: float, apex_s: float, offset_s: float) -> float:
    """Return how far the course lies from a smooth way up and down, RMS, 1 is the amplitude."""
    time = course.time_s
    inside = (time >= onset_s) & (time <= offset_s)
    if inside.sum() < 3:
        return 0.0
    rise = (time[inside] - onset_s) / max(apex_s - onset_s, 1e-3)
    fall = (offset_s - time[inside]) / max(offset_s - apex_s, 1e-3)
    smooth = 0.5 - 0.5 * np.cos(np.pi * np.clip(np.minimum(rise, fall), 0, 1))
    off = course.along[inside] - smooth
    return float(np.sqrt((off * off).mean()))


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / max(size, 1e-12)


def _shares(pattern: NDArray[np.float64], names: tuple[str, ...]) -> tuple[float, float, float]:
    """Return the shares of a pattern's energy in brows and glabella, cheeks and nose, mouth."""
    energy = lengths(pattern) ** 2
    parts = [0.0, 0.0, 0.0]
    for name, value in zip(names, energy, strict=True):
        parts[part_of(name)] += float(value)
    total = sum(parts)
    return parts[0] / total, parts[1] / total, parts[2] / total


def part_of(channel: str) -> int:
    """Return 0 for a channel of the upper face, 1 for cheek and nose, 2 for mouth and chin."""
    if channel.startswith(("brow", "glabella")):
        return 0
    return 1 if channel.startswith(("cheek", "nose")) else 2
