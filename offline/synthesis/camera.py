"""What the camera does: exact sub-pixel resampling, gain and flicker by row, noise, rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.clip_spec import ClipSpec
from offline.synthesis.profiles import wander

_NOISE_BANK = 1 << 21
_CHROMA_SHARE = 0.45


@numba.njit(cache=True, nogil=True, fastmath=True)
def warp_into(
    plate: NDArray[np.float32],
    grid_x: NDArray[np.float32],
    grid_y: NDArray[np.float32],
    x0: float,
    y0: float,
    step: float,
    top: int,
    bottom: int,
    left: int,
    right: int,
    out: NDArray[np.float32],
) -> None:
    """Fill ``out[top:bottom, left:right]`` from the plate, at float precision.

    Parameters
    ----------
    plate
        (rows, columns, 3) float32.
    grid_x, grid_y
        (gy, gx) float32: plate coordinates for the grid nodes, which lie at output pixels
        ``x0 + i * step``, ``y0 + j * step``; bilinear in between.
    out
        (H, W, 3) float32.
    """
    rows, columns = plate.shape[0], plate.shape[1]
    gy, gx = grid_x.shape
    line_x = np.empty(gx, np.float32)
    line_y = np.empty(gx, np.float32)
    for y in range(top, bottom):
        v = min(max((y - y0) / step, 0.0), gy - 1.001)
        j = int(v)
        b = np.float32(v - j)
        for i in range(gx):
            line_x[i] = grid_x[j, i] + b * (grid_x[j + 1, i] - grid_x[j, i])
            line_y[i] = grid_y[j, i] + b * (grid_y[j + 1, i] - grid_y[j, i])
        for x in range(left, right):
            u = min(max((x - x0) / step, 0.0), gx - 1.001)
            i = int(u)
            a = np.float32(u - i)
            sx = line_x[i] + a * (line_x[i + 1] - line_x[i])
            sy = line_y[i] + a * (line_y[i + 1] - line_y[i])
            sx = min(max(sx, np.float32(0.0)), np.float32(columns - 1.01))
            sy = min(max(sy, np.float32(0.0)), np.float32(rows - 1.01))
            px, py = int(sx), int(sy)
            fx, fy = sx - np.float32(px), sy - np.float32(py)
            for c in range(3):
                upper = plate[py, px, c] + fx * (plate[py, px + 1, c] - plate[py, px, c])
                lower = plate[py + 1, px, c] + fx * (
                    plate[py + 1, px + 1, c] - plate[py + 1, px, c]
                )
                out[y, x, c] = upper + fy * (lower - upper)


@numba.njit(cache=True, nogil=True, fastmath=True)
def develop(
    light: NDArray[np.float32],
    gain: NDArray[np.float32],
    sigma: NDArray[np.float32],
    bank: NDArray[np.float32],
    start: int,
    sign: float,
) -> NDArray[np.uint8]:
    """Apply gain by row and level-dependent noise, round to 8 bits.

    Parameters
    ----------
    light
        (H, W, 3) float32 grey levels.
    gain
        (H,) float32.
    sigma
        (256,) float32: noise by grey level.
    bank
        (N,) float32 unit normal noise, read from ``start`` on, times ``sign``.

    Returns
    -------
    (H, W, 3) uint8.
    """
    height, width = light.shape[0], light.shape[1]
    out = np.empty((height, width, 3), np.uint8)
    size = bank.shape[0] - 3 * width - 4
    for y in range(height):
        at = (start + y * 3 * (width + 7)) % size
        row_gain = gain[y]
        for x in range(width):
            common = bank[at]
            for c in range(3):
                level = min(max(light[y, x, c] * row_gain, np.float32(0)), np.float32(255))
                noise = common + np.float32(0.45) * bank[at + 1 + c]
                value = level + np.float32(sign) * sigma[int(level)] * noise
                out[y, x, c] = np.uint8(min(max(value + np.float32(0.5), 0.0), 255.0))
            at += 3
    return out


@dataclass(frozen=True, eq=False)
class Sensor:
    """Noise and light of one clip, drawn once."""

    sigma: NDArray[np.float32]
    bank: NDArray[np.float32]
    exposure: NDArray[np.float64]
    flicker: NDArray[np.float64]  # (frames, 3): depth after exposure, phase at row 0, radians/row
    starts: NDArray[np.int64]
    signs: NDArray[np.float64]

    def shoot(self, light: NDArray[np.float32], index: int) -> NDArray[np.uint8]:
        """Turn light into the 8-bit frame number ``index``."""
        depth, phase, per_row = self.flicker[index]
        rows = np.arange(light.shape[0])
        gain = self.exposure[index] * (1 + depth * np.cos(phase + per_row * rows))
        return np.asarray(
            develop(
                light,
                gain.astype(np.float32),
                self.sigma,
                self.bank,
                int(self.starts[index]),
                float(self.signs[index]),
            )
        )


def build_sensor(spec: ClipSpec, times: NDArray[np.float64]) -> Sensor:
    """Draw the noise, exposure drift and mains flicker of a clip.

    Light under 50 (60) Hz mains pulses at 100 (120) Hz; an exposure of length e leaves
    ``sinc(f × e)`` of it (the mean of a cosine over e), and a rolling shutter meets it row by row.
    """
    rng = np.random.default_rng([spec.seed, 3])
    level = np.arange(256)
    sigma = np.sqrt(spec.noise_gaussian**2 + spec.noise_poisson * level)
    bank = rng.standard_normal(_NOISE_BANK, np.float32) / np.float32(np.hypot(1, _CHROMA_SHARE))
    hz = spec.flicker_hz * (1 + rng.uniform(-5e-4, 5e-4))
    depth = spec.flicker_depth * float(np.sinc(hz * spec.exposure_s))
    phase = 2 * np.pi * hz * times + rng.uniform(0, 2 * np.pi)
    per_row = 2 * np.pi * hz * spec.readout / spec.fps / spec.height
    count = len(times)
    flicker = np.column_stack([np.full(count, depth), phase, np.full(count, per_row)])
    exposure = 1 + spec.exposure_drift * wander(times, 0.3, rng)
    return Sensor(
        sigma.astype(np.float32),
        bank,
        exposure,
        flicker,
        rng.integers(0, _NOISE_BANK, count),
        rng.choice([-1.0, 1.0], count),
    )
