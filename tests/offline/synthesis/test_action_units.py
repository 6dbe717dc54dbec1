import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.synthesis.action_units import (
    ACTION_UNITS,
    EMOTION_MIXTURES,
    displacement,
    draw_activation,
    own_bumps,
    peak_iod,
    scaled_to_peak,
)
from offline.synthesis.fields import head_grid
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS
from realtime_mer.face.topology import (
    canonical_crop_xy,
    canonical_mesh,
    inter_ocular_distance,
    mirror_index,
)

MESH = canonical_mesh()[:, :2].astype(np.float64)
RIGHT, LEFT = 0, 1


def _moved(activation, point):
    """(lateral outward, up) of a point given by its number, in IOD."""
    x, y = displacement(activation, MESH, MESH[[point]])[0]
    outward = x * (np.sign(MESH[point, 0]) or 1)
    return outward, -y


def test_paired_anchors_are_mirror_twins():
    twins = mirror_index()
    for unit in ACTION_UNITS.values():
        for bump in unit.bumps:
            assert twins[bump.anchor[RIGHT]] == bump.anchor[LEFT], unit.name
            assert MESH[bump.anchor[RIGHT], 0] <= 0 <= MESH[bump.anchor[LEFT], 0], unit.name


@pytest.mark.parametrize(
    ("unit", "point", "outward", "up"),
    [
        (1, 336, None, 1),
        (2, 293, None, 1),
        (4, 285, -1, -1),
        (5, 386, None, 1),
        (6, 346, -1, 1),
        (7, 374, None, 1),
        (9, 358, None, 1),
        (10, 269, None, 1),
        (12, 291, 1, 1),
        (14, 291, 1, None),
        (15, 291, None, -1),
        (17, 199, None, 1),
        (20, 291, 1, None),
        (24, 0, None, -1),
        (24, 17, None, 1),
        (26, 152, None, -1),
        (45, 386, None, -1),
    ],
)
def test_units_pull_where_the_manual_says(unit, point, outward, up):
    found = _moved({unit: (1.0, 1.0)}, point)
    for wanted, value in zip((outward, up), found, strict=True):
        if wanted is not None:
            assert 0.15 < wanted * value <= 1.01


def test_one_sided_smile_moves_only_the_subjects_right_corner_out_and_up():
    outward, up = _moved({12: (0.03, 0.0)}, 61)
    assert 0.015 < outward < 0.03
    assert 0.01 < up < 0.03
    assert np.hypot(*_moved({12: (0.03, 0.0)}, 291)) < 0.001


def test_sides_swap_with_the_mirror():
    twins, flip = mirror_index(), np.array([-1.0, 1.0])
    for unit in ACTION_UNITS:
        right = displacement({unit: (0.03, 0.01)}, MESH, MESH)
        left = displacement({unit: (0.01, 0.03)}, MESH, MESH)
        np.testing.assert_allclose(left, right[twins] * flip, atol=2e-4)


@pytest.mark.parametrize("unit", sorted(ACTION_UNITS))
def test_peak_is_the_requested_share_of_the_inter_ocular_distance(unit):
    crop = canonical_crop_xy()
    axis = np.arange(-20.0, 340.0, 2.0)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    field = displacement({unit: (0.04, 0.04)}, crop, grid)
    assert np.hypot(*field.T).max() / 112.0 == pytest.approx(0.04, rel=0.01)


@settings(max_examples=30, deadline=None)
@given(
    unit=st.sampled_from(sorted(ACTION_UNITS)),
    roll=st.floats(-1.2, 1.2),
    scale=st.floats(20.0, 300.0),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    sides=st.tuples(st.floats(0, 0.05), st.floats(0, 0.05)),
)
def test_fields_turn_and_grow_with_the_head(unit, roll, scale, shift, sides):
    turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    rest = displacement({unit: sides}, MESH, MESH)
    moved = displacement({unit: sides}, MESH @ turn.T + shift, MESH @ turn.T + shift)
    np.testing.assert_allclose(moved, rest @ turn.T, atol=1e-6 * scale)


