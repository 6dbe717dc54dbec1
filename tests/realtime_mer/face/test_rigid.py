import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.face.points import layout
from realtime_mer.face.rigid import SKIN_NOISE, design, fit_head, fit_head_numpy
from realtime_mer.face.topology import canonical_mesh

LAYOUT = layout()
PLACES = canonical_mesh()[list(LAYOUT.mesh_points), :2].astype(np.float64)
DESIGN = design(PLACES, LAYOUT.depth)
RIGID = list(LAYOUT.rigid)
ONES = np.ones(len(RIGID))
FULL = np.tile(np.eye(2) / SKIN_NOISE**2, (len(RIGID), 1, 1))


def perspective_turn(yaw: float, pitch: float) -> np.ndarray:
    """Move every patch as a head that turns in depth, seen from afar."""
    points = np.column_stack([PLACES, LAYOUT.depth])
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ np.array(
        [[1, 0, 0], [0, cp, -sp], [0, sp, cp]]
    )
    return (points @ turn.T)[:, :2] - PLACES


@pytest.mark.parametrize(("yaw", "pitch"), [(0.03, 0), (0, 0.03), (-0.02, 0.02)])
def test_a_small_turn_leaves_little_behind(yaw: float, pitch: float) -> None:
    moved = perspective_turn(yaw, pitch)
    head = fit_head(DESIGN[RIGID], moved[RIGID], FULL, ONES)
    left = moved - DESIGN @ head.parameters
    assert np.abs(left).max() < 0.15 * np.abs(moved).max()
    assert np.abs(head.turn).max() > 0.01


def test_shift_zoom_and_roll_vanish_entirely() -> None:
    moved = DESIGN @ np.array([0.02, -0.01, 0.03, 0.02, 0, 0])
    head = fit_head(DESIGN[RIGID], moved[RIGID], FULL, ONES)
    assert np.abs(moved - DESIGN @ head.parameters).max() < 1e-4


def test_a_sneer_at_the_nose_base_does_not_move_the_head() -> None:
    moved = np.zeros((len(RIGID), 2))
    moved[[5, 11]] = (0, -0.02)
    head = fit_head(DESIGN[RIGID], moved, FULL, ONES)
    assert np.abs(DESIGN @ head.parameters).max() < 0.006


def test_patches_without_texture_have_no_say() -> None:
    moved = np.zeros((len(RIGID), 2))
    moved[:6] = 0.05
    blind = FULL.copy()
    blind[:6] = 0
    head = fit_head(DESIGN[RIGID], moved, blind, ONES)
    assert np.abs(DESIGN @ head.parameters).max() < 1e-6


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 0.05))
def test_the_kernel_does_what_its_twin_does(seed, noise):
    rng = np.random.default_rng(seed)
    moved = DESIGN @ rng.normal(0, 0.02, 6) + rng.normal(0, noise, (len(DESIGN), 2))
    half = rng.normal(size=(len(DESIGN), 2, 2)) / SKIN_NOISE
    certain = half @ half.transpose(0, 2, 1) * (rng.random(len(DESIGN)) > 0.2)[:, None, None]
    say = rng.random(len(DESIGN))
    mine = fit_head(DESIGN, moved, certain, say).parameters
    twin = fit_head_numpy(DESIGN, moved, certain, say).parameters
    np.testing.assert_allclose(mine, twin, rtol=1e-6, atol=1e-9)
