"""Residual sums beside a plain copy of the same frames, NumPy and OpenCV, all in one run.

The yardstick is the copy: five key frames of 320×320×3 read and written. The sum reads six
pictures and writes one, 0.7 of the copy's bytes, so memory alone would let it run at 0.7 of the
copy's time; what lies above that is arithmetic and the call from Python. Times are of calls whose
data the caches hold as far as they fit; ``cold`` ones come right after other work, as in a stream.

    python -m tests.benchmarks.kernels [--json] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.regions import region_labels
from realtime_mer.motion import residual, sliding
from realtime_mer.motion.keyframes import N_KEY
from realtime_mer.motion.residual import ars, ars_numpy, rrs, rrs_numpy
from realtime_mer.motion.sliding import SlidingResidual, sliding_numpy
from tests.benchmarks.timing import Timing, side_by_side

SHAPE = (320, 320, 3)
MEGABYTE = 1e6
Clip = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Calls = dict[str, Callable[[], object]]


def noise_clip(seed: int = 0) -> Clip:
    """Return a start frame and five key frames of noise; no kernel's time depends on content."""
    rng = np.random.default_rng(seed)
    key = rng.integers(0, 256, (N_KEY, *SHAPE), dtype=np.uint8)
    return rng.integers(0, 256, SHAPE, dtype=np.uint8), key


def ars_opencv(start: NDArray[np.uint8], key: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ARS as OpenCV users write it: absdiff, a 16-bit sum, the low byte."""
    total = np.zeros(start.shape, np.uint16)
    for frame in key:
        total = cv2.add(total, cv2.absdiff(frame, start), dtype=cv2.CV_16U)
    return (total & 255).astype(np.uint8)


def ars_opencv_tuned(start: NDArray[np.uint8], key: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ARS from OpenCV's absdiff and NumPy's wrapping sum, nothing allocated twice."""
    total = cv2.absdiff(key[0], start)
    difference = np.empty_like(total)
    for frame in key[1:]:
        np.add(total, cv2.absdiff(frame, start, dst=difference), out=total)
    return total


def clip_calls(clip: Clip) -> Calls:
    """Return what is compared on the five key frames, after checking that all agree."""
    start, key = clip
    expected = ars_numpy(start, key)
    for found in (ars(start, key), ars_opencv(start, key), ars_opencv_tuned(start, key)):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(rrs(start, key), rrs_numpy(start, key))
    copied, out = np.empty_like(key), np.empty_like(start)
    return {
        "memcpy": lambda: np.copyto(copied, key),
        "ars": lambda: ars(start, key, out),
        "rrs": lambda: rrs(start, key, out),
        "opencv_tuned": lambda: ars_opencv_tuned(start, key),
        "opencv": lambda: ars_opencv(start, key),
        "numpy": lambda: ars_numpy(start, key),
        "rrs_numpy": lambda: rrs_numpy(start, key),
    }


def stream_calls(clip: Clip) -> Calls:
    """Return what is compared on one more frame of a stream."""
    start, key = clip
    grey_start, grey = start[..., 1].copy(), key[..., 1].copy()
    labels = region_labels()
    six, colour, whole = (SlidingResidual(each) for each in (labels, labels, _six_tiles()))
    for each, reference in ((six, grey_start), (colour, start), (whole, grey_start)):
        each.rebase(reference)
    return {
        "sliding": lambda: six.push(grey[0]),
        "sliding_rgb": lambda: colour.push(key[0]),
        "sliding_whole_crop": lambda: whole.push(grey[0]),
        "sliding_numpy": lambda: sliding_numpy(grey, grey_start, labels),
    }


def _six_tiles() -> NDArray[np.uint8]:
    rows, columns = np.indices(SHAPE[:2])
    return (1 + 3 * (rows // 160) + columns // 107).astype(np.uint8)


def figures(timings: dict[str, Timing], clip: Clip) -> dict[str, object]:
    """Return medians in microseconds, ratios within rounds, and the bytes each must move."""
    start, key = clip
    result: dict[str, object] = {f"{name}_us": timing.median_us for name, timing in timings.items()}
    ours, copy = timings["ars"], timings["memcpy"]
    moved_mb = {"memcpy": 2 * key.nbytes / MEGABYTE, "ars": (key.nbytes + 2 * start.nbytes) / 1e6}
    return result | {
        "ars_over_memcpy": ours.times_slower_than(copy),
        "rrs_over_memcpy": timings["rrs"].times_slower_than(copy),
        "numpy_over_ars": timings["numpy"].times_slower_than(ours),
        "opencv_over_ars": timings["opencv"].times_slower_than(ours),
        "opencv_tuned_over_ars": timings["opencv_tuned"].times_slower_than(ours),
        "ars_p95_us": ours.percentile_us(95),
        "sliding_p95_us": timings["sliding"].percentile_us(95),
        "memcpy_gb_per_s": 1e3 * moved_mb["memcpy"] / copy.median_us,
        "ars_gb_per_s": 1e3 * moved_mb["ars"] / ours.median_us,
        "ars_bytes_over_memcpy": moved_mb["ars"] / moved_mb["memcpy"],
    }


def run(rounds: int = 100) -> dict[str, object]:
    """Measure everything; ``rounds`` calls each, steadier with more. Times in microseconds."""
    residual.warm_up()
    sliding.warm_up()
    clip = noise_clip()
    calls = clip_calls(clip) | stream_calls(clip)
    cold = side_by_side(calls, rounds, primed=False)
    return {
        "rounds": rounds,
        **figures(side_by_side(calls, rounds), clip),
        **{f"{name}_cold_us": cold[name].median_us for name in ("memcpy", "ars", "sliding")},
        "ars_over_memcpy_cold": cold["ars"].times_slower_than(cold["memcpy"]),
    }


def main(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Measure; see ``--help``."""
    parser = argparse.ArgumentParser(prog="mer bench kernels", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=100, help="calls of each; default 100")
    return run(parser.parse_args(list(arguments)).rounds)


if __name__ == "__main__":
    wanted = [argument for argument in sys.argv[1:] if argument != "--json"]
    measured = main(wanted)
    if len(wanted) == len(sys.argv) - 1:
        for name, value in measured.items():
            sys.stdout.write(f"{name:24}{value:10.2f}\n")
    sys.stdout.write(json.dumps(measured) + "\n")
