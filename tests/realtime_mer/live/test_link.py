import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.live.link import FINAL, Happening, LinkSettings, LinkState, opening, step

SETTINGS = LinkSettings(stall_s=2.0, backoff_s=(0.5, 1.0, 4.0), steady_s=5.0)
STEPS = st.lists(
    st.tuples(st.sampled_from(Happening), st.sampled_from([0.0, 0.01, 0.5, 1.0, 2.5, 6.0])),
    max_size=60,
)
LEADS_TO = {
    LinkState.OPENING: {LinkState.RUNNING, LinkState.RECONNECTING, *FINAL},
    LinkState.RUNNING: {LinkState.STALLED, LinkState.RECONNECTING, *FINAL},
    LinkState.STALLED: {LinkState.RUNNING, LinkState.RECONNECTING, *FINAL},
    LinkState.RECONNECTING: {LinkState.OPENING, *FINAL},
    LinkState.ENDED: set(),
    LinkState.FAILED: set(),
}


def walk(*happenings, start_s=0.0):
    link = opening(start_s)
    for what, now_s in happenings:
        link = step(link, what, now_s, reason="gone", settings=SETTINGS)
    return link


@given(STEPS)
def test_every_walk_keeps_to_the_map(steps):
    link, now_s = opening(0.0), 0.0
    for what, later_s in steps:
        now_s += later_s
        before, link = link, step(link, what, now_s, reason="gone", settings=SETTINGS)
        assert link.state is before.state or link.state in LEADS_TO[before.state]
        assert (link.retry_at_s is not None) == (link.state is LinkState.RECONNECTING)
        assert link.since_s == (before.since_s if link.state is before.state else now_s)
        assert link.attempts <= before.attempts + 1
        if link.state is LinkState.RUNNING:
            assert link.reason == ""
        if before.over:
            assert link is before
        again = step(link, Happening.TIME, now_s, settings=SETTINGS)
        assert step(again, Happening.TIME, now_s, settings=SETTINGS) == again


@given(STEPS)
def test_a_live_link_can_always_be_ended_and_fail(steps):
    times = itertools.accumulate(later for _, later in steps)
    link = walk(*((what, now) for (what, _), now in zip(steps, times, strict=True)))
    for what, state in ((Happening.ENDED, "ended"), (Happening.FAILED, "failed")):
        over = step(link, what, 1e6, reason="enough")
        assert over.over
        if not link.over:
            assert (over.state, over.reason, over.since_s) == (state, "enough", 1e6)


def test_opening_running_stalled_running():
    link = walk((Happening.OPENED, 1.0), (Happening.FRAME, 1.1), (Happening.TIME, 3.0))
    assert (link.state, link.since_s, link.heard_s) == (LinkState.RUNNING, 1.0, 1.1)
    link = step(link, Happening.TIME, 3.1, settings=SETTINGS)
    assert (link.state, link.since_s, link.reason) == (LinkState.STALLED, 3.1, "no frame for 2 s")
    link = step(link, Happening.FRAME, 4.0, settings=SETTINGS)
    assert (link.state, link.reason) == (LinkState.RUNNING, "")


def test_a_source_that_opens_and_then_gives_nothing_is_stalled_too():
    assert walk((Happening.OPENED, 1.0), (Happening.TIME, 3.0)).state is LinkState.STALLED


def test_waits_grow_to_the_last_one_and_begin_anew_after_a_steady_run():
    link, now_s, waits = walk((Happening.OPENED, 0.0), (Happening.FRAME, 0.0)), 1.0, []
    for _ in range(5):
        link = step(link, Happening.LOST, now_s, reason="gone", settings=SETTINGS)
        waits.append(link.retry_at_s - now_s)
        now_s = link.retry_at_s
        assert step(link, Happening.TIME, now_s - 1e-6, settings=SETTINGS) == link
        link = step(link, Happening.TIME, now_s, settings=SETTINGS)
        assert (link.state, link.reason) == (LinkState.OPENING, "gone")
    assert waits == pytest.approx([0.5, 1.0, 4.0, 4.0, 4.0])
    link = step(link, Happening.FRAME, now_s, settings=SETTINGS)
    assert link.attempts == 5
    link = step(link, Happening.FRAME, now_s + 5.0, settings=SETTINGS)
    assert link.attempts == 0


@pytest.mark.parametrize(
    "wrong", [{"stall_s": 0}, {"steady_s": -1}, {"backoff_s": ()}, {"backoff_s": (1.0, -1.0)}]
)
def test_settings_out_of_range(wrong):
    with pytest.raises(ValueError, match=r"must be|needs"):
        LinkSettings(**wrong)
