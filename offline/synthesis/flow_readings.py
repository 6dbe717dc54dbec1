"""From two pictures of a face to a model's input: as the stream reads them, and as archives do.

The archives of the field (``docs/datasets.md``) were made by other hands: faces cut out around
the eyes, not aligned; TV-L1 or another estimator with settings unknown; each plane min–max
scaled to 8 bits. All of that is drawn here, and read back by the recipe's ``archive_flow``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.topology import CROP, CROP_EYES_XY, CROP_IOD
from realtime_mer.motion.flow import face_mask, face_motion, windowed_flow
from realtime_mer.recipes import ABOVE_EYES_IOD, FLOW_SIDE, FRAME_IOD, archive_flow, flow_map

Float = NDArray[np.float32]
_IOD = CROP_IOD / 2  # in half-size pixels
ESTIMATORS = {"tv-l1": 0.55, "dis": 0.15, "farneback": 0.15, "windowed": 0.15}
"""Who made the archive's flow, and how often. TV-L1 is what the published one was made with."""
LOOSE = 0.15
"""Share of faces that an archive cut out by some other frame than the eyes'."""


def read_as_stream(rest: Float, peak: Float) -> Float:
    """Return the input that the stream makes of two half-size pictures, (2, 28, 28)."""
    return flow_map(face_motion(rest, peak))


def field_as_stream(skin: Float, rng: np.random.Generator) -> Float:
    """Return the input for a field that was estimated without error but for its blur."""
    full = cv2.resize(skin, (CROP, CROP), interpolation=cv2.INTER_LINEAR)
    blurred = cv2.GaussianBlur(full, (0, 0), rng.uniform(2, 14))
    return flow_map(np.asarray(blurred * face_mask()[..., None], np.float32))


def read_as_archive(rest: Float, peak: Float, rng: np.random.Generator) -> Float:
    """Return the input that an archive's reader would make of two pictures, (2, 28, 28)."""
    name = str(rng.choice(list(ESTIMATORS), p=list(ESTIMATORS.values())))
    frame = draw_frame(rng)
    if name == "windowed":
        flow = cut(windowed_flow(rest, peak).motion_px, frame)
    else:
        flow = estimated(name, cut(rest, frame), cut(peak, frame), rng)
    return archived(flow, rng)


def field_as_archive(motion: Float, rng: np.random.Generator) -> Float:
    """Return the input for a field that reached the archive with nothing but blur and noise."""
    flow = cut(cv2.GaussianBlur(motion, (0, 0), rng.uniform(0.5, 6)), draw_frame(rng))
    grain = cv2.GaussianBlur(rng.standard_normal(flow.shape), (0, 0), rng.uniform(1.0, 6.0))
    size = float(np.sqrt((flow**2).mean() / max((grain**2).mean(), 1e-12)))
    return archived(np.asarray(flow + grain * size * rng.uniform(0, 0.5), np.float32), rng)


def archived(flow: Float, rng: np.random.Generator) -> Float:
    """Shrink flow to 28×28, min–max scale each plane to 8 bits, read it back as input."""
    ways = (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
    way = ways[int(rng.integers(len(ways)))]
    small = cv2.resize(flow, (FLOW_SIDE, FLOW_SIDE), interpolation=way)
    low, high = small.min((0, 1)), small.max((0, 1))
    span = np.maximum(high - low, 1e-4 * np.maximum(np.abs(high), np.abs(low)) + 1e-9)
    levels = np.rint(255 * (small - low) / span)
    return archive_flow(*np.asarray(levels, np.float32).transpose(2, 0, 1))


@dataclass(frozen=True, slots=True, eq=False)
class CutFrame:
    """How somebody cut a face out.

    Attributes
    ----------
    to_half
        (2, 3) from their picture to the half-size crop.
    size
        Their picture's (width, height) in pixels.
    """

    to_half: NDArray[np.float32]
    size: tuple[int, int]


def draw_frame(rng: np.random.Generator) -> CutFrame:
    """Draw how somebody cut the face out.

    The eyes' frame of the recipe, off by 7 % in its sizes, 0.05 IOD in its place and 2 degrees;
    one in seven is a detector's looser box. The picture is 70 to 130 pixels wide.
    """
    width, height = np.array(FRAME_IOD) * _IOD * np.exp(rng.normal(0, 0.07, 2))
    above = ABOVE_EYES_IOD / FRAME_IOD[1]
    if rng.random() < LOOSE:
        width, height = rng.uniform((1.9, 2.1), (2.5, 2.6)) * _IOD
        above = rng.uniform(0.25, 0.36)
    side = float(rng.uniform(70, 130))
    turn = rng.normal(0, np.radians(2.0))
    scale = np.array([width / side, height / (side * FRAME_IOD[1] / FRAME_IOD[0])])
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
    eyes = (np.array(CROP_EYES_XY) + 0.5) / 2 - 0.5
    inside = np.array([side * 0.5, side * FRAME_IOD[1] / FRAME_IOD[0] * above])
    place = eyes - axes @ inside + rng.normal(0, 0.05 * _IOD, 2)
    size = (round(side), round(side * FRAME_IOD[1] / FRAME_IOD[0]))
    return CutFrame(np.column_stack([axes, place]).astype(np.float32), size)


def cut(image: Float, frame: CutFrame) -> Float:
    """Cut a (160, 160, …) picture or field along a frame of ``draw_frame``."""
    found = cv2.warpAffine(
        image, frame.to_half, frame.size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(found, np.float32)


def estimated(name: str, rest: Float, peak: Float, rng: np.random.Generator) -> Float:
    """Return dense flow in pixels by one of OpenCV's estimators with settings drawn at random."""
    first, second = (np.clip(np.rint(p), 0, 255).astype(np.uint8) for p in (rest, peak))
    if name == "farneback":
        window = int(rng.integers(9, 22))
        found = cv2.calcOpticalFlowFarneback(
            first, second, None, 0.5, 3, window, 3, 7, 1.5, 0
        )  # fmt: skip
        return np.asarray(found, np.float32)
    return np.asarray(_dense(name, rng).calc(first, second, None), np.float32)


def _dense(name: str, rng: np.random.Generator) -> Any:
    """TV-L1 with fewer rounds than its default, four times as fast and nearly the same; or DIS."""
    if name == "dis":
        presets = (cv2.DISOPTICAL_FLOW_PRESET_FAST, cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        return cv2.DISOpticalFlow.create(presets[int(rng.integers(2))])
    smooth = float(np.exp(rng.uniform(np.log(0.05), np.log(0.3))))
    optflow: Any = cv2.optflow
    return optflow.DualTVL1OpticalFlow_create(
        lambda_=smooth, nscales=3, warps=2, epsilon=0.03, innnerIterations=10, outerIterations=4
    )
