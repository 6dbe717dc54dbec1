"""What a model reads: named functions from a candidate's pictures to its input array.

A recipe is written once; training, evaluation and the live stream all call it, so the same
pictures give the same numbers everywhere, bit for bit.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer import face_recipes, region_recipes, residual_recipes, sequence_recipes
from realtime_mer.candidate_frames import CandidateFrames, Recipe
from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import CROP_EYES_XY, CROP_IOD
from realtime_mer.motion.flow import face_mask, onset_apex_flow
from realtime_mer.motion.strain import optical_strain

FLOW_SIDE = 28
"""Side of the flow map, as in the composite flow archives of the field."""
FRAME_IOD = (1.8, 2.2)
"""Width and height that the map shows, in inter-ocular distances …"""
ABOVE_EYES_IOD = 0.6
"""… and how much of the height lies above the eyes: the crop that CASME II and SMIC come with
(Li et al. 2013, *A spontaneous micro-expression database*), so that one model reads both."""
QUIET_IOD = 0.001
"""Motion that counts as noise: a map with less than this is not blown up to full size. Higher
mutes faint expressions, lower amplifies noise."""


def flow_map(motion: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale dense motion to a network's input.

    Median of the face taken off, divided by its root mean square, zero outside the face.

    Parameters
    ----------
    motion
        (320, 320, 2) float32 in inter-ocular distances, as ``onset_apex_flow`` returns it.

    Returns
    -------
    (2, 28, 28) float32: u (right) and v (down) of the face framed by the eyes, about unit size
    over the face; smaller where nothing but noise moved.
    """
    uv = _framed(motion).transpose(2, 0, 1)
    face = map_mask()
    centred = _centred(uv)
    size = np.sqrt((centred[:, face] ** 2).sum(0).mean() + QUIET_IOD**2)
    return np.ascontiguousarray(centred / size * face, np.float32)


