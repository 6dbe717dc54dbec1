import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.synthesis.action_units import ACTION_UNITS, displacement
from offline.synthesis.muscles import MUSCLES, Hinge, Pull, Ring, pulled
from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import canonical_crop_xy, canonical_mesh, mirror_index

MESH = canonical_mesh()[:, :2].astype(np.float64)
TWINS = mirror_index()
RIGHT, LEFT = 0, 1
FLIP = np.array([-1.0, 1.0])


def crop_grid():
    axis = np.arange(-20.0, 340.0, 2.0)
    return np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)


def _moved(activation, point, person=None):
    """(lateral outward, up) of a point given by its number, in IOD."""
    x, y = pulled(activation, MESH, MESH[[point]], person)[0]
    return x * (np.sign(MESH[point, 0]) or 1), -y


def test_every_unit_has_muscles_but_lids_that_shut():
    assert set(ACTION_UNITS) - set(MUSCLES) == {43, 45}
    assert set(MUSCLES) <= set(ACTION_UNITS)
    assert not pulled({43: (1.0, 1.0), 45: (1.0, 1.0)}, MESH, MESH).any()


@pytest.mark.parametrize("unit", sorted(MUSCLES))
def test_paired_points_are_mirror_twins(unit):
    for muscle in MUSCLES[unit]:
        if isinstance(muscle, Pull):
            for right, left in (muscle.bone, muscle.skin):
                assert TWINS[right] == left
                assert MESH[right, 0] <= 1e-6 <= MESH[left, 0] + 2e-6
        elif isinstance(muscle, Ring):
            right, left = muscle.centre
            assert sorted(TWINS[list(right)]) == sorted(left)
            assert MESH[list(right), 0].mean() <= 1e-6 <= MESH[list(left), 0].mean() + 2e-6
        else:
            assert isinstance(muscle, Hinge)
            assert TWINS[muscle.line] == muscle.line


@pytest.mark.parametrize(
    ("unit", "point", "outward", "up"),
    [
        (1, 336, None, 1),
        (1, 107, None, 1),
        (2, 293, None, 1),
        (2, 334, None, 1),
        (4, 285, -1, -1),
        (4, 55, -1, -1),
        (5, 386, None, 1),
        (6, 346, -1, 1),
        (7, 374, None, 1),
        (7, 386, None, -1),
        (9, 358, None, 1),
        (10, 269, None, 1),
        (12, 291, 1, 1),
        (12, 61, 1, 1),
        (14, 291, 1, None),
        (15, 291, None, -1),
        (17, 199, None, 1),
        (17, 17, None, 1),
        (20, 291, 1, None),
        (23, 291, -1, None),
        (24, 0, None, -1),
        (24, 17, None, 1),
        (25, 0, None, 1),
        (25, 17, None, -1),
        (26, 152, None, -1),
        (26, 17, None, -1),
    ],
)
def test_muscles_pull_where_the_manual_says(unit, point, outward, up):
    found = _moved({unit: (1.0, 1.0)}, point)
    for wanted, value in zip((outward, up), found, strict=True):
        if wanted is not None:
            assert 0.15 < wanted * value <= 1.01


def test_the_jaw_leaves_the_upper_lip_where_it_is():
    assert np.hypot(*_moved({26: (1.0, 1.0)}, 0)) < 1e-9


@pytest.mark.parametrize("unit", sorted(MUSCLES))
def test_peak_is_the_intensity_on_the_canonical_face(unit):
    field = pulled({unit: (0.04, 0.04)}, canonical_crop_xy(), crop_grid())
    assert np.hypot(*field.T).max() / 112.0 == pytest.approx(0.04, rel=0.01)


@pytest.mark.parametrize("unit", sorted(MUSCLES))
def test_both_anatomies_mean_the_same_movement(unit):
    """They agree in the main, and are not each other's copy."""
    muscles, bumps = (
        move({unit: (0.04, 0.04)}, canonical_crop_xy(), crop_grid())
        for move in (pulled, displacement)
    )
    cosine = (muscles * bumps).sum() / np.sqrt((muscles**2).sum() * (bumps**2).sum())
    assert 0.5 < cosine < 0.96


