"""What a look holds fast to, and what it tells apart."""

import cv2
import numpy as np
import pytest

from realtime_mer.face import similarity
from realtime_mer.face.identity import (
    FIT_OTHER,
    FIT_SAME,
    VIEWS,
    Gallery,
    look_at,
    share_inside,
)
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.face.tracker import align
from tests.realtime_mer.face.scenes import Scene, stay


def picture_of(name, iod=70.0, x=320.0):
    frame = next(Scene({name: stay(x, iod=iod)}, 0.1).frames())
    with MediaPipeMesh() as mesh:
        [found] = mesh.detect(frame.image_rgb)
    return cv2.cvtColor(frame.image_rgb, cv2.COLOR_RGB2GRAY), align(found)


@pytest.fixture(scope="module")
def astronaut():
    return picture_of("astronaut")


@pytest.mark.parametrize(
    "change",
    [
        lambda g: np.clip(g * 0.35, 0, 255),
        lambda g: np.clip(g * 0.6 + 90, 0, 255),
        lambda g: 255 * (g / 255.0) ** 2,
        lambda g: np.clip(g * np.linspace(0.4, 1.3, g.shape[1]), 0, 255),
        lambda g: g + np.random.default_rng(0).normal(0, 6, g.shape).clip(-20, 20),
        lambda g: cv2.GaussianBlur(g.astype(np.float32), (0, 0), 1.5),
    ],
    ids=["dark", "haze", "gamma", "light from the side", "noise", "soft"],
)
def test_light_noise_and_focus_do_not_make_a_stranger(astronaut, change):
    gray, to_crop = astronaut
    changed = np.clip(change(gray.astype(np.float64)), 0, 255).astype(np.uint8)
    assert look_at(changed, to_crop) @ look_at(gray, to_crop) > 0.85


@pytest.mark.parametrize("iod", [45.0, 110.0])
def test_nor_does_distance(astronaut, iod):
    assert look_at(*picture_of("astronaut", iod)) @ look_at(*astronaut) > FIT_SAME


@pytest.mark.parametrize("name", ["pale", "dark"])
def test_others_are_others(astronaut, name):
    assert look_at(*picture_of(name, 62.0)) @ look_at(*astronaut) < FIT_OTHER


def test_a_look_has_unit_norm_even_of_nothing():
    look = look_at(np.full((200, 200), 90, np.uint8), similarity.IDENTITY)
    assert look.dtype == np.float32
    assert np.isfinite(look).all()


def unit(seed):
    vector = np.random.default_rng(seed).normal(size=576).astype(np.float32)
    return vector / np.linalg.norm(vector)


def test_a_gallery_keeps_the_first_and_what_differs():
    gallery = Gallery()
    assert gallery.fit(unit(0)) == -1
    for seed in range(20):
        gallery.add(unit(seed))
        gallery.add(unit(seed))
    assert len(gallery) == VIEWS
    assert gallery.fit(unit(0)) == pytest.approx(1, abs=1e-5)
    assert gallery.fit(unit(19)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("x", "share"), [(160.0, 1.0), (0.0, 0.5), (-400.0, 0.0)])
def test_share_of_a_face_within_the_picture(x, share):
    to_crop = np.array([[1.0, 0, 160 - x], [0, 1.0, 0]])
    assert share_inside(to_crop, 320, 320) == pytest.approx(share, abs=0.15)
