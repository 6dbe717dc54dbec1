"""Find what looks like an action unit and comes back: an adaptive matched filter.

In time, a raised cosine over a window of length w that ends now, made blind to where the face
stands and to steady drift (it is orthogonal to constants and slopes), measures every channel's
way out and back,

    D_w = Σ k_w(t) c(t),   k_w = b / (b·b),   b = (1 - cos 2πx)/2 less its own line fit.

In space, D_w is held against patterns of displacement that action units make. Whatever goes on
in the face all the time — noise, compression, leftovers of a turning head, talk — has its own
covariance R_w, learned as it goes by (the unusual weighted down as in a Student t fit, so that
single movements do not teach it), and the score of pattern s is what the matched filter for
coloured noise gives (Robey et al. 1992, the adaptive matched filter, one-sided):

    z = sᵀR⁻¹D / √(sᵀR⁻¹s),   in standard deviations of what is usual.

A patch that slips alone looks like no pattern; a nodder's nods are in R.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.spotting.history import History
from realtime_mer.spotting.settings import SpotterSettings

SCALES_S = (0.1, 0.14, 0.2, 0.28, 0.4, 0.55)
"""Window lengths in seconds: a movement is caught by the one that is as long as it."""
SHRINKAGE = 0.15
"""Share of the mean variance added to each: a covariance of few samples is not to be trusted."""
DELAY_S = 0.7
"""Age from which a sample teaches the covariance: what is being judged must not."""
PRIOR_S = 0.5
"""Seconds of experience that the first guess of the noise counts."""
FIRST_GUESS_IOD = 0.0028
"""Standard deviation of a channel before anything is known of it."""
_RENEW_S = 0.2
_LEAST_FRAMES = 4

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A pattern at a moment.

    Attributes
    ----------
    pattern
        Row of the patterns.
    found_s, centre_s, length_s
        Newest moment of the window, its middle, its length.
    score
        z, see above.
    moved
        (2C,) D_w, inter-ocular distances.
    filter
        (2C,) R⁻¹s / sᵀR⁻¹s: a row of channels times this is the pattern's amplitude.
    noise_iod
        Standard deviation of that amplitude, inter-ocular distances of the farthest channel.
    surprise
        DᵀR⁻¹D: how unusual the whole displacement is; z² of it looks like the pattern.
    """

    pattern: int
    found_s: float
    centre_s: float
    length_s: float
    score: float
    moved: Float
    filter: Float
    noise_iod: float
    surprise: float


class MatchedFilter:
    """Score all patterns at all scales, one ``step`` a frame.

    Parameters
    ----------
    patterns
        (K, C, 2) displacement patterns; the farthest channel of each moves by 1.
    settings
        See ``SpotterSettings``.
    """

    def __init__(self, patterns: NDArray[np.floating[Any]], settings: SpotterSettings) -> None:
        self._patterns = np.asarray(patterns, np.float64).reshape(len(patterns), -1)
        self._settings = settings
        width = self._patterns.shape[1]
        self._floor = settings.floor_iod**2 * np.eye(width)
        self._covariance = np.tile(FIRST_GUESS_IOD**2 * np.eye(width), (len(SCALES_S), 1, 1))
        self._known_s = np.full(len(SCALES_S), PRIOR_S)
        self._waiting: list[tuple[float, Float, NDArray[np.bool_]]] = []
        self._renewed_s = self._taught_s = -np.inf
        self.moved = np.zeros((len(SCALES_S), width))
        self.scores = np.zeros((len(SCALES_S), len(patterns)))
        self._invert()

    def restart(self) -> None:
        """Forget what waits; the noise is kept, the camera is the same."""
        self._waiting.clear()
        self._taught_s = -np.inf
        self.scores[:] = 0

    def step(self, history: History) -> Float:
        """Look at the newest row; return the scores (scales, patterns), 0 where not known."""
        now = float(history.time_s[-1])
        span = history.since(now - SCALES_S[-1])
        time, rows = history.time_s[span], history.rows[span]
        weights, known = kernels(time, now, history.time_s[0])
        lost = ~np.isfinite(rows).all(axis=0)
        if lost.any():
            rows = np.where(lost, 0.0, rows)
        self.moved = weights @ rows
        self._waiting.append((now, self.moved, known))
        while self._waiting[0][0] < now - DELAY_S:
            self._learn(*self._waiting.pop(0))
        if now - self._renewed_s >= _RENEW_S:
            self._renewed_s = now
            self._invert()
        self.scores = np.einsum("skd,sd->sk", self._filters, self.moved)
        self.scores[~known] = 0
        return self.scores

    def match(self, scale: int, pattern: int, now: float) -> Match:
        """Describe what was found at the newest row."""
        moved = self.moved[scale]
        rate = self._rates[scale, pattern]
        return Match(
            pattern=pattern,
            found_s=now,
            centre_s=now - SCALES_S[scale] / 2,
            length_s=SCALES_S[scale],
            score=float(self.scores[scale, pattern]),
            moved=moved,
            filter=self._filters[scale, pattern] / rate,
            noise_iod=float(1 / rate),
            surprise=float(moved @ self._inverse[scale] @ moved),
        )

    def usual_iod(self) -> Float:
        """Return how far each channel usually strays within a third of a second, (C,)."""
        middle = self._covariance[len(SCALES_S) // 2]
        return np.asarray(np.sqrt(np.diag(middle).reshape(-1, 2).sum(axis=1)))

    def _learn(self, time_s: float, moved: Float, known: NDArray[np.bool_]) -> None:
        step = min(max(time_s - self._taught_s, 0.0), 0.05)
        self._taught_s = time_s
        width = moved.shape[1]
        unusual = np.einsum("sd,sde,se->s", moved, self._inverse, moved)
        weight = np.minimum((width + 2) / (unusual + 2), 1.0)
        self._known_s += step * known
        share = step * known / np.minimum(self._known_s, self._settings.noise_s)
        outer = moved[:, :, None] * moved[:, None, :]
        self._covariance += share[:, None, None] * (
            weight[:, None, None] * outer - self._covariance
        )

    def _invert(self) -> None:
        width = self._patterns.shape[1]
        mean = np.trace(self._covariance, axis1=1, axis2=2) / width
        loaded = self._covariance + SHRINKAGE * mean[:, None, None] * np.eye(width) + self._floor
        self._inverse = np.linalg.inv(loaded)
        pulled = self._patterns @ self._inverse
        self._rates = np.sqrt((pulled * self._patterns).sum(axis=2))
        self._filters = pulled / self._rates[:, :, None]


def kernels(time: Float, now: float, first_s: float) -> tuple[Float, NDArray[np.bool_]]:
    """Return the time kernels of all scales, (scales, N), and which of them are filled."""
    length = np.array(SCALES_S)[:, None]
    x = 1 - (now - time) / length
    inside = x >= -1e-6
    count = inside.sum(axis=1, keepdims=True)
    known = (count[:, 0] >= _LEAST_FRAMES) & (first_s <= now - length[:, 0] + 1e-6)
    bump = (0.5 - 0.5 * np.cos(2 * np.pi * x)) * inside
    bump -= inside * bump.sum(axis=1, keepdims=True) / count
    slope = (x - (x * inside).sum(axis=1, keepdims=True) / count) * inside
    steepness = np.maximum((slope * slope).sum(axis=1, keepdims=True), 1e-12)
    bump -= slope * (bump * slope).sum(axis=1, keepdims=True) / steepness
    energy = np.maximum((bump * bump).sum(axis=1, keepdims=True), 1e-12)
    return bump / energy * known[:, None], known
