"""The pictures of one candidate, as every recipe reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import CROP


@dataclass(frozen=True, slots=True, eq=False)
class CandidateFrames:
    """The pictures of one candidate.

    Attributes
    ----------
    crops_rgb
        (T, 320, 320, 3) uint8 aligned face crops in the order of time. A few pictures before
        the onset (30 ms) make the picture at rest less noisy.
    time_s
        (T,) float64 media seconds, strictly rising.
    onset, apex, offset
        Positions in ``crops_rgb``; onset < apex <= offset. Where the offset is not known yet
        it repeats the last picture.
    """

    crops_rgb: NDArray[np.uint8]
    time_s: NDArray[np.float64]
    onset: int
    apex: int
    offset: int

    def __post_init__(self) -> None:
        count = len(self.crops_rgb)
        if self.crops_rgb.shape != (count, CROP, CROP, 3) or self.crops_rgb.dtype != np.uint8:
            raise ConfigError(
                f"crops_rgb must be (T, {CROP}, {CROP}, 3) uint8, got "
                f"{self.crops_rgb.shape} {self.crops_rgb.dtype}"
            )
        if self.time_s.shape != (count,) or not (np.diff(self.time_s) > 0).all():
            raise ConfigError(f"time_s must be ({count},) strictly rising seconds, one per crop")
        if not 0 <= self.onset < self.apex <= self.offset < count:
            raise ConfigError(
                f"need 0 <= onset < apex <= offset < {count} (positions in crops_rgb), got "
                f"{self.onset}, {self.apex}, {self.offset}"
            )


Recipe = Callable[[CandidateFrames], NDArray[np.float32]]
"""Makes a model's input of a candidate."""
