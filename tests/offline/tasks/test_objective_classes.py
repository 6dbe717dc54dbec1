import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.tasks.objective_classes import NUMERALS, TABLE, objective_class

# The table of Davison et al. 2018 as it is printed, read here a second time.
PRINTED = """
I: {6} {12} {6,12} {6,7,12} {7,12}
II: {1,2} {5} {25} {1,2,25} {25,26} {5,24}
III: {23} {4} {4,7} {4,5} {4,5,7} {17,24} {4,6,7} {4,38}
IV: {10} {9} {4,9} {4,40} {4,5,40} {4,7,9} {4,9,17} {4,7,10} {4,5,7,9} {7,10}
V: {1} {15} {1,4} {6,15} {15,17}
VI: {1,2,4} {20}
"""
SETS = [
    (line.split(":")[0], frozenset(map(int, inner.split(","))))
    for line in PRINTED.split("\n")
    for inner in re.findall(r"\{([^}]*)\}", line)
]


@pytest.mark.parametrize(("numeral", "units"), SETS)
def test_every_printed_set_has_its_class(numeral, units):
    assert NUMERALS[objective_class(units) - 1] == numeral


def test_the_table_holds_nothing_else():
    assert sum(map(len, TABLE.values())) == len(SETS) == len({units for _, units in SETS}) == 36


@given(st.frozensets(st.integers(1, 64), max_size=5))
def test_everything_else_is_the_last_class(units):
    found = [numeral for numeral, printed in SETS if printed == units]
    assert NUMERALS[objective_class(units) - 1] == (found or ["VII"])[0]


def test_a_set_counts_as_a_whole():
    for _, units in SETS:
        assert objective_class(units | {99}) == 7
    assert objective_class(frozenset()) == 7
    known = {units for _, units in SETS}
    unions = {one | other for one, other in itertools.combinations(known, 2)} - known
    assert {objective_class(union) for union in unions} == {7}
