"""How a data set films its people, and who they are."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from offline.synthesis.clip_spec import ClipSpec, Distractor

LEAST_IOD = 50.0
"""Pixels between the eyes that no scale goes below: less, and the face mesh loses faces."""
_CROP_IOD = (2.44, 2.96)
"""Width and height of a cropped picture in inter-ocular distances."""
_ROOM_IOD = 3.6
"""Least height of a whole picture: less cuts the head off."""


@dataclass(frozen=True, slots=True)
class Film:
    """A camera and its files.

    Attributes
    ----------
    fps
        Pictures a second.
    size
        Width and height in px, as in the real set; of no account where ``cropped``.
    iod
        Pixels between the eyes in the real set, roughly.
    grey
        Pictures have one channel.
    suffix
        Kind of file.
    cropped
        Pictures show the face alone.
    scale
        Usual scale of the rendered set.
    """

    fps: float
    size: tuple[int, int]
    iod: float
    grey: bool = False
    suffix: str = ".jpg"
    cropped: bool = False
    scale: float = 0.5

    def face_px(self, scale: float) -> float:
        """Return the pixels between the eyes at a scale."""
        return max(LEAST_IOD, self.iod * scale)

    def picture_px(self, scale: float) -> tuple[int, int]:
        """Return width and height at a scale, both even."""
        iod = self.face_px(scale)
        scale = max(scale, _ROOM_IOD * iod / self.size[1])
        width, height = (
            (share * iod for share in _CROP_IOD)
            if self.cropped
            else (side * scale for side in self.size)
        )
        return 2 * round(width / 2), 2 * round(height / 2)


@dataclass(frozen=True, slots=True)
class Person:
    """One subject: the same face, muscles and seat in all clips.

    Attributes
    ----------
    number
        From 0, as the layout counts.
    portrait
        Which of the portraits, counted round.
    identity_seed, anatomy_seed
        As in ``ClipSpec``.
    place
        Where the middle of the face lies, as shares of width and height.
    nearness
        Size of the face beside the data set's.
    light
        Contrast and brightness, as in ``ClipSpec``.
    """

    number: int
    portrait: int
    identity_seed: int
    anatomy_seed: int
    place: tuple[float, float]
    nearness: float
    light: tuple[float, float]


def stream(seed: int, layout: str, subject: int, *clip: int) -> np.random.Generator:
    """Return the chance of one subject, or of one clip of a subject, in one layout."""
    numbers = [1 + number for number in (subject, *clip)]  # a 0 at the end would not count
    return np.random.default_rng([seed, zlib.crc32(layout.encode()), *numbers])


def draw_person(seed: int, layout: str, number: int) -> Person:
    """Draw a subject, from seed, layout and number alone."""
    rng = stream(seed, layout, number)
    identity, anatomy = (int(value) for value in rng.integers(1 << 31, size=2))
    return Person(
        number,
        number,
        identity,
        anatomy,
        (float(rng.uniform(0.47, 0.53)), float(rng.uniform(0.49, 0.54))),
        float(np.exp(rng.uniform(0.0, 0.1))),
        (float(rng.uniform(0.85, 1.05)), float(rng.uniform(-12, 12))),
    )


def filmed(
    person: Person, film: Film, scale: float, frames: int, rng: np.random.Generator
) -> ClipSpec:
    """Draw a quiet clip of a person: a head that drifts a little, noise, but no events."""
    width, height = film.picture_px(scale)
    x, y = person.place
    blinks: tuple[Distractor, ...] = ()
    if rng.random() < 0.12:
        start = float(rng.uniform(0, frames / film.fps))
        seed = int(rng.integers(1 << 31))
        length = float(rng.uniform(0.18, 0.35))
        blinks = (Distractor("blink", start, start + length, float(rng.uniform(0.85, 1)), seed),)
    return ClipSpec(
        seed=int(rng.integers(1 << 31)),
        fps=film.fps,
        duration_s=frames / film.fps,
        width=width,
        height=height,
        face_iod_px=film.face_px(scale) * (1.0 if film.cropped else person.nearness),
        face_x=0.5 + (x - 0.5) * (0.3 if film.cropped else 1.0),
        face_y=0.52 if film.cropped else y,
        identity_seed=person.identity_seed,
        anatomy_seed=person.anatomy_seed,
        distractors=blinks,
        drift_iod=float(rng.uniform(0.002, 0.02)),
        drift_deg=float(rng.uniform(0.2, 1.2)),
        drift_scale=float(rng.uniform(0.0, 0.004)),
        drift_hz=float(rng.uniform(0.15, 0.5)),
        exposure_drift=float(rng.uniform(0.0, 0.01)),
        exposure_s=min(0.004, 0.8 / film.fps),
        noise_gaussian=float(rng.uniform(0.6, 1.6)),
        noise_poisson=float(rng.uniform(0.0, 0.02)),
        blur_px=float(rng.uniform(0.3, 0.6)),
        skin_texture=2.0,
        contrast=person.light[0],
        brightness=person.light[1],
    )