def test_fields_fade_away_from_the_face():
    far = np.array([[3.0, 0.0], [-3.0, 1.0], [0.0, -3.0]])
    for unit in ACTION_UNITS:
        assert np.abs(displacement({unit: (1.0, 1.0)}, MESH, far)).max() < 0.02


def test_mixtures_cover_the_projects_emotions_in_order():
    assert tuple(EMOTION_MIXTURES) == EMOTIONS
    for mixtures in EMOTION_MIXTURES.values():
        assert {unit for _, units in mixtures for unit in units} <= set(ACTION_UNITS)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_drawn_activations_have_unit_peak_and_vary(emotion):
    drawn = [draw_activation(emotion, np.random.default_rng(seed)) for seed in range(40)]
    for activation in drawn:
        assert peak_iod(activation) == pytest.approx(1.0)
        assert all(side >= 0 for sides in activation.values() for side in sides)
    assert len({tuple(activation) for activation in drawn}) >= 4
    assert draw_activation(emotion, np.random.default_rng(7)) == drawn[7]


def test_asking_for_what_is_not_there_says_what_is():
    with pytest.raises(ConfigError, match=r"action unit 3 .* 1, 2, 4"):
        displacement({3: (1.0, 1.0)}, MESH, MESH)
    with pytest.raises(ConfigError, match=r"'fear' .* surprise"):
        draw_activation("fear", np.random.default_rng(0))
    with pytest.raises(ConfigError, match="moves nothing"):
        scaled_to_peak({12: (0.0, 0.0)}, 0.03)
    with pytest.raises(ConfigError, match="eye centres"):
        displacement({12: (1.0, 1.0)}, np.zeros((478, 2)), MESH)


def test_the_same_number_has_the_same_muscles():
    for unit in ACTION_UNITS:
        assert own_bumps(unit, 11) == own_bumps(unit, 11)
        assert own_bumps(unit) == ACTION_UNITS[unit].bumps
        assert len(own_bumps(unit, 11)) == len(ACTION_UNITS[unit].bumps)


def test_different_people_have_different_muscles_within_bounds():
    turns, reaches, weights = [], [], []
    for person in range(200):
        for own, table in zip(own_bumps(12, person), ACTION_UNITS[12].bumps, strict=True):
            assert own.anchor == table.anchor
            assert np.hypot(*own.direction) == pytest.approx(np.hypot(*table.direction))
            angle = [np.arctan2(bump.direction[1], bump.direction[0]) for bump in (own, table)]
            turns.append(np.degrees((angle[0] - angle[1] + np.pi) % (2 * np.pi) - np.pi))
            reach = np.log(np.array(own.spread) / np.array(table.spread))
            assert np.ptp(reach) < 1e-9
            reaches.append(reach[0])
            weights.append(np.log(own.weight / table.weight))
    assert len(set(turns)) == len(turns)
    assert 8 < np.std(turns) < 12
    assert 0.2 < np.std(reaches) < 0.3
    assert 0.16 < np.std(weights) < 0.24


def test_muscles_of_another_person_move_the_skin_elsewhere():
    table = displacement({12: (0.03, 0.03)}, MESH, MESH)
    one, other = (displacement({12: (0.03, 0.03)}, MESH, MESH, person) for person in (1, 2))
    np.testing.assert_array_equal(table, displacement({12: (0.03, 0.03)}, MESH, MESH, None))
    for a, b in ((table, one), (table, other), (one, other)):
        assert 0.002 < np.abs(a - b).max() < 0.03


@pytest.mark.parametrize("activation", [{1: (1, 1), 2: (1, 1)}, {12: (1, 0.3)}, {4: (1, 1)}])
def test_a_rendered_field_is_as_large_for_everyone(activation):
    """Whatever the muscles, the clip's label says how far the skin moves."""
    mesh = canonical_mesh().astype(np.float64)
    mesh = mesh * (60 / inter_ocular_distance(mesh)) + [160, 130, 0]
    grid = head_grid(mesh, 320, 320)
    asked = scaled_to_peak(activation, 0.04)
    for person in (None, *range(12)):
        peak = np.hypot(*grid.action_field(asked, person).reshape(-1, 2).T).max()
        assert peak / 60 == pytest.approx(0.04, rel=1e-3), person
