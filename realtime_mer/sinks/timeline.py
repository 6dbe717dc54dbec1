"""Region signals made small enough for a page: min/max envelopes over time.

An hour at 200 frames/s is 720 000 samples a region. The page gets one overview of a few thousand
buckets, each with its lowest and highest value, and a finer window around each event.
"""

from __future__ import annotations

import base64
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.events import Signals
from realtime_mer.sinks.table import Row

OVERVIEW_BUCKETS = 4000
"""Up to here a recording is shown sample by sample; a longer one in as many buckets. More: a
finer overview, a larger page (100 bytes a bucket for six regions)."""
DETAIL_BUCKETS = 20_000
"""Samples that the finer windows around all events share. More: finer windows, larger page."""
_FEWEST_BUCKETS = 60
DETAIL_MARGIN_S = 0.7
"""Seconds of context on either side of an event in its window."""

_UNIT_IOD = 1e-4
_MISSING = -32768
_TIME_UNIT_S = 1e-4
_BREAK_STEPS, _BREAK_S = 4.0, 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """Signals over B buckets of time; NaN where nothing was followed.

    Attributes
    ----------
    time_s
        (B,) float64: the middle of each bucket, media seconds, increasing.
    low, high
        (B, R) float32: least and greatest displacement in the bucket, fractions of the
        inter-ocular distance. The same array where each bucket is one sample.
    threshold
        (B, R) float32: greatest threshold in the bucket.
    """

    time_s: NDArray[np.float64]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    threshold: NDArray[np.float32]


def envelope(signals: Signals, buckets: int, start_s: float, end_s: float) -> Envelope:
    """Return the signals between two moments in at most about ``buckets`` buckets.

    Where fewer samples than buckets exist they are kept one by one, with a NaN sample inserted
    in every hole of the time line, so that no line is drawn across it.
    """
    inside = (signals.time_s >= start_s) & (signals.time_s <= end_s)
    time_s = signals.time_s[inside]
    values = signals.displacement_iod[inside].astype(np.float32)
    threshold = signals.threshold_iod[inside].astype(np.float32)
    if len(time_s) <= buckets:
        return _sample_by_sample(time_s, values, threshold)
    width = (time_s[-1] - time_s[0]) / buckets
    bucket = np.minimum(((time_s - time_s[0]) / width).astype(np.int64), buckets - 1)
    first = np.flatnonzero(np.diff(bucket, prepend=-1))
    used = bucket[first]
    shape = (buckets, values.shape[1])
    low, high, top = (np.full(shape, np.nan, np.float32) for _ in range(3))
    low[used] = np.fmin.reduceat(values, first, axis=0)
    high[used] = np.fmax.reduceat(values, first, axis=0)
    top[used] = np.fmax.reduceat(threshold, first, axis=0)
    middles = time_s[0] + (np.arange(buckets) + 0.5) * width
    return Envelope(middles, low, high, top)


def _sample_by_sample(
    time_s: NDArray[np.float64], values: NDArray[np.float32], threshold: NDArray[np.float32]
) -> Envelope:
    steps = np.diff(time_s)
    if len(steps):
        longest = max(_BREAK_S, _BREAK_STEPS * float(np.median(steps)))
        holes = np.flatnonzero(steps > longest) + 1
        middles = (time_s[holes - 1] + time_s[holes]) / 2
        time_s = np.insert(time_s, holes, middles)
        values = np.insert(values, holes, np.nan, axis=0)
        threshold = np.insert(threshold, holes, np.nan, axis=0)
    return Envelope(time_s, values, values, threshold)


def usable(signals: Signals) -> bool:
    """Say whether there is at least one number to draw."""
    return bool(signals.displacement_iod.size and np.isfinite(signals.displacement_iod).any())


def span_s(
    signals: Signals, rows: Sequence[Row], start_s: float, end_s: float
) -> tuple[float, float]:
    """Return the (first, last) moment that the time line shows, at least a millisecond apart."""
    moments = [value for value in (start_s, end_s) if math.isfinite(value)]
    moments += [moment for row in rows for moment in (row.onset_s, row.offset_s)]
    if len(signals.time_s):
        moments += [float(signals.time_s[0]), float(signals.time_s[-1])]
    first, last = (min(moments), max(moments)) if moments else (0.0, 0.0)
    return first, max(last, first + 0.001)


def ceiling_iod(signals: Signals, peaks_iod: Sequence[float]) -> float:
    """Return a displacement for the top of the lanes: above the events, not above broad smiles.

    ``peaks_iod`` are the amplitudes of the events. Larger movements are cut off at the top.
    """
    heights = [peak for peak in peaks_iod if math.isfinite(peak) and peak > 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if signals.threshold_iod.size:
            heights.append(2 * float(np.nanpercentile(signals.threshold_iod, 90)))
        if not heights and signals.displacement_iod.size:
            heights.append(float(np.nanpercentile(signals.displacement_iod, 99)))
    heights = [height for height in heights if math.isfinite(height) and height > 0]
    return 1.2 * max(heights) if heights else 0.05


def windows(signals: Signals, rows: Sequence[Row]) -> list[Envelope]:
    """Return one fine envelope around each row, in the rows' order; none if the overview is fine.

    The windows share ``DETAIL_BUCKETS``: the more events, the coarser each; beyond 333 events
    those with the lowest spot score get none.
    """
    if not rows or len(signals.time_s) <= OVERVIEW_BUCKETS:
        return []
    share = max(_FEWEST_BUCKETS, DETAIL_BUCKETS // len(rows))
    surest = sorted(rows, key=lambda row: -row.spot_score)[: DETAIL_BUCKETS // share]
    return [
        envelope(signals, share, row.onset_s - DETAIL_MARGIN_S, row.offset_s + DETAIL_MARGIN_S)
        for row in sorted(surest, key=lambda row: row.onset_s)
    ]


def packed(part: Envelope, start_s: float) -> dict[str, object]:
    """Return an envelope as little-endian numbers in base64, for the page's script.

    ``t``: uint32, tenths of a millisecond after ``start_s``; ``lo``, ``hi``, ``th``: int16, ten
    thousandths of the inter-ocular distance, region after region, -32768 where missing. ``hi``
    is left out where it equals ``lo``.
    """
    ticks = np.clip(np.rint((part.time_s - start_s) / _TIME_UNIT_S), 0, 2**32 - 1)
    content: dict[str, object] = {
        "n": len(part.time_s),
        "t": _base64(ticks.astype("<u4")),
        "lo": _base64(_quantised(part.low)),
        "th": _base64(_quantised(part.threshold)),
    }
    if part.high is not part.low:
        content["hi"] = _base64(_quantised(part.high))
    return content


def _quantised(values: NDArray[np.float32]) -> NDArray[np.int16]:
    scaled = np.clip(np.rint(values.T.astype(np.float64) / _UNIT_IOD), -32767, 32767)
    return np.where(np.isfinite(values.T), np.nan_to_num(scaled), _MISSING).astype("<i2")


def _base64(numbers: NDArray[np.generic]) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode("ascii")
