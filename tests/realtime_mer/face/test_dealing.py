from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.face.dealing import Claim, deal

score = st.floats(0.01, 5)


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), score, max_size=4), max_size=4))
def test_no_other_way_to_deal_adds_up_to_more(tables):
    dealt = deal([[Claim(who, s) for who, s in table.items()] for table in tables])
    assert len(dealt) == len(tables)
    owners = [who for who in dealt if who is not None]
    assert len(set(owners)) == len(owners)
    total = sum(table[who] for table, who in zip(tables, dealt, strict=True) if who is not None)
    ways = permutations([*"abcd", *[None] * len(tables)], len(tables))
    best = max(sum(t.get(w, 0.0) for t, w in zip(tables, way, strict=True)) for way in ways)
    assert total == pytest.approx(best)


def test_what_nobody_claims_stays():
    assert deal([[], [Claim("a", 1.0)]]) == [None, "a"]
    assert deal([]) == []


def test_a_weaker_claim_is_met_if_both_gain():
    claims = [[Claim("a", 0.75), Claim("b", 0.74)], [Claim("a", 0.74)]]
    assert deal(claims) == ["b", "a"]
