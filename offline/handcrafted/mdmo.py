"""Main directional mean optical flow (Liu et al. 2016).

*A main directional mean optical-flow feature for spontaneous micro-expression recognition*:
in each of 36 regions of the face, flow from the first picture is sorted by direction,
and the mean is taken of those pixels that move in the most common one; then the mean over the
pictures of the clip, divided by the longest of the 36.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from offline.handcrafted.framing import grey_crop
from offline.handcrafted.interpolation import interpolated, interpolation_weights
from offline.handcrafted.orientations import direction_sums
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.face.topology import CROP, CROP_IOD, canonical_crop_xy, mirror_index
from realtime_mer.motion.flow import face_mask, face_motion, half_size, key_pictures
from realtime_mer.recipes import QUIET_IOD

Float = NDArray[np.float32]

_RIGHT = (104, 108, 70, 105, 107, 111, 119, 198, 64, 50, 206, 187, 57, 37, 181, 201)
"""Mesh points at the middle of a region, on the subject's right: forehead, brow, corner of the
eye, under it, nose, cheek, fold of the cheek, mouth, chin."""
_MIDDLE = (9, 4, 17, 199)
REGIONS = 2 * len(_RIGHT) + len(_MIDDLE)
"""36: those on the subject's right, then their twins on the left, then those in the middle."""
REACH_IOD = 0.18
"""A region ends this far from its middle, and where another's is nearer. Wider ones average more
skin; from about 0.25 they take in the eyes, which move on their own."""


@dataclass(frozen=True, slots=True)
class Mdmo:
    """How MDMO looks at a clip.

    Attributes
    ----------
    moments
        Even moments after the onset, up to the offset, whose motion is averaged. More average
        more noise out, and take longer.
    """

    moments: int = 10

    @property
    def size(self) -> int:
        """Length of the descriptor: regions × 2."""
        return REGIONS * 2


def mdmo(frames: CandidateFrames, how: Mdmo = Mdmo()) -> Float:
    """Return (72,) float32: region by region, motion to the right and down; the longest is 1."""
    onset, stretch = frames.onset, slice(frames.onset, frames.offset + 1)
    rest, _ = key_pictures(frames.crops_rgb, frames.time_s, onset, frames.apex)
    time_s = frames.time_s[stretch]
    moments_s = np.linspace(time_s[0], time_s[-1], how.moments + 1)[1:]
    grey = np.stack([half_size(grey_crop(crop)) for crop in frames.crops_rgb[stretch]])
    pictures = interpolated(grey, interpolation_weights(time_s, moments_s))
    return mdmo_of([face_motion(rest, picture) for picture in pictures])


def mdmo_of(motions: list[Float]) -> Float:
    """Return the descriptor (72,) of known motion, each (320, 320, 2) float32 in IOD, y down."""
    mean = np.mean([main_motion(motion) for motion in motions], axis=0)
    longest = max(float(np.hypot(*mean.T).max()), QUIET_IOD)
    return np.asarray((mean / longest).reshape(-1), np.float32)


def main_motion(motion: Float) -> NDArray[np.float64]:
    """Return the mean motion (36, 2) of the pixels that move in the most common direction."""
    pixels, _, total = direction_sums(motion, region_labels(), REGIONS)
    most = pixels.argmax(axis=1)
    region = np.arange(REGIONS)
    return np.asarray(total[region, most] / np.maximum(pixels[region, most], 1)[:, None])


@cache
def region_labels() -> NDArray[np.uint16]:
    """Return the label picture of the 36 regions, (320, 320) uint16, read-only.

    0 belongs to no region; r + 1 to region r, whose middle is the nearest.
    """
    middles = canonical_crop_xy()[list(region_points())]
    y, x = np.mgrid[:CROP, :CROP]
    distance = np.hypot(x[..., None] - middles[:, 0], y[..., None] - middles[:, 1])
    within = (distance.min(axis=2) <= REACH_IOD * CROP_IOD) & (face_mask() > 0)
    labels = np.where(within, distance.argmin(axis=2) + 1, 0).astype(np.uint16)
    labels.flags.writeable = False
    return labels


@cache
def region_points() -> tuple[int, ...]:
    """Return the mesh point at the middle of each of the 36 regions."""
    twin = mirror_index()
    return (*_RIGHT, *(int(twin[point]) for point in _RIGHT), *_MIDDLE)
