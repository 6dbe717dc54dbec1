import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.synthesis.layouts.film import LEAST_IOD, Film, draw_person, filmed, stream
from offline.synthesis.layouts.layout import TreeSettings
from offline.synthesis.layouts.registry import LAYOUTS, find_layout
from realtime_mer.errors import ConfigError

FILMS = [film for layout in LAYOUTS.values() for film in layout.films.values()]


@given(film=st.sampled_from(FILMS), scale=st.floats(0.1, 2.0))
def test_every_size_has_room_for_a_face_that_can_be_found(film, scale):
    width, height = film.picture_px(scale)
    iod = film.face_px(scale)
    assert width % 2 == height % 2 == 0
    assert iod >= LEAST_IOD
    assert height > 2.8 * iod
    assert width > 2.3 * iod
    filmed(draw_person(0, "x", 0), film, scale, 5, np.random.default_rng(0))


def test_a_whole_picture_at_full_scale_has_the_real_size():
    assert LAYOUTS["casme2"].films["raw"].picture_px(1.0) == (640, 480)
    assert LAYOUTS["casme2"].films["cropped"].picture_px(1.0) == (280, 340)
    assert LAYOUTS["samm"].films["raw"].picture_px(1.0) == (960, 650)
    assert Film(25, (640, 480), 100).picture_px(0.5) == (320, 240)


def test_streams_of_subjects_and_clips_do_not_meet():
    streams = [(0, "a", 0), (0, "a", 1), (0, "a", 0, 0), (0, "a", 0, 1), (0, "b", 0), (1, "a", 0)]
    drawn = {stream(*numbers).random() for numbers in streams}
    assert len(drawn) == len(streams)


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"subjects": 0}, {"clips": 0}, {"scale": 0.01}, {"scale": 3}, {"seconds": 1}],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} is"):
        TreeSettings(**wrong)


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("casme2", {"variant": "grey"}, "selected, raw, cropped"),
        ("flow-archive", {"variant": "raw"}, "there is: none"),
        ("flow-archive", {"scale": 0.5}, "no scale"),
        ("samm", {"seconds": 20}, "no seconds"),
        ("samm", {"train_copies": True}, "no train copies"),
    ],
)
def test_settings_that_a_layout_has_not(name, wrong, message):
    with pytest.raises(ConfigError, match=message):
        LAYOUTS[name].settled(TreeSettings(**wrong))


def test_an_unknown_layout_names_the_known_ones():
    with pytest.raises(ConfigError, match="casme2, smic"):
        find_layout("casme5")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("casme-sq", {"clips": 10}), ("samm-lv", {"clips": 8}), ("flow-archive", {"subjects": 69})],
)
def test_more_than_there_is(name, wrong):
    layout = LAYOUTS[name]
    with pytest.raises(ConfigError, match=r"at most|asked for"):
        layout.plan(layout.settled(TreeSettings(**wrong)))
