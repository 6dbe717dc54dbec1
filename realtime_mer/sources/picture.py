"""Decoded pictures as RGB arrays: upright, square pixels, one size for the whole source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideData

SQUARE_WITHIN = 0.02
"""Pixels this close to square are taken as square."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to turn a stored picture upright: transpose, then mirror.

    Attributes
    ----------
    transpose
        Exchange rows and columns first.
    mirror_x, mirror_y
        Then reverse the columns, the rows.
    """

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the upright picture, contiguous; the same array if nothing is to be done."""
        if self.transpose:
            image = cv2.transpose(image)
        if self.mirror_x or self.mirror_y:
            image = cv2.flip(
                image, {(1, 0): 1, (0, 1): 0, (1, 1): -1}[self.mirror_x, self.mirror_y]
            )
        return image


AS_STORED = Orientation()
REREAD = 30
"""Pictures between two looks at the full orientation; fewer keep more pictures in memory."""


def orientation_of(matrix: NDArray[np.int32]) -> Orientation:
    """Return the orientation that a display matrix asks for.

    Parameters
    ----------
    matrix
        (9,) int32, row by row, as MP4's ``tkhd`` box and FFmpeg have it: a stored point (p, q)
        is shown at x = a·p + c·q, y = b·p + d·q with a, b = matrix[0:2] and c, d = matrix[3:5].
        Oblique angles are rounded to the nearest of the eight orientations.
    """
    a, b, c, d = (int(matrix[k]) for k in (0, 1, 3, 4))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, c < 0, b < 0)
    return Orientation(False, a < 0, d < 0)


def frame_orientation(frame: av.VideoFrame) -> Orientation:
    """Return the orientation noted beside a decoded frame.

    A frame that was asked holds itself alive until Python's garbage collection comes round.
    """
    sides = cast("Iterable[SideData]", frame.side_data)
    for side in sides:
        if side.type.name == "DISPLAYMATRIX":
            return orientation_of(np.frombuffer(bytes(side), np.int32))
    return AS_STORED


class OrientationNote:
    """Orientations of the frames of one stream, read seldom.

    PyAV ties a frame and its side data to each other, so that reading every frame's would keep
    hundreds of pictures in memory until they are collected. It is read anew where the rotation
    changes, and at key frames ``REREAD`` pictures apart: what turns a picture over without
    turning it round is not in the rotation.
    """

    def __init__(self) -> None:
        self._rotation: int | None = None
        self._known = AS_STORED
        self._age = 0

    def of(self, frame: av.VideoFrame) -> Orientation:
        """Return the orientation of the next frame."""
        self._age += 1
        stale = frame.key_frame and self._age >= REREAD
        if stale or frame.rotation != self._rotation:
            self._rotation, self._known, self._age = frame.rotation, frame_orientation(frame), 0
        return self._known


class Upright:
    """Convert decoded frames to RGB arrays of one size.

    Colour: the frame's own matrix and range (full or limited); a matrix that is not declared is
    BT.601, as FFmpeg and OpenCV take it. Alpha is dropped, more than 8 bits are rounded.

    Parameters
    ----------
    pixel_aspect
        Width of a pixel over its height; pictures of non-square pixels are widened or narrowed.
    """

    def __init__(self, pixel_aspect: float = 1.0) -> None:
        self._reformatter = VideoReformatter()
        self._orientation = OrientationNote()
        square = abs(pixel_aspect - 1) <= SQUARE_WITHIN or not 0.2 < pixel_aspect < 5
        self._widen = 1.0 if square else pixel_aspect
        self.size: tuple[int, int] | None = None
        """(width, height) of the first picture, and so of all."""

    def convert(self, frame: av.VideoFrame) -> tuple[NDArray[np.uint8], bool]:
        """Return the picture, (H, W, 3) uint8 RGB C-contiguous, and whether it was fitted.

        Fitted means that its size differed from the first picture's, so that it was scaled into
        that size with black bars.
        """
        width = frame.width if self._widen == 1.0 else max(1, round(frame.width * self._widen))
        rgb = self._reformatter.reformat(frame, width=width, format="rgb24", threads=1)
        image = self._orientation.of(frame).apply(np.ascontiguousarray(rgb.to_ndarray()))
        size = (image.shape[1], image.shape[0])
        if self.size is None:
            self.size = size
        if size == self.size:
            return image, False
        return fit(image, self.size), True


def fit(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale a picture into ``size`` (width, height), keeping its proportions, black outside."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        image, inner, interpolation=shrink
    )
    return canvas
