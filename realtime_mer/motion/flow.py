"""Dense motion of the face between onset and apex, head motion taken out.

Two aligned crops are compared by a windowed Lucas–Kanade search (Lucas & Kanade 1981) from wide
to narrow windows, on pictures whose local brightness and contrast are evened out first, so mains
flicker and shadows do not read as motion. A micro-expression is small and smooth; on the skin of
real faces this comes nearer the truth than OpenCV's DIS (``docs/models.md`` has the comparison).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.rigid import design
from realtime_mer.face.topology import (
    CROP,
    CROP_EYES_XY,
    CROP_IOD,
    RIGID,
    canonical_crop_xy,
    canonical_mesh,
)

Float = NDArray[np.float32]

HALF = CROP // 2
"""The search runs at half size: motion is smooth, and noise is halved."""
WINDOWS_PX = (14.0, 10.0, 7.0, 7.0)
"""Gaussian sigmas of the search windows, half-size pixels. The first bounds the motion that can
be followed (about 0.1 IOD); wider last ones blur the map and lower its noise."""
RIDGE = 0.003
"""Pull towards the wider window's answer, as variance of the gradient (local contrast 1). Higher
keeps untextured skin quieter and shrinks true motion more."""
EVEN_OUT_PX = 20.0
"""Gaussian sigma of the local brightness and contrast, half-size pixels."""
DARK = 2.0
"""Grey levels below which contrast counts as noise and is not amplified."""
REFERENCE_S = 0.03
APEX_S = 0.02
"""Pictures this close before the onset / around the apex are averaged against sensor noise."""
APEX_SHARE = 0.2
"""… but around the apex no wider than this share of the rise."""
RIM_PX = 7
"""Width in crop pixels of the face's rim that is left out."""
GRID = 8
"""Distance in half-size pixels between the flow vectors that the head fit reads."""
FACE_TRUST = 0.15
"""Trust of the head fit in skin outside the rigid zone, which expressions move; the zone has 1."""
TEXTURE = 0.01
"""Variance of the gradient at which a vector's texture counts half in the head fit."""
NOISE_IOD = 0.002
"""Standard deviation expected of a flow vector, in inter-ocular distances."""
HEAD_PRIOR = (1.0, 1.0, 0.1, 0.1, 0.05, 0.05)
"""Standard deviations expected of shift, zoom, roll and turn. Higher follows the head more and
takes more of an expression for head motion."""
FIT_ROUNDS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Motion and how well the texture shows it.

    Attributes
    ----------
    motion_px
        (160, 160, 2) float32, x right and y down, in half-size pixels.
    information
        (160, 160, 2, 2) float32: windowed structure tensor of the evened-out picture. Larger
        means that motion along that direction is better known.
    """

    motion_px: Float
    information: Float


def onset_apex_flow(
    crops_rgb: NDArray[np.uint8], time_s: NDArray[np.float64], onset: int, apex: int
) -> Float:
    """Return the face's own motion from onset to apex, (320, 320, 2) float32.

    Unit: inter-ocular distance; x right in the picture (the subject's left), y down. Zero
    outside the face.

    Parameters
    ----------
    crops_rgb
        (T, 320, 320, 3) uint8 aligned crops.
    time_s
        (T,) seconds of the crops, rising.
    onset, apex
        Positions in ``crops_rgb``.
    """
    return face_motion(*key_pictures(crops_rgb, time_s, onset, apex))


def face_motion(rest: Float, peak: Float) -> Float:
    """Return the face's own motion between two half-size grey crops, (160, 160) float32 each.

    (320, 320, 2) float32, as ``onset_apex_flow`` returns it.
    """
    own = without_head(windowed_flow(rest, peak))
    full = cv2.resize(own, (CROP, CROP), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full * face_mask()[..., None], np.float32)


def key_pictures(
    crops_rgb: NDArray[np.uint8], time_s: NDArray[np.float64], onset: int, apex: int
) -> tuple[Float, Float]:
    """Return the grey pictures at rest and at the apex at half size, (160, 160) float32 each.

    Each is a mean over the few pictures next to it in time: at 30 frames a second that is one
    or two, at 200 about seven.
    """
    rise = max(time_s[apex] - time_s[onset], 0.0)
    around = min(APEX_S, APEX_SHARE * rise) + 1e-6
    rest = (time_s <= time_s[onset]) & (time_s >= time_s[onset] - REFERENCE_S - 1e-6)
    peak = np.abs(time_s - time_s[apex]) <= around
    return half_size(_mean_gray(crops_rgb[rest])), half_size(_mean_gray(crops_rgb[peak]))


def windowed_flow(reference: Float, moved: Float) -> Flow:
    """Return the motion that takes ``reference`` to ``moved``, (160, 160) float32 grey each."""
    still, other = _even_out(reference), _even_out(moved)
    grid_x, grid_y = _pixel_grid()
    still_x, still_y = _gradient(still)
    u, v = np.zeros_like(still), np.zeros_like(still)
    xx = xy = yy = u
    for window in WINDOWS_PX:
        warped = cv2.remap(
            other, grid_x + u, grid_y + v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        warped_x, warped_y = _gradient(warped)
        dx, dy, step = (still_x + warped_x) / 2, (still_y + warped_y) / 2, still - warped
        xx, xy, yy = (_window(p, window) for p in (dx * dx, dx * dy, dy * dy))
        xt, yt = _window(dx * step, window), _window(dy * step, window)
        determinant = (xx + RIDGE) * (yy + RIDGE) - xy * xy
        u = u + ((yy + RIDGE) * xt - xy * yt) / determinant
        v = v + ((xx + RIDGE) * yt - xy * xt) / determinant
    tensor = np.stack([xx, xy, xy, yy], -1).reshape(HALF, HALF, 2, 2)
    return Flow(np.stack([u, v], -1), tensor)


def head_displacement(parameters: NDArray[np.float64]) -> Float:
    """Return the rigid motion (160, 160, 2), float32 IOD, of six head parameters.

    Shift (2), zoom, roll, turn (2), as in ``face.rigid``, with the canonical face's depth.
    """
    matrix, _ = _head_model()
    field = matrix.reshape(HALF, HALF, 2, 6) @ parameters.astype(np.float32)
    return np.asarray(field, np.float32)


def without_head(flow: Flow) -> Float:
    """Return (160, 160, 2) float32 motion in inter-ocular distances, head motion taken out.

    Shift, zoom, roll and turn are fitted robustly to the flow, mainly to the bridge and base
    of the nose, which no expression moves much; see ``face.rigid`` for the six numbers.
    """
    matrix, trust = _head_model()
    motion = flow.motion_px / np.float32(CROP_IOD / 2)
    sparse = slice(GRID // 2, None, GRID)
    rows = matrix.reshape(HALF, HALF, 2, 6)[sparse, sparse].reshape(-1, 2, 6)[trust > 0]
    seen = motion[sparse, sparse].reshape(-1, 2)[trust > 0]
    texture = flow.information[sparse, sparse].reshape(-1, 2, 2)[trust > 0]
    known = texture / (np.trace(texture, axis1=1, axis2=2) + TEXTURE)[:, None, None]
    weight = known * trust[trust > 0, None, None]
    head = _fit(rows.astype(np.float64), seen.astype(np.float64), weight.astype(np.float64))
    return np.asarray(motion - head_displacement(head), np.float32)


def _fit(
    rows: NDArray[np.float64], seen: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit the six head parameters, (6,), re-weighting (Geman–McClure) what moves on its own.

    ``rows`` (K, 2, 6) from ``face.rigid.design``, ``seen`` (K, 2) in IOD, ``weight`` (K, 2, 2).
    The stream's ``fit_head`` is tuned for patches; this one belongs to the recipe and must not
    change under a trained model.
    """
    prior = np.diag((NOISE_IOD / np.array(HEAD_PRIOR)) ** 2)
    pulled = rows.transpose(0, 2, 1) @ weight
    normals, rights = pulled @ rows, (pulled @ seen[:, :, None])[:, :, 0]
    belief = np.ones(len(rows))
    head = np.zeros(6)
    for _ in range(FIT_ROUNDS):
        head = np.linalg.solve(np.tensordot(belief, normals, 1) + prior, belief @ rights)
        square = ((seen - rows @ head) ** 2).sum(1)
        width = max(NOISE_IOD, 1.5 * float(np.median(square)) ** 0.5) ** 2
        belief = (width / (width + square)) ** 2
    return head


@cache
def face_mask() -> Float:
    """Return (320, 320) float32, 1 on the canonical face, 0 on its rim and outside, read-only.

    The rim is left out: faces differ there, and hair or wall moves against the skin.
    """
    mask = np.zeros((CROP, CROP), np.uint8)
    hull = cv2.convexHull(np.round(canonical_crop_xy()).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1)
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM_PX + 1, 2 * RIM_PX + 1))
    result: Float = np.asarray(cv2.erode(mask, rim), np.float32)
    result.setflags(write=False)
    return result


