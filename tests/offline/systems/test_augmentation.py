"""The four changes of pictures: against one picture and one pixel at a time."""

import colorsys
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from offline.systems.augmentation import (
    FACTOR,
    HUE,
    TURN_DEG,
    Changes,
    augmented,
    changed,
    draw_changes,
    recoloured,
    turned,
)


def pictures(count: int, height: int = 6, width: int = 6, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def neutral(count: int) -> Changes:
    one, none, no = torch.ones(count), torch.zeros(count), torch.zeros(count, dtype=torch.bool)
    order = torch.arange(4).repeat(count, 1)
    return Changes(one, one, one, none, order, no, no, none)


def drawn(count: int, seed: int = 0) -> Changes:
    return draw_changes(count, torch.Generator().manual_seed(seed))


# One picture at a time, in plain NumPy -------------------------------------------------------


def luminance(picture: np.ndarray) -> np.ndarray:
    return np.clip(0.299 * picture[0] + 0.587 * picture[1] + 0.114 * picture[2], 0, 1)


def mixed(base: np.ndarray | float, picture: np.ndarray, factor: float) -> np.ndarray:
    return np.clip((1 - factor) * base + factor * picture, 0, 1)


def hue_moved(picture: np.ndarray, turns: float) -> np.ndarray:
    result = np.empty_like(picture)
    for row, column in np.ndindex(picture.shape[1:]):
        hue, saturation, value = colorsys.rgb_to_hsv(*picture[:, row, column])
        result[:, row, column] = colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value)
    return result


def plainly(picture: np.ndarray, changes: Changes, number: int) -> np.ndarray:
    def amount(name: str) -> float:
        return float(getattr(changes, name)[number])

    for step in changes.order[number].tolist():
        if step == 0:
            picture = mixed(0.0, picture, amount("brightness"))
        elif step == 1:
            picture = mixed(luminance(picture).mean(), picture, amount("contrast"))
        elif step == 2:
            picture = mixed(luminance(picture), picture, amount("saturation"))
        else:
            picture = hue_moved(picture, amount("hue"))
    if changes.grey[number]:
        picture = np.stack([luminance(picture)] * 3)
    if changes.flipped[number]:
        picture = picture[:, :, ::-1]
    return turned_plainly(picture, amount("turn_deg"))


def turned_plainly(picture: np.ndarray, degrees: float) -> np.ndarray:
    """Every pixel asks where it was before the turn; clockwise, with y downwards."""
    _, height, width = picture.shape
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    result = np.zeros_like(picture)
    for row, column in np.ndindex(height, width):
        x, y = column - middle_x, row - middle_y
        from_x = int(np.rint(cos * x + sin * y + middle_x))
        from_y = int(np.rint(-sin * x + cos * y + middle_y))
        if 0 <= from_x < width and 0 <= from_y < height:
            result[:, row, column] = picture[:, from_y, from_x]
    return result


@pytest.mark.parametrize("shape", [(8, 8), (7, 12)])
def test_a_batch_is_changed_as_each_picture_alone_would_be(shape):
    given, changes = pictures(24, *shape), drawn(24, 3)
    found = changed(given, changes).numpy()
    for number, picture in enumerate(given.double().numpy()):
        expected = plainly(picture, changes, number)
        np.testing.assert_allclose(found[number], expected, atol=2e-5)


def test_neutral_changes_change_nothing():
    given = pictures(5, 20, 30)
    torch.testing.assert_close(changed(given, neutral(5)), given, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("name", "amount", "expected"),
    [
        ("brightness", 0.5, (0.4, 0.2, 0.1)),
        ("brightness", 1.8, (1.0, 0.72, 0.36)),
        ("saturation", 0.0, (0.4968, 0.4968, 0.4968)),
        ("hue", 1 / 3, (0.2, 0.8, 0.4)),
        ("hue", -1 / 3, (0.4, 0.2, 0.8)),
        ("hue", 0.5, (0.2, 0.6, 0.8)),
        ("grey", True, (0.4968, 0.4968, 0.4968)),
    ],
)
def test_known_colours(name, amount, expected):
    given = torch.tensor([0.8, 0.4, 0.2]).reshape(1, 3, 1, 1)
    known = getattr(neutral(1), name)
    changes = replace(neutral(1), **{name: torch.full_like(known, amount)})
    found = changed(given, changes)[0, :, 0, 0]
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=0)


def test_contrast_goes_by_the_distance_from_the_mean_grey():
    given = torch.tensor([0.2, 0.6]).expand(1, 3, 1, 2)
    flat = recoloured(given, replace(neutral(1), contrast=torch.tensor([0.5])))
    torch.testing.assert_close(flat[0, 0, 0], torch.tensor([0.3, 0.5]))


