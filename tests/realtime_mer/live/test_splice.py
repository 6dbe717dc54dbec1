import itertools

from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.events import Frame, Gap
from realtime_mer.live.splice import Splice
from tests.realtime_mer.live.scripted import PICTURE


def frame(time_s, index, segment=0):
    return Frame(PICTURE, time_s, index, segment)


def test_the_first_connection_is_kept_as_it_is():
    splice = Splice()
    splice.connect()
    frames = [frame(7.5 + k / 30, k, k // 2) for k in range(4)]
    taken = [splice.take(f, 100 + k) for k, f in enumerate(frames)]
    assert [c.frame for c in taken] == frames
    assert all(c.frame is f for c, f in zip(taken, frames, strict=True))
    assert [c.captured_s for c in taken] == [100, 101, 102, 103]
    assert (splice.captured, splice.segments, splice.connections) == (4, 2, 1)
    assert splice.gaps == []


def test_after_a_reconnect_time_goes_on_by_the_clock():
    splice = Splice()
    splice.connect()
    splice.take(frame(3.0, 0), 50.0)
    splice.take(frame(3.1, 1), 50.1)
    splice.connect()
    first = splice.take(frame(900.0, 0), 52.6).frame
    second = splice.take(frame(900.1, 1), 52.7).frame
    assert (first.index, first.segment, second.index, second.segment) == (2, 1, 3, 1)
    assert abs(first.time_s - 5.6) < 1e-9
    assert abs(second.time_s - 5.7) < 1e-9
    [gap] = splice.gaps
    assert (gap.start_s, gap.reason) == (3.1, "connection lost")
    assert gap.end_s == first.time_s
    splice.adopt([Gap(900.0, 900.1, "time gap")])
    assert splice.gaps[-1] == Gap(first.time_s, second.time_s, "time gap")


def test_drops_are_a_gap_a_new_segment_and_one_problem():
    splice = Splice()
    splice.connect()
    splice.take(frame(0.0, 0), 0.0)
    for k in range(1, 4):
        splice.drop(frame(k / 10, k), k / 10)
    after = splice.take(frame(0.4, 4), 0.4).frame
    assert (after.index, after.segment) == (4, 1)
    assert splice.gaps == [Gap(0.0, 0.4, "time gap")]
    [problem] = splice.problems
    assert (problem.kind, splice.dropped) == ("too slow", 3)
    assert "3 frames in 1 stretch were left out, the first at 0.10 s" in str(problem)


def test_drops_before_a_loss_and_before_anything_was_taken():
    splice = Splice()
    splice.connect()
    splice.drop(frame(0.0, 0), 10.0)
    splice.drop(frame(0.1, 1), 10.1)
    splice.disconnect()
    splice.connect()
    taken = splice.take(frame(0.0, 0), 11.0).frame
    assert (taken.index, taken.segment) == (2, 0)
    assert splice.gaps == [Gap(0.0, 0.1, "time gap"), Gap(0.1, taken.time_s, "connection lost")]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "drop", "connect", "segment"]),
        st.sampled_from([0.0, 1e-9, 0.004, 0.1]),
    ),
    max_size=80,
)


@given(STEPS, st.sampled_from([0.0, 1e9]))
def test_whatever_happens_times_rise_and_no_hole_is_without_a_new_segment(steps, base_s):
    splice, clock_s, taken = Splice(), 5.0, []
    splice.connect()
    time_s, index, segment = base_s, 0, 0
    for what, later_s in steps:
        clock_s += later_s
        if what == "connect":
            splice.disconnect()
            splice.connect()
            time_s, index, segment = base_s / 2, 0, 0
        elif what == "segment":
            segment += 1
        else:
            made = getattr(splice, what)(frame(time_s, index, segment), clock_s)
            taken += [made.frame] if made else []
            time_s, index = time_s + max(later_s, 1e-3), index + 1
    for a, b in itertools.pairwise(taken):
        assert b.time_s > a.time_s
        assert b.index > a.index
        assert b.segment >= a.segment
        if b.index != a.index + 1:
            assert b.segment > a.segment
            assert any(g.start_s >= a.time_s and g.end_s <= b.time_s for g in splice.gaps)
    assert splice.captured == len(taken) + splice.dropped
    assert splice.segments == len({f.segment for f in taken})
    assert all(g.start_s <= g.end_s for g in splice.gaps)
