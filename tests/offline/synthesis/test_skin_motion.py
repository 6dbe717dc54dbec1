from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.synthesis import skin_motion
from offline.synthesis.aligned_faces import Face
from offline.synthesis.conditions import Conditions
from offline.synthesis.skin_motion import draw_expression, draw_nothing, group_scores, smooth_noise
from realtime_mer.events import ACTION_UNIT_GROUPS, EMOTIONS
from realtime_mer.face.topology import canonical_crop_xy

NAMES = list(ACTION_UNIT_GROUPS)
RIGHT, LEFT = 0, 1
CALM = Conditions(
    peak_iod=(0.03, 0.03), late=(1.0, 1.0), unrelated=0, blink=0, gaze=0, scatter=0,
)  # fmt: skip
GROUPED = {unit for units in ACTION_UNIT_GROUPS.values() for unit in units}


@pytest.fixture(scope="module")
def face() -> Face:
    return Face(np.zeros((160, 160), np.float32), canonical_crop_xy())


def row(name: str) -> int:
    return NAMES.index(name)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(-1.0, 0), (0.0, 0), (0.15, 0), (0.325, 0.5), (0.5, 1), (0.8, 1), (2.0, 1)],
)
def test_a_group_is_there_from_half_the_peak_on(share, expected):
    found = group_scores({12: (share, 0.0)})
    assert found.shape == (10, 2)
    assert found.dtype == np.float32
    assert found[row("lip_corner_pull"), RIGHT] == pytest.approx(expected, abs=1e-6)
    found[row("lip_corner_pull"), RIGHT] = 0
    assert not found.any()


@pytest.mark.parametrize(("name", "units"), list(ACTION_UNIT_GROUPS.items()))
def test_every_unit_belongs_to_its_group_and_side(name, units):
    for unit in units:
        found = group_scores({unit: (0.0, 1.0)})
        assert found[row(name)].tolist() == [0.0, 1.0]
        assert found.sum() == 1


def test_a_group_is_as_clear_as_its_clearest_unit_on_each_side():
    found = group_scores({1: (0.2, 0.9), 2: (0.4, -0.9), 26: (-0.6, -0.6), 24: (1.0, 1.0)})
    assert found[row("brow_raise")] == pytest.approx([0.25 / 0.35, 1.0], abs=1e-5)
    assert not found[row("lips_part")].any()
    assert found.sum() == pytest.approx(found[row("brow_raise")].sum())


@given(
    st.dictionaries(
        st.sampled_from([1, 2, 4, 6, 7, 9, 10, 12, 14, 15, 17, 20, 24, 25, 26, 45]),
        st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    )
)
def test_scores_are_shares_that_swap_with_the_sides(activation):
    found = group_scores(activation)
    assert ((found >= 0) & (found <= 1)).all()
    other = group_scores({unit: (left, right) for unit, (right, left) in activation.items()})
    np.testing.assert_array_equal(other, found[:, ::-1])


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize("muscles", [0.0, 1.0])
def test_an_expression_moves_as_far_as_asked(face, emotion, muscles):
    conditions = replace(CALM, muscles=muscles)
    drawn = [
        draw_expression(emotion, face, np.random.default_rng(seed), conditions)
        for seed in range(20)
    ]
    peaks = [np.hypot(*each.field.transpose(2, 0, 1)).max() for each in drawn]
    assert all(each.field.shape == (160, 160, 2) for each in drawn)
    assert all(each.field.dtype == np.float32 for each in drawn)
    assert 0.018 < np.median(peaks) < 0.036
    assert max(peaks) < 0.07
    assert min(peaks) > 0.003


def test_an_expression_says_which_groups_it_planted(face, monkeypatch):
    planted = {12: (1.0, 0.1), 6: (0.3, 0.6)}
    monkeypatch.setattr(skin_motion, "draw_activation", lambda *_: planted)
    found = draw_expression("positive", face, np.random.default_rng(0), CALM)
    np.testing.assert_array_equal(found.groups, group_scores(planted))
    assert found.groups[row("lip_corner_pull")].tolist() == [1.0, 0.0]
    speed = np.hypot(*found.field.transpose(2, 0, 1))
    assert speed[105:130, :78].max() > 1.8 * speed[105:130, 82:].max()


def test_an_unrelated_unit_is_told_too_when_it_is_strong(face, monkeypatch):
    monkeypatch.setattr(skin_motion, "draw_activation", lambda *_: {12: (1.0, 1.0)})
    always = replace(CALM, unrelated=1)
    extra = []
    for seed in range(40):
        groups = draw_expression("positive", face, np.random.default_rng(seed), always).groups
        assert groups[row("lip_corner_pull")].tolist() == [1.0, 1.0]
        extra.append(np.delete(groups, row("lip_corner_pull"), 0).max())
    assert 0.1 < np.mean(np.array(extra) > 0) < 0.8
    assert max(extra) < 1


