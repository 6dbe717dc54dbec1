"""What one aligned view of the face is worth: channels, eyes, quality. Pure functions."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.face import similarity
from realtime_mer.face.rigid import SKIN_NOISE
from realtime_mer.face.topology import CROP_IOD


def average_channels(
    own: NDArray[np.float64],
    known: NDArray[np.float64],
    ncc: NDArray[np.float32],
    membership: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Average the patches of each channel by what is known of them.

    Parameters
    ----------
    own, known, ncc
        (P, 2) displacement, (P, 2, 2) inverse covariance and (P,) correlation of every patch.
    membership
        (C, P), 1 where a patch belongs to a channel.

    Returns
    -------
    (C, 2) in the unit of ``own``: (Σ K)⁻¹ Σ K u, a little drawn to 0 where little is known;
    NaN where the patches are lost (mean correlation below 0.5).
    """
    pulled = (known @ own[:, :, None])[:, :, 0]
    total = membership @ known.reshape(-1, 4)
    bias = 0.01 * (total[:, 0] + total[:, 3]) + 0.1 / SKIN_NOISE**2
    xx, xy, yy = total[:, 0] + bias, total[:, 1], total[:, 3] + bias
    right = membership @ pulled
    result = np.stack(
        [yy * right[:, 0] - xy * right[:, 1], xx * right[:, 1] - xy * right[:, 0]], axis=1
    )
    result /= (xx * yy - xy * xy)[:, None]
    result[membership @ ncc < 0.5 * membership.sum(1)] = np.nan
    return np.asarray(result)


def eye_pictures(crop_gray: NDArray[np.uint8], eyes_xy: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return both eyes as (2, 126) float32: 18×7 pixels, zero mean, unit norm.

    The window is 0.64×0.25 inter-ocular distances about each of ``eyes_xy`` ((2, 2), right then
    left, crop pixels): lids, iris and corners, no brow.
    """
    pictures = np.empty((2, 126), np.float32)
    for row, centre in enumerate(eyes_xy):
        window = cv2.getRectSubPix(crop_gray, (72, 28), (float(centre[0]), float(centre[1])))
        window = cv2.resize(window, (18, 7), interpolation=cv2.INTER_AREA)
        small = window.ravel().astype(np.float32)
        small = small - small.mean()
        pictures[row] = small / max(float(np.linalg.norm(small)), 1e-3)
    return pictures


def quality_of(
    to_crop: similarity.Matrix, correlation: float, crop_gray: NDArray[np.uint8]
) -> float:
    """Return 0 (blind) … 1 (large, sharp, well-lit, well-tracked).

    The product of three: inter-ocular distance in the picture (0 at 20 px, 1 from 60 px),
    contrast of the crop (1 from 20 grey levels), correlation with the anchor (0 at 0.5, 1 from
    0.9).
    """
    iod_px = CROP_IOD / max(similarity.scale_of(to_crop), 1e-6)
    contrast = cv2.meanStdDev(np.ascontiguousarray(crop_gray[::8, ::8]))[1][0, 0] / 20
    worth = 1.0
    for share in ((iod_px - 20) / 40, contrast, (correlation - 0.5) / 0.4):
        worth *= min(max(float(share), 0.0), 1.0)
    return worth