@cache
def _pixel_grid() -> tuple[Float, Float]:
    y, x = np.mgrid[:HALF, :HALF].astype(np.float32)
    return x, y


@cache
def _head_model() -> tuple[Float, Float]:
    """Return the head's design (160·160, 2, 6) and the trust of the sparse grid's points (K,)."""
    grid_x, grid_y = _pixel_grid()
    picture = np.stack([grid_x, grid_y], -1).reshape(-1, 2) * 2 + 0.5
    places = ((picture - np.array(CROP_EYES_XY)) / CROP_IOD).astype(np.float64)
    depth = _depth_at(places)
    matrix = design(places, depth).astype(np.float32)
    nearest = np.full(len(picture), np.inf)
    for point in canonical_crop_xy()[list(RIGID)]:
        nearest = np.minimum(nearest, np.hypot(*(picture - point).T))
    on_face = face_mask()[::2, ::2].reshape(-1) > 0
    trust = np.where(nearest < 0.12 * CROP_IOD, 1.0, np.where(on_face, FACE_TRUST, 0.0))
    sparse = trust.reshape(HALF, HALF)[GRID // 2 :: GRID, GRID // 2 :: GRID]
    return matrix, sparse.reshape(-1).astype(np.float32)


def _depth_at(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the canonical face's depth at ``places`` ((N, 2) IOD), smoothed over neighbours."""
    mesh = canonical_mesh().astype(np.float64)
    depth = np.empty(len(places))
    for part in np.array_split(np.arange(len(places)), 32):
        square = ((places[part, None] - mesh[None, :, :2]) ** 2).sum(2)
        weight = np.exp(-square / (2 * 0.06**2)) + 1e-9 / (1e-3 + square)
        depth[part] = (weight @ mesh[:, 2]) / weight.sum(1)
    return depth


def _mean_gray(crops_rgb: NDArray[np.uint8]) -> Float:
    total = np.zeros(crops_rgb.shape[1:3], np.float32)
    for crop in crops_rgb:
        total += cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)
    return total / np.float32(len(crops_rgb))


def half_size(gray: Float) -> Float:
    """Return a (320, 320) crop at half size, the mean of every four pixels."""
    return np.asarray(cv2.resize(gray, (HALF, HALF), interpolation=cv2.INTER_AREA), np.float32)


def _even_out(gray: Float) -> Float:
    """Return the picture with local mean 0 and local contrast about 1."""
    flat = gray - _window(gray, EVEN_OUT_PX)
    contrast = np.sqrt(_window(flat * flat, EVEN_OUT_PX) + np.float32(DARK**2))
    return np.asarray(flat / contrast, np.float32)


def _gradient(image: Float) -> tuple[Float, Float]:
    """Return (d/dx, d/dy) by the Scharr operator, per pixel."""
    dx = cv2.Scharr(image, cv2.CV_32F, 1, 0, scale=1 / 32)
    dy = cv2.Scharr(image, cv2.CV_32F, 0, 1, scale=1 / 32)
    return dx, dy


def _window(image: Float, sigma: float) -> Float:
    blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)