def test_grey_pictures_stay_grey_whatever_their_hue():
    given = pictures(6)[:, :1].expand(-1, 3, -1, -1)
    found = recoloured(given, drawn(6))
    assert (found.amax(1) - found.amin(1)).max() < 1e-6


def test_left_and_right_change_places():
    given = pictures(2, 5, 7)
    flipped = changed(given, replace(neutral(2), flipped=torch.tensor([True, False])))
    torch.testing.assert_close(flipped[0], given[0].flip(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(flipped[1], given[1], atol=1e-6, rtol=0)


def test_it_turns_clockwise_and_black_comes_in():
    given = torch.zeros(2, 1, 101, 101)
    given[:, :, 10, 50] = 1  # above the middle
    clockwise, back = turned(given, torch.tensor([90.0, -90.0]))
    assert clockwise[0, 50, 90] == 1
    assert back[0, 50, 10] == 1
    white = turned(torch.ones(1, 3, 64, 96), torch.tensor([15.0]))
    assert not white[0, :, 0, -1].any()
    assert white[0, :, 32, 48].all()
    assert 0.8 < white.mean() < 1


def test_grey_comes_after_the_colours_and_the_turn_comes_last():
    """Grey first would leave the hue nothing to move; a turn first would flip the other way."""
    given = pictures(1, 33, 33)
    changes = replace(
        neutral(1), hue=torch.tensor([0.4]), grey=torch.tensor([True]),
        flipped=torch.tensor([True]), turn_deg=torch.tensor([12.0]),
    )  # fmt: skip
    only = {name: replace(neutral(1), **{name: getattr(changes, name)}) for name in (
        "hue", "grey", "flipped", "turn_deg"
    )}  # fmt: skip
    found, other = given, given
    for name in ("hue", "grey", "flipped", "turn_deg"):
        found = changed(found, only[name])
    for name in ("turn_deg", "flipped", "grey", "hue"):
        other = changed(other, only[name])
    torch.testing.assert_close(changed(given, changes), found, atol=1e-5, rtol=0)
    assert (changed(given, changes) - other).abs().max() > 0.05


def test_the_order_of_colour_changes_matters_and_differs_between_pictures():
    one = pictures(1)
    given = one.expand(2, -1, -1, -1)
    strong = replace(
        neutral(2), brightness=torch.tensor([1.8, 1.8]), contrast=torch.tensor([0.3, 0.3]),
        order=torch.tensor([[0, 1, 2, 3], [1, 0, 2, 3]]),
    )  # fmt: skip
    first, second = recoloured(given, strong)
    assert (first - second).abs().max() > 0.01
    assert len({tuple(row) for row in drawn(400).order.tolist()}) == 24


def test_draws_keep_to_their_ranges_and_shares():
    changes = drawn(4000)
    for name in ("brightness", "contrast", "saturation"):
        factors = getattr(changes, name)
        assert FACTOR[0] <= factors.min() < 0.21
        assert 1.79 < factors.max() <= FACTOR[1]
        assert abs(factors.mean() - 1) < 0.03
    assert -HUE <= changes.hue.min() < -0.99 * HUE
    assert 0.99 * HUE < changes.hue.max() <= HUE
    assert -TURN_DEG <= changes.turn_deg.min() < -0.99 * TURN_DEG
    assert 0.99 * TURN_DEG < changes.turn_deg.max() <= TURN_DEG
    assert abs(changes.grey.float().mean() - 0.2) < 0.03
    assert abs(changes.flipped.float().mean() - 0.5) < 0.03
    columns = torch.stack([changes.brightness, changes.contrast, changes.saturation, changes.hue])
    assert (torch.corrcoef(columns) - torch.eye(4)).abs().max() < 0.06


def test_equal_generators_give_equal_pictures_and_the_given_ones_stay():
    given = pictures(6, 16, 16)
    before = given.clone()
    state = torch.random.get_rng_state()
    generators = [torch.Generator().manual_seed(seed) for seed in (4, 4, 5)]
    first, same, other = (augmented(given, each) for each in generators)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert not torch.equal(first, augmented(given, generators[0]))
    assert torch.equal(given, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first.dtype == torch.float32
    assert 0 <= first.min() <= first.max() <= 1


def test_changes_move_together():
    moved = drawn(2).to(torch.device("meta"))
    assert {getattr(moved, each.name).device.type for each in fields(moved)} == {"meta"}
