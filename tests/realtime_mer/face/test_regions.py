"""The label picture: which side is which, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.face.regions import inside, region_labels, region_outlines
from realtime_mer.face.topology import CROP, REGIONS, canonical_crop_xy

RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
MOUTH_CORNERS = (61, 291)
BROWS = {"brow_right": (63, 105, 66, 107), "brow_left": (293, 334, 296, 336)}


def region_at(point: int) -> str:
    x, y = np.rint(canonical_crop_xy()[point]).astype(int)
    label = int(region_labels()[y, x])
    return REGIONS[label - 1] if label else ""


def centre_x(name: str) -> float:
    return float(np.nonzero(region_labels() == REGIONS.index(name) + 1)[1].mean())


def test_labels_are_shared_and_cannot_be_changed() -> None:
    labels = region_labels()
    assert labels.shape == (CROP, CROP)
    assert labels.dtype == np.uint8
    assert labels is region_labels()
    with pytest.raises(ValueError, match="read-only"):
        labels[0, 0] = 1


def test_every_region_has_a_fair_share() -> None:
    counts = np.bincount(region_labels().ravel(), minlength=7)
    assert len(counts) == len(REGIONS) + 1
    assert (counts[1:] > 2000).all()
    assert (counts[1:] < 12000).all()


def test_left_is_the_subjects_left() -> None:
    for name in ("brow", "cheek"):
        assert centre_x(f"{name}_left") > 159.5 + 40
        assert centre_x(f"{name}_right") < 159.5 - 40
    for name in ("nose", "mouth"):
        assert abs(centre_x(name) - 159.5) < 0.5


def test_the_two_halves_mirror_each_other() -> None:
    swapped = np.array([0, 2, 1, 3, 5, 4, 6], np.uint8)[region_labels()[:, ::-1]]
    assert (swapped != region_labels()).sum() <= 10


def test_landmarks_lie_where_they_should() -> None:
    for name, points in BROWS.items():
        assert [region_at(point) for point in points] == [name] * len(points)
    assert [region_at(point) for point in MOUTH_CORNERS] == ["mouth", "mouth"]
    assert region_at(4) == "nose"
    assert region_at(50) == region_at(205) == "cheek_right"
    assert region_at(280) == region_at(425) == "cheek_left"


def test_eyes_belong_to_no_region_with_room_to_blink() -> None:
    rows, columns = np.indices((CROP, CROP))
    labelled = region_labels() > 0
    for eye in (RIGHT_EYE, LEFT_EYE):
        lids = canonical_crop_xy()[list(eye)]
        assert not (labelled & inside(lids, CROP, CROP)).any()
        for x, y in lids:
            near = np.hypot(columns - x, rows - y) < 6
            assert not (labelled & near).any()


def test_outlines_do_not_overlap() -> None:
    crop_xy = canonical_crop_xy()
    hits = sum(
        inside(crop_xy[list(points)], CROP, CROP).astype(int)
        for points in region_outlines().values()
    )
    assert np.max(hits) == 1
    assert list(region_outlines()) == list(REGIONS)


@given(st.floats(0, 20), st.floats(0, 20), st.floats(0.1, 20), st.floats(0.1, 20), st.booleans())
def test_inside_a_box(x: float, y: float, width: float, height: float, reverse: bool) -> None:
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
    found = inside(corners[::-1] if reverse else corners, 24, 25)
    columns, rows = np.arange(25), np.arange(24)[:, None]
    box = (x <= columns) & (columns < x + width) & (y <= rows) & (rows < y + height)
    assert found.shape == (24, 25)
    on_an_edge = np.isin(columns, [x, x + width]) | np.isin(rows, [y, y + height])
    assert (found == box)[~on_an_edge].all()


def test_inside_a_triangle_and_beyond_the_picture() -> None:
    triangle = np.array([[-5.0, -5.0], [8.5, -5.0], [-5.0, 8.5]])
    rows, columns = np.indices((6, 6))
    np.testing.assert_array_equal(inside(triangle, 6, 6), rows + columns < 3.5)
