"""A plain, non-causal spotter to stand beside ours: how hard are these clips?

Distance of brows, mouth and cheeks from a running median of 1.2 s, peaks above four robust
standard deviations that are 0.1 to 0.6 s wide at a fifth of their height, none while the eyes
change. It sees the whole recording at once, and it stands on our own tracker.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import find_peaks, peak_widths

from offline.spotting.spotting_metrics import Interval
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.face.points import layout
from realtime_mer.face.quiet import quiet_stderr
from realtime_mer.face.tracker import FaceTracker
from realtime_mer.face.view import FaceView
from realtime_mer.sources import open_source

PARTS = (("brow", "glabella"), ("lip", "chin"), ("nose", "cheek"))
EYES_KEPT = 0.75
APART_S = 0.25


def sketch(video: Path) -> list[Interval]:
    """Return what the plain spotter finds in a video of one face."""
    with quiet_stderr(), open_source(video) as source, MediaPipeMesh() as mesh:
        tracker = FaceTracker(mesh)
        views = [view for view in map(tracker.step, source) if view is not None]
    if len(views) < 8:
        return []
    time_s = np.array([view.time_s for view in views])
    rate = (len(time_s) - 1) / (time_s[-1] - time_s[0])
    channels = np.nan_to_num(np.array([view.channels_iod for view in views]))
    found = [peak for part in PARTS for peak in _peaks(part, channels, views, time_s, rate)]
    kept: list[tuple[float, Interval]] = []
    for height, interval in sorted(found, key=lambda peak: -peak[0]):
        if all(abs(interval.apex - other.apex) > APART_S for _, other in kept):
            kept.append((height, interval))
    return [interval for _, interval in kept]


def _peaks(
    part: tuple[str, ...],
    channels: NDArray[np.float64],
    views: list[FaceView],
    time_s: NDArray[np.float64],
    rate: float,
) -> list[tuple[float, Interval]]:
    own = [i for i, name in enumerate(layout().names) if name.startswith(part)]
    moved = channels[:, own] - median_filter(channels[:, own], (int(1.2 * rate) | 1, 1, 1))
    away = np.hypot(moved[..., 0], moved[..., 1]).mean(axis=1)
    middle = float(np.median(away))
    least = middle + 4 * 1.4826 * float(np.median(np.abs(away - middle)))
    peaks, _ = find_peaks(away, height=least, distance=max(1, int(0.2 * rate)))
    _, _, left, right = peak_widths(away, peaks, rel_height=0.8)
    result = []
    for peak, begin, end in zip(peaks, left, right, strict=True):
        onset, offset = np.interp([begin, end], np.arange(len(time_s)), time_s)
        if not 0.1 <= offset - onset <= 0.6:
            continue
        eyes = np.array([view.eyes for view in views[max(0, int(begin) - 2) : int(end) + 2]])
        if (eyes * eyes[0]).sum(axis=2).min(axis=0).max() < EYES_KEPT and part[0] != "lip":
            continue
        result.append((float(away[peak] / least), Interval(onset, offset, float(time_s[peak]))))
    return result