def test_a_surprised_brow_goes_up_and_a_frown_down(face):
    means = {}
    for emotion in ("surprise", "negative"):
        rng = np.random.default_rng(0)
        fields = [draw_expression(emotion, face, rng, CALM).field for _ in range(30)]
        means[emotion] = np.mean(fields, 0)[30:42, 30:130, 1].mean()
    assert -0.03 < means["surprise"] < -0.001
    assert 0.0002 < means["negative"] < 0.03


class _Fixed:
    """A random stream that gives one kind of nothing."""

    def __init__(self, kind, seed):
        self._kind, self._rng = kind, np.random.default_rng(seed)

    def choice(self, options, *args, **kwargs):
        if "still" in options:
            return self._kind
        return self._rng.choice(options, *args, **kwargs)

    def __getattr__(self, name):
        return getattr(self._rng, name)


@pytest.mark.parametrize("kind", ["still", "twitch", "lids", "gaze", "speech", "swallow", "drift"])
def test_nothing_moves_little_or_where_it_should(face, kind):
    drawn = [draw_nothing(face, _Fixed(kind, seed), CALM) for seed in range(12)]
    speeds = np.array([np.hypot(*each.field.transpose(2, 0, 1)) for each in drawn])
    groups = np.array([each.groups for each in drawn])
    brows, mouth = speeds[:, 20:36].max((1, 2)), speeds[:, 95:140].max((1, 2))
    eyes = speeds[:, 45:70].max((1, 2))
    if kind == "still":
        assert not speeds.any()
    elif kind == "twitch":
        assert 0.01 < np.median(np.median(speeds, axis=(1, 2))) < 0.15
    elif kind in ("lids", "gaze"):
        assert (eyes > mouth).all()
        assert 0.01 < np.median(eyes) < 0.15
    elif kind in ("speech", "swallow"):
        assert (mouth > brows).all()
    else:
        assert 0.002 < np.median(speeds.max((1, 2))) < 0.06
    if kind == "speech":
        parting = groups[:, row("lips_part")]
        assert 0 < (parting > 0).mean() < 1
        assert not groups[:, row("brow_raise")].any()
    else:
        assert not groups.any()


def test_fields_repeat_with_the_seed(face):
    for draw in (draw_nothing, lambda *rest: draw_expression("negative", *rest)):
        one, two, other = (
            draw(face, np.random.default_rng(seed), Conditions()) for seed in (3, 3, 4)
        )
        np.testing.assert_array_equal(one.field, two.field)
        np.testing.assert_array_equal(one.groups, two.groups)
        assert np.abs(one.field - other.field).max() > 1e-4


def test_byplay_comes_as_often_as_asked(face):
    def byplay(conditions, seed):
        return skin_motion._byplay(face, np.random.default_rng(seed), conditions, 0.03)

    assert not byplay(CALM, 0).any()
    for name in ("blink", "gaze"):
        moved = [np.abs(byplay(replace(CALM, **{name: 1}), seed)).max() for seed in range(8)]
        assert 0.005 < np.median(moved) < 0.15, name
    rough = [byplay(replace(CALM, scatter=0.5), seed) for seed in range(30)]
    sizes = [np.sqrt((field**2).mean()) / 0.03 for field in rough]
    assert 0.1 < np.mean(sizes) < 0.4
    assert max(sizes) < 0.9


def test_muscles_bumps_or_a_blend_of_both():
    rng = np.random.default_rng(0)

    def shares(units, share):
        wanted = replace(CALM, muscles=share)
        return np.array([skin_motion._muscle_share(units, rng, wanted) for _ in range(600)])

    smile = {12: (1.0, 1.0)}
    assert set(shares(smile, 0.0)) == {0.0}
    assert set(shares(smile, 1.0)) == {1.0}
    assert set(shares({12: (1.0, 1.0), 45: (1.0, 1.0)}, 1.0)) == {0.0}
    mixed = shares(smile, 0.5)
    blends = (mixed > 0) & (mixed < 1)
    assert 0.25 < blends.mean() < 0.42
    assert ((mixed[blends] >= 0.2) & (mixed[blends] <= 0.8)).all()
    assert 0.25 < (mixed == 1).mean() < 0.42


def test_noise_is_smooth_and_of_unit_size():
    fields = [smooth_noise(np.random.default_rng(seed)) for seed in range(20)]
    assert 0.8 < np.sqrt(np.mean(np.square(fields))) < 1.2
    steps = np.sqrt(np.mean(np.square(np.diff(fields, axis=1))))
    assert steps < 0.15
    assert smooth_noise(np.random.default_rng(0), side=64).shape == (64, 64, 2)
