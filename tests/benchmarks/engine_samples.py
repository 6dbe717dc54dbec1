"""Rendered inputs with labels: moving faces, photographed, through the models' preprocessing.

Every sample has its own random stream, so that it does not depend on how many are drawn. People,
motion, camera noise and compression vary; a label is the expression that was planted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.aligned_clips import aligned_clip
from offline.synthesis.aligned_faces import Face, align_face
from offline.synthesis.conditions import Conditions
from offline.synthesis.painted_faces import painted_face
from offline.synthesis.portrait import Portrait
from offline.synthesis.profiles import raised_cosine
from offline.synthesis.skin_motion import draw_expression, draw_nothing
from offline.synthesis.snapshots import draw_head, on_face, photograph_pair
from realtime_mer.events import NONE
from realtime_mer.face.mesh import Mesh
from realtime_mer.face.quiet import quiet_stderr
from realtime_mer.face.topology import CROP, CROP_IOD
from realtime_mer.face.tracker import align
from realtime_mer.motion.flow import face_motion
from realtime_mer.motion.keyframes import key_frames_by_time
from realtime_mer.motion.residual import ars
from realtime_mer.recipes import flow_map, flow_strain_map
from realtime_mer.recipes import recipe as find_recipe

Float = NDArray[np.float32]
PEOPLE = 16
"""People of one seed; half of them bent photographs, half painted."""
FRAME_RATES = (60.0, 100.0, 200.0)
HALF_S = (0.06, 0.25)
"""Range of the time from onset to apex, and from there to the offset."""
FLOW = {"onset_apex_flow": flow_map, "onset_apex_strain": flow_strain_map}
"""Recipes that read the motion between two pictures."""
RESIDUAL = "ars"
CONDITIONS = Conditions()


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A face, grey at half size with its mesh, and in colour, (320, 320, 3) uint8."""

    face: Face
    crop_rgb: NDArray[np.uint8]


@cache
def people(seed: int, count: int = PEOPLE) -> tuple[Person, ...]:
    """Draw people; other seeds, other people."""
    rng = np.random.default_rng([seed, 7])
    with quiet_stderr():
        photograph = Portrait.astronaut()
    bases = [photograph if number % 2 else painted_face(rng) for number in range(count)]
    return tuple(_person(base.varied(rng)) for base in bases)


def draw(
    recipe: str, labels: tuple[str, ...], count: int, seed: int
) -> Iterator[tuple[Float, int]]:
    """Yield samples one by one, labels by turns.

    Parameters
    ----------
    recipe
        One of ``FLOW``; ``ars``: residual pictures, (3, 320, 320), RGB from 0 to 1; or another of
        ``realtime_mer.recipes``, made of short painted clips.
    labels
        What to draw, the positions of which are yielded: emotions and ``none``.
    count, seed
        How many, and which.

    Yields
    ------
    (planes, H, W) float32 as the recipe makes it, and the label's position.

    Raises
    ------
    ConfigError
        There is no such recipe.
    """
    if recipe not in FLOW and recipe != RESIDUAL:
        make = find_recipe(recipe)
        for number in range(count):
            label = number % len(labels)
            yield make(aligned_clip(labels[label], seed * count + number)), label
        return
    for number in range(count):
        if recipe == RESIDUAL:
            picture = residual_picture(labels[number % len(labels)], seed, number)
            yield np.asarray(picture.transpose(2, 0, 1) / np.float32(255)), number % len(labels)
        else:
            maps = flow_sample(labels[number % len(labels)], seed, number)
            yield maps[recipe], number % len(labels)


@cache
def flow_sample(label: str, seed: int, number: int) -> dict[str, Float]:
    """Return one movement as every recipe of ``FLOW`` reads it. Kept: models share recipes."""
    rng, person = _drawn(seed, number)
    field, head = _motion(label, person, rng)
    pair = photograph_pair(person.face.gray, field, head, rng, CONDITIONS)
    motion = face_motion(*pair)
    return {name: recipe(motion) for name, recipe in FLOW.items()}


def residual_picture(label: str, seed: int, number: int) -> NDArray[np.uint8]:
    """Return the absolute residual sum of one rendered clip, (320, 320, 3) uint8."""
    rng, person = _drawn(seed, number)
    field, head = _motion(label, person, rng)
    moved = on_face(field + head, rng) * np.float32(CROP_IOD)
    motion_px = cv2.resize(moved, (CROP, CROP), interpolation=cv2.INTER_LINEAR)
    rise, fall = rng.uniform(*HALF_S, 2)
    times = np.arange(0, rise + fall, 1 / rng.choice(FRAME_RATES))
    picks = key_frames_by_time(times, 0.0, min(rise, times[-1]), times[-1])
    strength = raised_cosine(times, 0.0, rise, rise + fall)
    noise = float(np.exp(rng.uniform(*np.log(CONDITIONS.noise))))
    quality = int(rng.integers(45, 98)) if rng.random() < 0.6 else None
    needed = sorted(set(picks))
    start, *later = (
        _photographed(person.crop_rgb, motion_px * np.float32(share), noise, quality, rng)
        for share in (0.0, *strength[needed])
    )
    return ars(start, np.stack(later), pick=[needed.index(place) for place in picks])


def _drawn(seed: int, number: int) -> tuple[np.random.Generator, Person]:
    rng = np.random.default_rng([seed, number])
    return rng, people(seed)[int(rng.integers(PEOPLE))]


def _motion(label: str, person: Person, rng: np.random.Generator) -> tuple[Float, Float]:
    """Draw what the skin and the head do, (160, 160, 2) in IOD each."""
    if label == NONE:
        skin = draw_nothing(person.face, rng, CONDITIONS)
    else:
        skin = draw_expression(label, person.face, rng, CONDITIONS)
    return skin.field, draw_head(rng, CONDITIONS)


def _person(portrait: Portrait) -> Person:
    crop = cv2.warpAffine(
        portrait.image_rgb, align(Mesh(portrait.mesh[:, :2])), (CROP, CROP),
        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return Person(align_face(portrait), np.asarray(crop, np.uint8))


def _photographed(
    crop_rgb: NDArray[np.uint8],
    motion_px: Float,
    noise: float,
    quality: int | None,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Move a face, add noise, compress."""
    y, x = np.mgrid[:CROP, :CROP].astype(np.float32)
    later = cv2.remap(
        crop_rgb, x - motion_px[..., 0], y - motion_px[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    grain = rng.standard_normal(later.shape, np.float32) * np.float32(noise)
    image = np.clip(np.rint(later + grain), 0, 255).astype(np.uint8)
    if quality is None:
        return image
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
