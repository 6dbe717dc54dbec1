"""Eulerian video magnification: small changes over time, amplified where they are.

Wu, Rubinstein, Shih, Guttag, Durand & Freeman, *Eulerian video magnification for revealing subtle
changes in the world*, ACM Transactions on Graphics 31(4), 2012. Every pixel's course over time is
band-passed; what passes is split into spatial bands, each is amplified by what its wavelengths
bear, and added to the picture. To first order a motion δ becomes (1 + α) δ.

Both steps are linear and each pixel goes through the same filter, so the filter comes first here
and the spatial bands of its answer second: one pyramid a picture, no state in pyramids. Seconds
are those of the pictures, whatever the rate and however uneven.

Two forms: ``magnified`` knows the whole clip; ``step`` knows the past alone, and is what the
offline form with ``kind="iir"`` calculates, picture by picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError
from realtime_mer.motion.temporal_band import band_pass, low_passed

Float = NDArray[np.float32]
Exact = NDArray[np.float64]

LUMINANCE = (0.299, 0.587, 0.114)
"""Share of red, green and blue in the brightness (the paper works in YIQ)."""
WAVELENGTH_PX = 4.0
"""Wavelength that the finest band of a Laplacian pyramid passes best, pixels; it doubles from
band to band."""
SMALLEST_PX = 8
"""Bands end before pictures get smaller than this; what is left is brightness, not motion, and is
not amplified (as in the authors' code)."""


@dataclass(frozen=True, slots=True)
class Magnification:
    """What is amplified, and by how much.

    Attributes
    ----------
    alpha
        A motion becomes 1 + ``alpha`` times as large. Higher shows fainter motion, amplifies noise
        as much, and tears edges that move farther than their wavelength / 8 (section 3.2).
    low_hz, high_hz
        Changes between these rates are amplified. A movement of D seconds and back is at 1/D. A
        lower ``low_hz`` lets slow drift of head and light in, a higher ``high_hz`` noise.
    wavelength_px
        The paper's λc: spatial bands of shorter waves are amplified less (equation 14). Higher
        keeps fine texture and its noise quieter; 0 amplifies all bands alike.
    chroma
        Share of ``alpha`` that colour gets; 0 amplifies brightness alone.
    order
        Of the Butterworth filter. Higher cuts more sharply, and rings more on short clips.
    """

    alpha: float = 8.0
    low_hz: float = 0.8
    high_hz: float = 8.0
    wavelength_px: float = 16.0
    chroma: float = 0.1
    order: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.low_hz < self.high_hz:
            raise ConfigError(f"need 0 < low_hz < high_hz, got {self.low_hz} and {self.high_hz} Hz")
        for name, value in (
            ("alpha", self.alpha),
            ("wavelength_px", self.wavelength_px),
            ("chroma", self.chroma),
        ):
            if not 0 <= value < np.inf:
                raise ConfigError(f"{name} is {value}; give a number of 0 or more")
        if self.order < 1:
            raise ConfigError(f"order is {self.order}; give 1 or more")


DEFAULT = Magnification()


# The whole clip -------------------------------------------------------------------------------


def magnified(
    pictures: Float,
    time_s: Exact,
    settings: Magnification = DEFAULT,
    kind: str = "butterworth",
    places: NDArray[np.int64] | None = None,
) -> Float:
    """Return pictures of a clip with small motion amplified.

    Parameters
    ----------
    pictures
        (T, H, W, 3) float32 RGB from 0 to 1.
    time_s
        (T,) float64 seconds, strictly rising.
    kind
        One of ``temporal_band.KINDS``: ``butterworth`` and ``ideal`` look both ways in time and
        shift nothing, ``iir`` sees the past alone.
    places
        Which pictures to return, (K,) positions; None for all.

    Returns
    -------
    (K, H, W, 3) float32 from 0 to 1.

    Raises
    ------
    ConfigError
        Shapes do not fit, seconds do not rise, or there is no such kind.
    """
    if pictures.ndim != 4 or pictures.shape[3] != 3 or time_s.shape != pictures.shape[:1]:
        raise ConfigError(
            f"need (T, H, W, 3) pictures and (T,) seconds, got {pictures.shape} and {time_s.shape}"
        )
    chosen = np.arange(len(pictures)) if places is None else places
    band = band_pass(time_s, settings.low_hz, settings.high_hz, kind, settings.order)
    rows = band[chosen].astype(np.float32)
    flat = pictures.reshape(len(pictures), -1)
    bands = (rows @ flat).reshape(len(chosen), *pictures.shape[1:])
    return np.stack(
        [_added(pictures[k], band, settings) for k, band in zip(chosen, bands, strict=True)]
    )


# Picture by picture ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What ``step`` remembers of the past; nothing changes it.

    Attributes
    ----------
    time_s
        Of the last picture.
    picture, fast, slow
        (H, W, 3) float32: the last picture, and what the two low-pass filters say.
    """

    time_s: float
    picture: Float
    fast: Float
    slow: Float


def step(
    seen: Seen | None, picture: Float, time_s: float, settings: Magnification = DEFAULT
) -> tuple[Seen, Float]:
    """Return what to remember, and the next picture with small motion amplified.

    The band is the difference of two first-order low-pass filters, as in the paper's real-time
    prototype (section 4). Their coefficients follow from the time since the last picture, taking
    the change between two pictures as even: any rate gives the same answer, and gaps do no harm.
    In the middle of the band the filter passes (high - low) / (high + low) of a change.

    Parameters
    ----------
    seen
        What the last call returned; None at the start and behind a cut. The first picture is
        returned as it is.
    picture
        (H, W, 3) float32 RGB from 0 to 1.
    time_s
        Seconds of the picture, later than the last.

    Raises
    ------
    ConfigError
        Time does not rise, or the picture's shape differs from the last one's.
    """
    if seen is None:
        return Seen(time_s, picture, picture, picture), picture
    if not time_s > seen.time_s:
        raise ConfigError(f"time_s is {time_s}, the last picture's was {seen.time_s}: it must rise")
    if picture.shape != seen.picture.shape:
        raise ConfigError(
            f"the picture is {picture.shape}, the last one was {seen.picture.shape}: begin anew "
            "with None"
        )
    interval_s = time_s - seen.time_s
    fast = low_passed(seen.fast, seen.picture, picture, settings.high_hz, interval_s)
    slow = low_passed(seen.slow, seen.picture, picture, settings.low_hz, interval_s)
    return Seen(time_s, picture, fast, slow), _added(picture, fast - slow, settings)


# Space ----------------------------------------------------------------------------------------


@cache
def band_gains(height: int, width: int, settings: Magnification = DEFAULT) -> tuple[float, ...]:
    """Return how much each spatial band of a picture is amplified, finest first.

    λ / 8δ - 1 where that is less than α; δ, the largest motion to be shown, is λc / 8(1 + α)
    (section 3.2, equation 14 and figure 6).
    """
    gains = []
    wavelength_px = WAVELENGTH_PX
    while min(height, width) >= 2 * SMALLEST_PX:
        bound = np.inf
        if settings.wavelength_px > 0:
            bound = wavelength_px * (1 + settings.alpha) / settings.wavelength_px - 1
        gains.append(float(np.clip(bound, 0, settings.alpha)))
        height, width, wavelength_px = (height + 1) // 2, (width + 1) // 2, 2 * wavelength_px
    return tuple(gains)


def _added(picture: Float, band: Float, settings: Magnification) -> Float:
    """Return the picture with its amplified band added, from 0 to 1."""
    brightness = (band @ np.array(LUMINANCE, np.float32))[..., None]
    toned = brightness + np.float32(settings.chroma) * (band - brightness)
    change = _weighed_bands(toned, band_gains(*band.shape[:2], settings))
    return np.clip(picture + change, 0, 1).astype(np.float32, copy=False)


def _weighed_bands(image: Float, gains: tuple[float, ...]) -> Float:
    """Return the sum of an image's Laplacian bands, each times its gain."""
    bands = []
    for gain in gains:
        smaller = cv2.pyrDown(image)
        wide = cv2.pyrUp(smaller, dstsize=(image.shape[1], image.shape[0]))
        bands.append(np.float32(gain) * (image - wide))
        image = smaller
    total = np.zeros_like(image)
    for band in reversed(bands):
        total = cv2.pyrUp(total, dstsize=(band.shape[1], band.shape[0])) + band
    return np.asarray(total, np.float32)
