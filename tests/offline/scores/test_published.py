import pytest

from offline.scores.published import (
    CD6ME,
    LEAKS,
    MEGC2018_CDE,
    MEGC2018_HDE,
    MEGC2019,
    OWN_CLASSES,
    PROTOCOL,
    SETS,
)
from offline.tasks.protocols import PROTOCOLS


def test_shares_are_shares_and_names_are_known():
    for row in MEGC2019:
        for pair in (row.full, *(getattr(row, name) for name in SETS)):
            assert all(0 < value < 1 for value in pair)
    assert PROTOCOL in PROTOCOLS
    assert set(OWN_CLASSES) <= set(PROTOCOLS)
    for rows in OWN_CLASSES.values():
        assert all(0 < row.accuracy < 1 and 0 < (row.f1 or 0.5) < 1 for row in rows)
        assert [row.accuracy for row in rows] == sorted(row.accuracy for row in rows)
    assert all(0 < row.samm < 1 and 0 < row.casme2 < 1 for row in MEGC2018_HDE)
    assert all(0 < value < 1 for value in MEGC2018_CDE.values())


def test_a_leak_adds_six_to_fourteen_points():
    assert [round(leak.gain, 4) for leak in LEAKS] == [0.0613, 0.1358]
    for leak in LEAKS:
        assert all(dirty > clean for clean, dirty in zip(leak.clean, leak.leaky, strict=True))


def test_only_two_of_cd6me_are_worse_than_a_constant():
    constant, *others = CD6ME
    worse = {row.method for row in others if row.au_average < constant.au_average}
    assert worse == {"LBP-TOP + SVM", "NMER"}
    assert [row.au_average for row in others] == sorted(row.au_average for row in others)


@pytest.mark.parametrize("rows", [MEGC2019, CD6ME, *OWN_CLASSES.values()])
def test_every_method_stands_once(rows):
    names = [row.method for row in rows]
    assert len(set(names)) == len(names)
