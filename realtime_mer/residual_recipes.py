"""Residual sums and flow as pictures: what CropNet reads.

Zhao, Chen & Luo, *Micro-expression recognition based on pixel residual sum and cropped Gaussian
pyramid*, Frontiers in Neurorobotics 15, 2021, sections 3.1 and 4.5. Every recipe here makes
(3, 320, 320) float32, RGB from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.candidate_frames import CandidateFrames, Recipe
from realtime_mer.motion.dense_flow import farneback_flow, flow_colours, tvl1_flow
from realtime_mer.motion.keyframes import N_KEY, key_frames_by_time
from realtime_mer.motion.residual import ars, rrs

Float = NDArray[np.float32]
Gray = NDArray[np.uint8]

SWEEP = (1, 3, 5, 7, 9, 11)
"""Numbers of key frames that are compared (figure 5, whose text names only the best one, 5)."""


def ars_name(n_key: int) -> str:
    """Return the name of the absolute sum over ``n_key`` frames: ``ars`` for the paper's five."""
    return "ars" if n_key == N_KEY else f"ars_k{n_key}"


def absolute_residual(frames: CandidateFrames, n_key: int = N_KEY) -> Float:
    """Return the absolute residual sum (equation 5) of a candidate's key frames.

    Parameters
    ----------
    frames
        The candidate. Key frames are chosen by time, so the frame rate does not matter; pictures
        before the onset and after the offset are not read.
    n_key
        Key frames summed up. More follow the movement more closely, and make sums beyond 255
        begin again from 0 more often.

    Returns
    -------
    (3, 320, 320) float32 RGB, grey values divided by 255; all zero where nothing changed.
    """
    crops = frames.crops_rgb
    return _planes(ars(crops[frames.onset], crops, pick=_key(frames, n_key)))


def relative_residual(frames: CandidateFrames, n_key: int = N_KEY) -> Float:
    """Return the relative residual sum (equations 6 and 7) of a candidate's key frames.

    Parameters
    ----------
    frames, n_key
        As for ``absolute_residual``; here no sum begins again from 0.

    Returns
    -------
    (3, 320, 320) float32 RGB: the least changed value of the picture is 0, the most changed 1;
    all zero where nothing changed.
    """
    crops = frames.crops_rgb
    return _planes(rrs(crops[frames.onset], crops, pick=_key(frames, n_key)))


def flow_picture(frames: CandidateFrames, flow: Callable[[Gray, Gray], Float]) -> Float:
    """Return the motion from the onset's picture to the apex's as colours.

    Parameters
    ----------
    frames
        The candidate; its onset and its apex are read.
    flow
        Two grey pictures to motion: ``farneback_flow`` or ``tvl1_flow``.

    Returns
    -------
    (3, 320, 320) float32 RGB, see ``flow_colours``.
    """
    pictures = (np.ascontiguousarray(frames.crops_rgb[at]) for at in (frames.onset, frames.apex))
    first, second = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures)
    return np.ascontiguousarray(flow_colours(flow(first, second)).transpose(2, 0, 1))


def _key(frames: CandidateFrames, n_key: int) -> tuple[int, ...]:
    onset_s, apex_s, offset_s = frames.time_s[[frames.onset, frames.apex, frames.offset]]
    return key_frames_by_time(frames.time_s, float(onset_s), float(apex_s), float(offset_s), n_key)


def _planes(picture: NDArray[np.uint8]) -> Float:
    return np.ascontiguousarray(picture.transpose(2, 0, 1)).astype(np.float32) / np.float32(255)


RECIPES: dict[str, Recipe] = {
    **{ars_name(n_key): partial(absolute_residual, n_key=n_key) for n_key in SWEEP},
    "rrs": relative_residual,
    "farneback": partial(flow_picture, flow=farneback_flow),
    "tvl1": partial(flow_picture, flow=tvl1_flow),
}
"""Every recipe of this kind by name."""
