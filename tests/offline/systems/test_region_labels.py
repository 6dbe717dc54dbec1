import numpy as np
import pytest

from offline.bench.learning import Material
from offline.systems.region_labels import (
    REGION_UNITS,
    active_regions,
    region_shares,
    region_targets,
)
from realtime_mer.face.topology import REGIONS

HAPPY = np.array([0, 1, 0], np.float32)
REST = np.array([0, 0, 0, 1], np.float32)


def told(text: str, dataset: str = "casme2") -> set[str]:
    active = active_regions(text, dataset)
    assert active is not None
    return {name for name, moved in zip(REGIONS, active, strict=True) if moved}


BROWS, CHEEKS = {"brow_left", "brow_right"}, {"cheek_left", "cheek_right"}


@pytest.mark.parametrize(
    ("text", "dataset", "regions"),
    [
        ("12", "casme2", {"mouth"}),
        ("6+12", "casme2", CHEEKS | {"mouth"}),
        ("4+9", "casme2", BROWS | {"nose"}),
        ("L4", "casme2", {"brow_left"}),
        ("R6+L2", "casme2", {"cheek_right", "brow_left"}),
        ("L12", "casme2", {"mouth"}),
        ("A1B", "samm", BROWS),
        ("A/L1", "samm", {"brow_left"}),
        ("L/R1", "samm", BROWS),
        ("T25", "samm", {"mouth"}),
        ("17+24", "casme2", set()),
        ("ref(4)+15", "casme2", {"mouth"}),
        ("AU4(k)+AU1", "casme2", BROWS),
        ("L12 or L14", "samm", {"mouth"}),
    ],
)
def test_which_regions_take_part(text, dataset, regions):
    assert told(text, dataset) == regions


@pytest.mark.parametrize("text", ["", "0", "?"])
def test_nobody_knows_where_no_unit_is_named(text):
    assert active_regions(text, "casme2") is None


def test_the_table_is_the_papers():
    assert tuple(REGION_UNITS) == REGIONS
    assert [REGION_UNITS[name] for name in ("brow_right", "nose", "cheek_left", "mouth")] == [
        (1, 2, 4, 7), (9,), (6,), (10, 12, 14, 15, 25),
    ]  # fmt: skip
    for kind in ("brow", "cheek"):
        assert REGION_UNITS[f"{kind}_left"] == REGION_UNITS[f"{kind}_right"]


def test_regions_at_rest_have_a_class_of_their_own():
    shares = region_shares(HAPPY, "L6", ("casme2", "1"), "units")
    for name, row in zip(REGIONS, shares, strict=True):
        assert row.tolist() == ([0, 1, 0, 0] if name == "cheek_left" else REST.tolist())


def test_where_units_are_unknown_every_region_has_the_faces_class():
    shares = region_shares(HAPPY, "", ("smic", "1"), "units")
    assert (shares == [0, 1, 0, 0]).all()


def test_whole_face_labels_do_not_ask():
    assert (region_shares(HAPPY, "L6", ("casme2", "1"), "face") == [0, 1, 0]).all()


def material(units: tuple[str, ...]) -> Material:
    inputs = np.zeros((3, 4, 1, 2, 2), np.float32)
    inputs[0, :2, 0, 1, 1] = 0.5
    inputs[1] = 1
    inputs[2, :1] = -1
    groups = (("casme2", "a"), ("smic", "b"), ("casme2", "c"))
    return Material(inputs, np.eye(3, dtype=np.float32), groups, action_units=units)


def test_targets_follow_the_places_and_skip_empty_steps():
    own = material(("4", "", "12"))
    found = region_targets(own, np.array([2, 0]), "units")
    assert found.shape == (2, 4 * 6, 4)
    assert found.dtype == np.float32
    by_step = found.reshape(2, 4, 6, 4)
    assert by_step[0, 0, REGIONS.index("mouth")].tolist() == [0, 0, 1, 0]
    assert by_step[0, 0, REGIONS.index("nose")].tolist() == REST.tolist()
    assert not by_step[0, 1:].any()
    assert by_step[1, 1, REGIONS.index("brow_left")].tolist() == [1, 0, 0, 0]
    assert not by_step[1, 2:].any()


def test_a_task_without_units_teaches_the_whole_face():
    found = region_targets(material(()), np.array([1]), "units")
    assert (found == [0, 1, 0, 0]).all()
    assert region_targets(material(()), np.array([1]), "face").shape == (1, 24, 3)
