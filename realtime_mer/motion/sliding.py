"""The residual sum of a live stream: every frame updates it, none recomputes it.

The region pixels of a frame are first packed side by side, region by region; everything after
that runs over contiguous bytes and never looks at a label again. The packed residual of the new
frame takes the place of the oldest one in a ring, and a running sum gains the one and loses the
other in the same pass.

Light that flickers is not motion. Before differencing, every region of a frame is multiplied by
one gain, the ratio of the region's mean in the reference to its mean in the frame. What that
costs: the part of a movement that changes the region's mean brightness goes too (a residual
image is mostly edges that shift, and an edge that shifts inside the region keeps the mean). What
it cannot mend: light that changes within a region, as the bands of a rolling shutter do where
they are narrower than the region.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError
from realtime_mer.motion.keyframes import N_KEY

GAIN_LIMIT = 2.0
"""Gains are held within 1/2 … 2: a region twice as bright is no flicker and shows as motion."""
_GAIN_BITS = 14
_MAX_KEY = 65535 // 255


@dataclass(frozen=True, slots=True, eq=False)
class RegionResiduals:
    """How far each region's pixels stand from the reference frame.

    Attributes
    ----------
    newest
        (R,) float64, mean |frame - reference| in grey levels; NaN for a region without pixels.
    running
        (R,) float64, the same summed over the key frames in the window.
    gain
        (R,) float64, what the newest frame's regions were multiplied by; 1 is steady light.
    filled
        Key frames in the window so far, 1 … n_key.
    """

    newest: NDArray[np.float64]
    running: NDArray[np.float64]
    gain: NDArray[np.float64]
    filled: int


class SlidingResidual:
    """Residual sum over the last key frames, carried from frame to frame.

    Parameters
    ----------
    labels
        (H, W) uint8: 0 is ignored, 1 … R are the regions (``face.regions.region_labels``).
    n_key
        Key frames in the running sum, 1 … 257. More make it smoother and slower to respond.
    spacing
        Frames from one key frame to the next, at least 1: the sum covers the newest frame, the
        one ``spacing`` before it, and so on. Larger covers more time and takes more memory; the
        cost of a push stays the same.
    remove_gain
        Whether to take changes of brightness out, region by region.

    Raises
    ------
    ConfigError
        Labels of another shape or type, ``n_key`` or ``spacing`` out of range.
    """

    def __init__(
        self,
        labels: NDArray[np.uint8],
        n_key: int = N_KEY,
        spacing: int = 1,
        remove_gain: bool = True,
    ) -> None:
        _check_settings(labels, n_key, spacing)
        self.shape = labels.shape
        self.n_key = n_key
        self.spacing = spacing
        self.remove_gain = remove_gain
        self._order, self._edges = _packing_order(labels)
        self._runs = _runs(self._order, self._edges)
        size, regions = self._order.size, self._edges.size - 1
        self._bytes = np.zeros(3 * size, np.uint8)
        self._packed = np.zeros(size, np.uint8)
        self._reference = np.zeros(size, np.uint8)
        self._reference_totals = np.zeros(regions, np.int64)
        self._ring = np.zeros((n_key * spacing, size), np.uint8)
        self._ring_totals = np.zeros((n_key * spacing, regions), np.int64)
        self._sums = np.zeros((spacing, size), np.uint16)
        self._sum_totals = np.zeros((spacing, regions), np.int64)
        self._pushed = -1  # below zero: no reference yet

    def rebase(self, reference: NDArray[np.uint8]) -> None:
        """Measure from another frame, and forget the residuals that the old one gave.

        ``reference`` is (H, W) grey or (H, W, 3) RGB uint8, the size of the labels.
        """
        self._pack(reference)
        self._reference[:] = self._packed
        for region, (low, high) in enumerate(itertools.pairwise(self._edges)):
            self._reference_totals[region] = self._reference[low:high].sum(dtype=np.int64)
        for carried in (self._ring, self._ring_totals, self._sums, self._sum_totals):
            carried.fill(0)
        self._pushed = 0

    def push(self, picture: NDArray[np.uint8]) -> RegionResiduals:
        """Take one frame in and return what the regions show.

        Parameters
        ----------
        picture
            (H, W) grey or (H, W, 3) RGB uint8, the size of the labels; RGB is turned grey by
            (77 R + 150 G + 29 B + 128) / 256.

        Raises
        ------
        ConfigError
            A picture of another size or type, or no ``rebase`` yet.
        """
        if self._pushed < 0:
            raise ConfigError("no reference frame yet: call rebase(frame) before the first push")
        self._pack(picture)
        slot, phase = self._pushed % len(self._ring), self._pushed % self.spacing
        newest, running, gains = np.empty((3, self._edges.size - 1), np.float64)
        _advance(
            self._packed, self._reference, self._reference_totals, self._edges, self.remove_gain,
            self._ring[slot], self._ring_totals[slot], self._sums[phase], self._sum_totals[phase],
            newest, running, gains,
        )  # fmt: skip
        self._pushed += 1
        filled = min(-(-self._pushed // self.spacing), self.n_key)
        return RegionResiduals(newest, running, gains, filled)

    def running_sum(self) -> NDArray[np.uint16]:
        """Return the running sum as a picture, (H, W) uint16, 0 outside the regions."""
        picture = np.zeros(self.shape, np.uint16)
        picture.reshape(-1)[self._order] = self._sums[max(self._pushed - 1, 0) % self.spacing]
        return picture

    def _pack(self, picture: NDArray[np.uint8]) -> None:
        colour = picture.ndim == 3 and picture.shape[2] == 3
        if picture.dtype != np.uint8 or picture.shape != self.shape + (3,) * colour:
            raise ConfigError(
                f"the picture must be {self.shape} grey or RGB uint8 like the labels, got "
                f"{picture.shape} {picture.dtype}: align the face to the crop first"
            )
        row = np.ascontiguousarray(picture).reshape(-1)
        row.flags.writeable = False  # one compiled kernel whether or not the caller's is
        if colour:
            _pack(row, self._runs, 3, self._bytes)
            _grey(self._bytes, self._packed)
        else:
            _pack(row, self._runs, 1, self._packed)


def warm_up() -> None:
    """Compile the kernels now (or load them from numba's cache)."""
    sliding = SlidingResidual(np.ones((1, 1), np.uint8))
    sliding.rebase(np.zeros((1, 1), np.uint8))
    sliding.push(np.zeros((1, 1, 3), np.uint8))


def sliding_numpy(
    frames: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    n_key: int = N_KEY,
    spacing: int = 1,
    remove_gain: bool = True,
) -> tuple[RegionResiduals, NDArray[np.uint16]]:
    """Return what the last ``push`` of ``frames`` returns and the running sum, from scratch.

    The definition of ``SlidingResidual`` in plain NumPy, and its judge in the tests. ``frames``
    is (T, H, W) or (T, H, W, 3) uint8, T >= 1; the rest as for the class.
    """
    masks = [labels == number for number in range(1, int(labels.max()) + 1)]
    counts = np.array([mask.sum() for mask in masks])
    still = _grey_numpy(reference)
    key = frames[::-1][::spacing][:n_key]
    running = np.zeros(labels.shape, np.uint16)
    for age, frame in enumerate(key):
        picture = _grey_numpy(frame)
        gains = np.full(len(masks), 1 << _GAIN_BITS)
        if remove_gain:
            gains = np.array([_gain_numpy(still[mask], picture[mask]) for mask in masks])
        residual = np.zeros(labels.shape, np.int64)
        for mask, gain in zip(masks, gains, strict=True):
            steady = (picture[mask] * gain + (1 << _GAIN_BITS - 1)) >> _GAIN_BITS
            residual[mask] = np.abs(np.minimum(steady, 255) - still[mask])
        if age == 0:
            newest, newest_gains = residual, gains
        running += residual.astype(np.uint16)
    newest_mean, running_mean = (
        _mean(np.array([picture[mask].sum(dtype=np.int64) for mask in masks]), counts)
        for picture in (newest, running)
    )
    gain = newest_gains / (1 << _GAIN_BITS)
    return RegionResiduals(newest_mean, running_mean, gain, len(key)), running


def _grey_numpy(picture: NDArray[np.uint8]) -> NDArray[np.int64]:
    grey = picture.astype(np.int64)
    return grey if grey.ndim == 2 else (grey @ np.array([77, 150, 29]) + 128) >> 8


def _gain_numpy(reference: NDArray[np.int64], picture: NDArray[np.int64]) -> int:
    if not (reference.any() and picture.any()):
        return 1 << _GAIN_BITS
    gain = np.clip(reference.sum() / picture.sum(), 1 / GAIN_LIMIT, GAIN_LIMIT)
    return int(np.rint(gain * (1 << _GAIN_BITS)))


def _mean(totals: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def _check_settings(labels: NDArray[np.uint8], n_key: int, spacing: int) -> None:
    if labels.ndim != 2 or labels.dtype != np.uint8 or not labels.any():
        raise ConfigError(
            f"labels must be (H, W) uint8 with at least one region, got {labels.shape} "
            f"{labels.dtype}: use face.regions.region_labels()"
        )
    if not 1 <= n_key <= _MAX_KEY or spacing < 1:
        raise ConfigError(
            f"n_key must be 1 … {_MAX_KEY} and spacing at least 1, got {n_key} and {spacing}"
        )


def _packing_order(labels: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the flat positions of the region pixels, region by region, and where each begins."""
    flat = labels.reshape(-1)
    order = np.argsort(flat, kind="stable")[np.count_nonzero(flat == 0) :]
    edges = np.searchsorted(flat[order], np.arange(1, int(flat.max()) + 2))
    return order, edges.astype(np.int64)


def _runs(order: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (runs, 3): where each stretch of neighbours lies, where it goes, and its length."""
    breaks = np.flatnonzero(np.diff(order) != 1) + 1
    goes = np.unique(np.concatenate([[0], breaks, edges[(edges > 0) & (edges < order.size)]]))
    return np.column_stack([order[goes], goes, np.diff(goes, append=order.size)])


# Kernels --------------------------------------------------------------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def _pack(row: Any, runs: Any, channels: int, packed: Any) -> None:
    for i in range(len(runs)):
        source, target, length = runs[i] * channels
        packed[target : target + length] = row[source : source + length]


@njit(cache=True, nogil=True, error_model="numpy")
def _grey(rgb: Any, grey: Any) -> None:
    for j in range(grey.size):
        red, green, blue = np.uint16(rgb[3 * j]), np.uint16(rgb[3 * j + 1]), rgb[3 * j + 2]
        grey[j] = np.uint8(np.uint16(77 * red + 150 * green + 29 * np.uint16(blue) + 128) >> 8)


@njit(cache=True, nogil=True, error_model="numpy")
def _gain(reference_total: np.int64, region: Any) -> int:
    """Return reference mean / region mean in 1/16384, held within the limit; 1 if one is black."""
    total = np.uint32(0)
    for j in range(region.size):
        total = np.uint32(total + np.uint32(region[j]))
    if total == 0 or reference_total == 0:
        return 1 << _GAIN_BITS
    gain = float(reference_total / np.int64(total))
    gain = min(max(gain, 1 / GAIN_LIMIT), GAIN_LIMIT)
    return int(np.rint(gain * (1 << _GAIN_BITS)))


@njit(cache=True, nogil=True, error_model="numpy")
def _exchange(new: Any, ref: Any, gain: Any, old: Any, running: Any) -> np.int64:
    """Put the new residual in the oldest one's place and their difference in the running sum.

    Returns the new residual's total; eight-bit pixels and a 14-bit gain stay within int32.
    """
    total, half = np.uint32(0), np.int32(1 << _GAIN_BITS - 1)
    for j in range(new.size):
        steady = np.int32(np.int32(new[j]) * gain + half) >> np.int32(_GAIN_BITS)
        steady = min(np.int32(steady), np.int32(255))
        residual = np.uint8(abs(np.int32(steady - np.int32(ref[j]))))
        running[j] = np.uint16(running[j] + residual - old[j])
        old[j] = residual
        total = np.uint32(total + residual)
    return np.int64(total)


@njit(cache=True, nogil=True, error_model="numpy")
def _advance(
    packed: Any, reference: Any, reference_totals: Any, edges: Any, remove_gain: bool,
    ring: Any, ring_totals: Any, sums: Any, sum_totals: Any,
    newest: Any, running: Any, gains: Any,
) -> None:  # fmt: skip
    for r in range(gains.size):
        low, high = edges[r], edges[r + 1]
        new = packed[low:high]
        gain = _gain(reference_totals[r], new) if remove_gain else 1 << _GAIN_BITS
        total = _exchange(new, reference[low:high], np.int32(gain), ring[low:high], sums[low:high])
        sum_totals[r] += total - ring_totals[r]
        ring_totals[r] = total
        newest[r] = total / (high - low)  # 0 / 0 is NaN here: a region without pixels
        running[r] = sum_totals[r] / (high - low)
        gains[r] = gain / (1 << _GAIN_BITS)
