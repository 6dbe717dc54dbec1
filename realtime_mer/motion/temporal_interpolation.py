"""Pictures of a clip at as many moments as a network wants, whatever its length and frame rate.

The temporal interpolation model (Zhou, Zhao & Pietikäinen 2011, *Towards a practical lipreading
system*, CVPR; TIM in the field): the n pictures of a clip lie on a smooth curve through the space
of pictures, whose coordinates are the eigenvectors of a path of n knots. Those are the cosines of
the discrete cosine transform: as long as the pictures are linearly independent, the model is the
interpolation by cosines that meets every picture at its knot, and one matrix says it all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError

Float = NDArray[np.float64]


def interpolation_weights(time_s: Float, moments_s: Float) -> Float:
    """Return how much each of T pictures has a share in the picture of each of M moments.

    Parameters
    ----------
    time_s
        (T,) seconds of the pictures, strictly rising. They are the knots of the curve; between
        them time runs evenly, so a varying frame rate is no matter.
    moments_s
        (M,) seconds between the first and the last.

    Returns
    -------
    (M, T) float64; rows sum to 1, and shares may be a little below 0.

    Raises
    ------
    ConfigError
        Times do not rise, or a moment lies outside.
    """
    count = len(time_s)
    if not count or not (np.diff(time_s) > 0).all():
        raise ConfigError("time_s must be one or more strictly rising seconds")
    if np.any(moments_s < time_s[0]) or np.any(moments_s > time_s[-1]):
        raise ConfigError(f"moments_s must lie between {time_s[0]} and {time_s[-1]} s")
    place = np.interp(moments_s, time_s, np.arange(count))
    waves = np.pi * np.arange(1, count) / (2 * count)
    asked = np.cos(waves * (2 * place[:, None] + 1))
    known = np.cos(waves * (2 * np.arange(count)[:, None] + 1))
    return np.asarray((1 + 2 * asked @ known.T) / count)


def at_moments(pictures: NDArray[np.uint8], time_s: Float, moments_s: Float) -> NDArray[np.float32]:
    """Return pictures at other moments, (M, H, W) float32 in the unit of ``pictures``.

    Parameters
    ----------
    pictures
        (T, H, W) uint8 grey.
    time_s, moments_s
        As for ``interpolation_weights``.

    Returns
    -------
    Within 0 to 255: the curve may swing a little past black and white, and is cut off there.
    """
    weights = interpolation_weights(time_s, moments_s).astype(np.float32)
    rows = pictures.reshape(len(pictures), -1).astype(np.float32)
    mixed = (weights @ rows).reshape(-1, *pictures.shape[1:])
    return np.asarray(np.clip(mixed, 0, 255), np.float32)