def archive_flow(u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale the planes of a pre-computed flow archive to the same input as ``flow_map``.

    An archive holds each plane min–max scaled on its own: how strong u was beside v is lost,
    so each gets the same root mean square here.

    Parameters
    ----------
    u, v
        (H, W) float32, any scale and offset; x right, y down; a face framed as ``FRAME_IOD``
        says, or nearly so.

    Returns
    -------
    (2, 28, 28) float32.
    """
    return _levelled(_shrunk((u, v)))


def flow_strain_map(motion: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale dense motion and its strain to a network's input.

    Strain is taken from the dense motion, then framed and shrunk as that is. Its median over the
    face is taken off, since archives do not keep where zero was; it is given the root mean square
    that u and v have on average, and is muted as they are where nothing but noise moved.

    Parameters
    ----------
    motion
        (320, 320, 2) float32 in inter-ocular distances, as ``onset_apex_flow`` returns it.

    Returns
    -------
    (3, 28, 28) float32: u and v as ``flow_map`` gives them, then strain.
    """
    uv = flow_map(motion)
    loudness = np.sqrt((uv[:, map_mask()] ** 2).sum(0).mean())
    strain = _levelled(_framed(optical_strain(motion))[None]) * loudness
    return np.ascontiguousarray(np.concatenate([uv, strain]), np.float32)


def archive_flow_strain(
    u: NDArray[np.float32], v: NDArray[np.float32], strain: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Scale the planes of a pre-computed flow archive to the same input as ``flow_strain_map``.

    Parameters
    ----------
    u, v, strain
        (H, W) float32 as for ``archive_flow``. Some archives hold the size of the motion in the
        place of its strain; nothing tells them apart.

    Returns
    -------
    (3, 28, 28) float32; u and v are those of ``archive_flow``.
    """
    return _levelled(_shrunk((u, v, strain)))


def _shrunk(planes: tuple[NDArray[np.float32], ...]) -> NDArray[np.float32]:
    """Return (planes, 28, 28) float32."""
    side = (FLOW_SIDE, FLOW_SIDE)
    small = [cv2.resize(plane, side, interpolation=cv2.INTER_AREA) for plane in planes]
    return np.asarray(np.stack(small), np.float32)


def _levelled(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take off each plane's median and give it the root mean square 1/√2; zero outside the face."""
    face = map_mask()
    centred = _centred(planes)
    rounding = np.maximum(1e-5 * np.abs(planes).max((1, 2)), 1e-6)
    power = (centred[:, face] ** 2).mean(1)
    size = np.sqrt(2 * np.maximum(power, rounding**2))[:, None, None]
    return np.ascontiguousarray(centred / size * face, np.float32)


@cache
def map_mask() -> NDArray[np.bool_]:
    """Return where the map shows the canonical face, (28, 28), read-only."""
    mask = _framed(face_mask()) > 0.5
    mask.setflags(write=False)
    return mask


def _centred(uv: NDArray[np.float32]) -> NDArray[np.float32]:
    middle = np.median(uv[:, map_mask()], axis=1)
    return np.asarray(uv - middle[:, None, None], np.float32)


def _framed(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut the eyes' frame out of a (320, 320, …) crop and shrink it to 28×28."""
    (x, y), (width, height) = CROP_EYES_XY, (size * CROP_IOD for size in FRAME_IOD)
    left, top = x + 0.5 - width / 2, y + 0.5 - ABOVE_EYES_IOD * CROP_IOD
    rows = slice(round(top), round(top + height))
    columns = slice(round(left), round(left + width))
    cut = np.ascontiguousarray(image[rows, columns])
    side = (FLOW_SIDE, FLOW_SIDE)
    return np.asarray(cv2.resize(cut, side, interpolation=cv2.INTER_AREA), np.float32)


def _onset_apex_flow(frames: CandidateFrames) -> NDArray[np.float32]:
    """Motion from onset to apex, (2, 28, 28)."""
    return flow_map(onset_apex_flow(frames.crops_rgb, frames.time_s, frames.onset, frames.apex))


def _onset_apex_strain(frames: CandidateFrames) -> NDArray[np.float32]:
    """Motion from onset to apex and its strain, (3, 28, 28)."""
    motion = onset_apex_flow(frames.crops_rgb, frames.time_s, frames.onset, frames.apex)
    return flow_strain_map(motion)


RECIPES: dict[str, Recipe] = {
    "onset_apex_flow": _onset_apex_flow,
    "onset_apex_strain": _onset_apex_strain,
    **residual_recipes.RECIPES,
    **region_recipes.RECIPES,
    **sequence_recipes.RECIPES,
    **face_recipes.RECIPES,
}
"""Every recipe by name."""

ArchiveRecipe = Callable[
    [NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]
]
"""u, v and strain, (H, W) float32 each, to a model's input."""


def _archive_flow_only(
    u: NDArray[np.float32], v: NDArray[np.float32], strain: NDArray[np.float32]
) -> NDArray[np.float32]:
    return archive_flow(u, v)


ARCHIVE_RECIPES: dict[str, ArchiveRecipe] = {
    "onset_apex_flow": _archive_flow_only,
    "onset_apex_strain": archive_flow_strain,
}
"""The recipes that a flow archive can serve: its u, v and strain planes to the same input."""


def recipe(name: str) -> Recipe:
    """Return the recipe called ``name``.

    Raises
    ------
    ConfigError
        If there is none; the nearest names are listed.
    """
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=3, cutoff=0.3) or sorted(RECIPES)
    raise ConfigError(f"recipe {name!r} is not known; nearest: {', '.join(near)}")


__all__ = [
    "ARCHIVE_RECIPES",
    "FLOW_SIDE",
    "RECIPES",
    "CandidateFrames",
    "Recipe",
    "archive_flow",
    "archive_flow_strain",
    "flow_map",
    "flow_strain_map",
    "map_mask",
    "recipe",
]