@pytest.mark.parametrize("unit", sorted(MUSCLES))
def test_a_one_sided_unit_moves_its_own_side(unit):
    right = np.hypot(*pulled({unit: (0.03, 0.0)}, MESH, MESH).T)
    subjects_right, subjects_left = MESH[:, 0] < -0.15, MESH[:, 0] > 0.15
    assert 0.02 < right[subjects_right].max() < 0.031
    assert right[subjects_left].max() < 0.0025
    left = np.hypot(*pulled({unit: (0.0, 0.03)}, MESH, MESH).T)
    assert left[subjects_left].max() > 8 * left[subjects_right].max()


@pytest.mark.parametrize("unit", sorted(MUSCLES))
@pytest.mark.parametrize("person", [None, 5])
def test_sides_swap_with_the_mirror(unit, person):
    one = pulled({unit: (0.03, 0.01)}, MESH, MESH, person)
    other = pulled({unit: (0.01, 0.03)}, MESH[TWINS] * FLIP, MESH * FLIP, person)
    np.testing.assert_allclose(other, one * FLIP, atol=2e-4)


@settings(max_examples=30, deadline=None)
@given(
    unit=st.sampled_from(sorted(MUSCLES)),
    roll=st.floats(-1.2, 1.2),
    scale=st.floats(20.0, 300.0),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    sides=st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)),
)
def test_fields_turn_and_grow_with_the_head(unit, roll, scale, shift, sides):
    turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    rest = pulled({unit: sides}, MESH, MESH)
    moved = pulled({unit: sides}, MESH @ turn.T + shift, MESH @ turn.T + shift)
    np.testing.assert_allclose(moved, rest @ turn.T, atol=1e-6 * scale)


@settings(max_examples=20, deadline=None)
@given(
    units=st.lists(st.sampled_from(sorted(MUSCLES)), min_size=2, max_size=2, unique=True),
    factor=st.floats(-2, 2),
)
def test_units_add_up_and_grow_with_their_intensity(units, factor):
    one, other = ({unit: (0.02, 0.03)} for unit in units)
    apart = pulled(one, MESH, MESH) + pulled(other, MESH, MESH)
    np.testing.assert_allclose(pulled(one | other, MESH, MESH), apart, atol=1e-12)
    grown = pulled({units[0]: (0.02 * factor, 0.03 * factor)}, MESH, MESH)
    np.testing.assert_allclose(grown, factor * pulled(one, MESH, MESH), atol=1e-12)


@pytest.mark.parametrize("unit", sorted(MUSCLES))
def test_people_differ_and_stay_themselves(unit):
    asked = {unit: (0.03, 0.03)}
    table, one, other = (pulled(asked, MESH, MESH, person) for person in (None, 1, 2))
    np.testing.assert_array_equal(one, pulled(asked, MESH, MESH, 1))
    for a, b in ((table, one), (table, other), (one, other)):
        assert 0.001 < np.abs(a - b).max() < 0.03
    assert (one * table).sum() > 0


def test_peoples_strengths_stay_near_the_table():
    peaks = [
        np.hypot(*pulled({12: (0.03, 0.03)}, MESH, MESH, person).T).max() / 0.03
        for person in range(60)
    ]
    assert 0.85 < np.median(peaks) < 1.2
    assert 0.1 < np.std(np.log(peaks)) < 0.4


def test_what_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"action unit 3 .* 1, 2, 4"):
        pulled({3: (1.0, 1.0)}, MESH, MESH)
    with pytest.raises(ConfigError, match="eye centres"):
        pulled({12: (1.0, 1.0)}, np.zeros((478, 2)), MESH)
    assert not pulled({12: (0.0, 0.0)}, MESH, MESH).any()
