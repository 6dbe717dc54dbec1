"""Clips of a made-up face whose skin moves in a known way."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.face.topology import CROP, canonical_crop_xy


def skin(seed: int = 0) -> NDArray[np.uint8]:
    """Texture of several sizes, (320, 320, 3)."""
    rng = np.random.default_rng(seed)
    total = np.zeros((CROP, CROP, 3), np.float32)
    for sigma in (1.5, 4.0, 10.0):
        noise = rng.normal(size=total.shape).astype(np.float32)
        total += sigma * cv2.GaussianBlur(noise, (0, 0), sigma)
    total = 120 + 30 * total / total.std()
    return np.clip(np.rint(total), 20, 220).astype(np.uint8)


def bump(point: int, motion_px: tuple[float, float], sigma: float = 24.0) -> NDArray[np.float32]:
    """Smooth motion (320, 320, 2) around a point of the mesh."""
    x0, y0 = canonical_crop_xy()[point]
    y, x = np.mgrid[:CROP, :CROP]
    weight = np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2))
    return (weight[..., None] * np.array(motion_px)).astype(np.float32)


def moved(picture: NDArray[np.uint8], motion_px: NDArray[np.float32]) -> NDArray[np.uint8]:
    y, x = np.mgrid[:CROP, :CROP].astype(np.float32)
    found = cv2.remap(
        picture, x - motion_px[..., 0], y - motion_px[..., 1], cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(found, np.uint8)


def clip(
    motion_px: NDArray[np.float32], time_s: NDArray[np.float64], seed: int = 0
) -> CandidateFrames:
    """Skin that moves out and back as half a sine; onset first, offset last."""
    share = np.sin(np.pi * (time_s - time_s[0]) / (time_s[-1] - time_s[0]))
    picture = skin(seed)
    crops = np.stack([moved(picture, motion_px * np.float32(part)) for part in share])
    apex = int(np.abs(time_s - (time_s[0] + time_s[-1]) / 2).argmin())
    return CandidateFrames(crops, time_s, 0, max(apex, 1), len(time_s) - 1)


def random_frames(count: int, seed: int = 0) -> CandidateFrames:
    """Pictures without any sense, at uneven times."""
    rng = np.random.default_rng(seed)
    crops = rng.integers(40, 200, (count, CROP, CROP, 3), dtype=np.uint8)
    time_s = 7 + np.cumsum(rng.uniform(0.004, 0.05, count))
    return CandidateFrames(crops, time_s, 0, max(count // 2, 1), count - 1)
