"""A face photographed twice: at rest and moved, by a camera with noise, blur and compression."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.conditions import Conditions
from realtime_mer.face.topology import CROP_IOD
from realtime_mer.motion.flow import HALF, face_mask, half_size, head_displacement

Float = NDArray[np.float32]
_IOD = CROP_IOD / 2  # in half-size pixels


def photograph_pair(
    gray: Float, skin: Float, head: Float, rng: np.random.Generator, conditions: Conditions
) -> tuple[Float, Float]:
    """Photograph a face at rest and moved by skin and head; (160, 160) float32 grey each.

    ``skin`` and ``head`` are (160, 160, 2) float32 in IOD.
    """
    later = moved(gray, on_face(skin + head, rng) * np.float32(_IOD))
    side = int(HALF * rng.uniform(0.5, 1.0))
    noise = float(np.exp(rng.uniform(*np.log(conditions.noise))))
    quality = int(rng.integers(45, 98)) if rng.random() < 0.6 else None
    contrast = rng.uniform(0.5, 1.1)
    softness = rng.uniform(0.05, 1.2)
    light = 1 + rng.normal(0, 0.02) + rng.normal(0, 0.03) * np.linspace(-1, 1, HALF)
    pair = []
    for picture, lamp in ((gray, 1.0), (later, light)):
        soft = cv2.GaussianBlur(picture, (0, 0), softness)
        lit = (128 + (soft - 128) * contrast) * lamp
        pair.append(_camera(np.asarray(lit, np.float32), side, noise, quality, rng))
    return pair[0], pair[1]


def draw_head(rng: np.random.Generator, conditions: Conditions, loose: bool = False) -> Float:
    """Draw what alignment leaves of the head's motion, (160, 160, 2) float32 in IOD.

    ``loose`` is for faces that are cut out once and never aligned: more, now and then much more.
    """
    shift, zoom, roll, turn = conditions.head
    sizes = np.array([shift, shift, zoom, roll, turn, turn])
    if loose:
        sizes = sizes * conditions.loose_head * np.exp(rng.normal(0, 0.6))
    return head_displacement(rng.normal(0, 1, 6) * sizes)


def on_face(motion: Float, rng: np.random.Generator) -> Float:
    """Let the wall behind move on its own, (160, 160, 2) float32."""
    inside = _soft_mask()
    wall = np.asarray(rng.normal(0, 0.02, 2), np.float32)
    return np.asarray(motion * inside + wall * (1 - inside), np.float32)


def _camera(
    picture: Float, side: int, noise: float, quality: int | None, rng: np.random.Generator
) -> Float:
    """Sample at the camera's resolution, add noise, compress, sample back to the crop."""
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    small = small + rng.normal(0, noise, small.shape)
    image = np.clip(np.rint(small), 0, 255).astype(np.uint8)
    if quality is not None:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    back = cv2.resize(image.astype(np.float32), (HALF, HALF), interpolation=cv2.INTER_LINEAR)
    return np.asarray(back, np.float32)


def moved(gray: Float, motion_px: Float) -> Float:
    """Carry every pixel along ``motion_px`` (fixed-point inversion of the small motion)."""
    y, x = np.mgrid[:HALF, :HALF].astype(np.float32)
    back = motion_px
    for _ in range(2):
        back = cv2.remap(
            motion_px, x - back[..., 0], y - back[..., 1], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
    picture = cv2.remap(
        gray, x - back[..., 0], y - back[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(picture, np.float32)


@cache
def _soft_mask() -> Float:
    """Return the canonical face at half size with a soft rim, (160, 160, 1)."""
    grown = cv2.dilate(face_mask(), np.ones((21, 21), np.uint8))
    soft = cv2.GaussianBlur(grown, (0, 0), 6.0)
    return half_size(np.asarray(soft, np.float32))[..., None]
