"""Find movements that go and come back: the second difference of a region over many time scales.

For a window of length w that ends now,

    D_w = v(now - w/2) - (v(now - w) + v(now)) / 2

is the displacement in the middle against the chord from end to end. A straight drift gives
nothing, a slow expression little, a movement that goes and comes back within w gives its whole
amplitude. Each scale is judged in units of its own running median, so that whatever goes on all
the time (noise, tremor, compression) sets its own threshold. The idea that coming back is what
sets a micro-expression apart is MDMD's (He et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.spotting.history import History, middle_row
from realtime_mer.spotting.settings import SpotterSettings

SCALES_S = (0.08, 0.12, 0.17, 0.24, 0.34, 0.48, 0.6)
"""Window lengths in seconds: a movement is caught by the first that is as long as it."""


@dataclass(frozen=True, slots=True)
class Bump:
    """One region went and may have come back.

    ``centre_s`` is the middle of the window in which it stood out most, ``length_s`` the
    window; ``ratio`` is how many times the noise, ``noise_iod`` the noise of that scale.
    """

    region: int
    found_s: float
    centre_s: float
    length_s: float
    ratio: float
    noise_iod: float


class BumpFinder:
    """Watch all regions at all scales, one ``step`` a frame.

    Parameters
    ----------
    columns
        For each region the columns of the history that belong to it: x, y of each channel.
    settings
        See ``SpotterSettings``.
    """

    def __init__(self, columns: list[list[int]], settings: SpotterSettings) -> None:
        self.noise = np.full(
            (len(SCALES_S), len(columns)), settings.floor_iod / settings.noise_factor
        )
        self._settings = settings
        channels = [[c // 2 for c in own[::2]] for own in columns]
        width = max(len(own) for own in channels)
        self._members = np.array([(own * width)[:width] for own in channels])
        self._sizes = History(len(SCALES_S) * len(columns), 1024)
        self._best: list[Bump | None] = [None] * len(columns)
        self._judged_s = np.full(len(columns), -np.inf)
        self._measured_s = -np.inf

    def restart(self) -> None:
        """Forget what is pending; the noise is kept, the camera is the same."""
        self._sizes.clear()
        self._best = [None] * len(self._best)
        self._judged_s[:] = -np.inf

    def step(self, history: History) -> list[Bump]:
        """Look at the newest row; return the bumps that may be over."""
        now = float(history.time_s[-1])
        size = self._second_differences(history, now)
        self._sizes.push(now, 0, size.ravel())
        self._measure_noise(now)
        s = self._settings
        unit = np.maximum(self.noise, s.floor_iod / s.noise_factor)
        ratio = np.where(np.isfinite(size), size / unit, 0.0)
        scales = ratio.argmax(axis=0)
        for region, scale in enumerate(scales):
            value = float(ratio[scale, region])
            best = self._best[region]
            if value < s.noise_factor or (best is not None and value <= best.ratio):
                continue
            length = SCALES_S[scale]
            centre = now - length / 2
            if centre > self._judged_s[region]:
                self._best[region] = Bump(
                    region, now, centre, length, value, float(unit[scale, region])
                )
        return [b for b in self._best if b is not None and now > b.found_s]

    def done(self, bump: Bump, until_s: float) -> None:
        """Take a bump as judged: nothing centred before ``until_s`` is proposed again."""
        self._best[bump.region] = None
        self._judged_s[bump.region] = max(self._judged_s[bump.region], until_s)

    def judged_s(self, region: int) -> float:
        """Return until when a region's movements have been judged."""
        return float(self._judged_s[region])

    def _second_differences(self, history: History, now: float) -> NDArray[np.float64]:
        """Return (scales, regions): the largest channel of each region, NaN if not known."""
        time, rows = history.time_s, history.rows
        scales = np.array(SCALES_S)
        ends = np.searchsorted(time, now - scales - 1e-6)
        middles = _nearest(time, now - scales / 2)
        known = (time[0] <= now - scales + 1e-6) & (middles > ends) & (middles < len(time) - 1)
        bent = rows[middles] - (rows[np.minimum(ends, len(time) - 1)] + rows[-1]) / 2
        pairs = bent.reshape(len(scales), -1, 2)
        length = np.sqrt((pairs * pairs).sum(2))
        size = length[:, self._members].max(axis=2)
        size[~known] = np.nan
        return np.asarray(size)

    def _measure_noise(self, now: float) -> None:
        """Take the running median of each scale and region ten times a second."""
        if now - self._measured_s < 0.1 or len(self._sizes) < 12:
            return
        self._measured_s = now
        kept = self._sizes.rows[self._sizes.since(now - self._settings.noise_s)]
        middle = middle_row(kept).reshape(self.noise.shape)
        self.noise = np.where(np.isfinite(middle), middle, self.noise)


def _nearest(time: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.intp]:
    after = np.clip(np.searchsorted(time, moments), 1, len(time) - 1)
    before = after - 1
    return np.where(moments - time[before] <= time[after] - moments, before, after)
