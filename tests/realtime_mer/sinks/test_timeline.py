import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from realtime_mer.events import Signals
from realtime_mer.sinks import drawing, timeline
from realtime_mer.sinks.pictures import data_uris
from realtime_mer.sinks.table import rows
from tests.realtime_mer.sinks import makers
from tests.realtime_mer.sinks.page import unpack


def _signals(time_s, values):
    values = np.asarray(values, np.float32).reshape(len(time_s), -1)
    names = tuple(f"region{number}" for number in range(values.shape[1]))
    return Signals(np.asarray(time_s, float), values, np.full_like(values, 0.01), names)


@settings(deadline=None)
@given(
    values=arrays(np.float32, st.tuples(st.integers(50, 300), st.just(2)),
                  elements=st.floats(0, 1, width=32) | st.just(float("nan"))),
    buckets=st.integers(1, 40),
)  # fmt: skip
def test_no_extreme_is_lost(values, buckets):
    time_s = np.arange(len(values)) / 30 + 7
    part = timeline.envelope(_signals(time_s, values), buckets, -np.inf, np.inf)
    assert part.low.shape == part.high.shape == part.threshold.shape == (buckets, 2)
    assert np.all(np.diff(part.time_s) > 0)
    assert time_s[0] <= part.time_s[0] <= part.time_s[-1] <= time_s[-1]
    seen = np.isfinite(values).any(axis=0)
    for region in np.flatnonzero(seen):
        assert np.nanmax(part.high[:, region]) == np.nanmax(values[:, region])
        assert np.nanmin(part.low[:, region]) == np.nanmin(values[:, region])
    assert not np.isfinite(part.high[:, ~seen]).any()


def test_a_hole_in_time_breaks_the_line_in_both_resolutions():
    time_s = np.concatenate([np.arange(100) / 100, 10 + np.arange(100) / 100])
    signals = _signals(time_s, np.full(200, 0.02))
    fine = timeline.envelope(signals, 500, 0, 20)
    assert len(fine.time_s) == 201
    assert np.flatnonzero(np.isnan(fine.low[:, 0])).tolist() == [100]
    coarse = timeline.envelope(signals, 20, 0, 20)
    assert np.isnan(coarse.high[5:15]).all()
    for part in (fine, coarse):
        assert drawing.band_path(part, 0, (0.0, 11.0), 0.05).count("M") == 2
        assert drawing.area_path(part, 0, (0.0, 11.0), 0.05).count("Z") == 2


def test_variable_frame_rate_keeps_every_sample():
    time_s = np.cumsum(np.tile([0.01, 0.033, 0.1], 30))
    part = timeline.envelope(_signals(time_s, np.ones(90)), 100, 0, 99)
    np.testing.assert_array_equal(part.time_s, time_s)


def test_paths_put_zero_at_the_bottom_and_the_ceiling_on_top():
    part = timeline.envelope(_signals([0, 1, 2], [0.0, 0.05, 0.025]), 10, 0, 2)
    path = drawing.band_path(part, 0, (0.0, 2.0), 0.05)
    assert path.replace("-", "") == "M0.0 100.0L500.0 0.0L1000.0 50.0"
    assert drawing.line_path(part, 0, (0.0, 2.0), 0.05) == "M0.0 80.0L500.0 80.0L1000.0 80.0"


def test_a_single_sample_is_a_visible_dot():
    part = timeline.envelope(_signals([1.0], [0.0]), 10, 0, 2)
    assert drawing.band_path(part, 0, (0.0, 2.0), 0.05) == "M500.0 100.0h0"


@settings(deadline=None)
@given(st.floats(-100, 1e5), st.floats(0.001, 1e5))
def test_axis_labels_are_few_distinct_and_on_the_axis(first, length):
    marks = drawing.tick_marks((first, first + length))
    assert len(marks) <= 7
    assert len({label for _, label in marks}) == len(marks)
    assert all(-0.01 <= x <= 100.01 for x, _ in marks)
    assert length < 0.003 or len(marks) >= 1


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        ((0.0, 30.0), ["0:00", "0:05", "0:10", "0:15", "0:20", "0:25", "0:30"]),
        ((9.95, 10.35), ["0:10.0", "0:10.1", "0:10.2", "0:10.3"]),
        ((0.0, 7200.0), ["0:00", "30:00", "1:00:00", "1:30:00", "2:00:00"]),
    ],
)
def test_axis_labels_are_round(span, labels):
    assert [label for _, label in drawing.tick_marks(span)] == labels


def test_a_broad_smile_does_not_flatten_the_events():
    values = np.full((1000, 1), 0.003)
    values[300:600] = 0.4
    signals = _signals(np.arange(1000) / 100, values)
    assert 0.02 < timeline.ceiling_iod(signals, [0.02]) < 0.04
    assert 0.01 < timeline.ceiling_iod(signals, []) < 0.04


def test_no_number_at_all_still_has_a_ceiling():
    blind = _signals(np.arange(5), np.full((5, 1), np.nan))
    assert timeline.ceiling_iod(Signals(blind.time_s, blind.displacement_iod,
                                        blind.displacement_iod, blind.regions), []) > 0  # fmt: skip


def test_packing_clips_and_marks_what_is_missing():
    part = timeline.envelope(_signals([0, 1, 2], [np.nan, 99.0, -0.5]), 9, 0, 2)
    (values,) = unpack(timeline.packed(part, 0.0), "lo", 1)
    np.testing.assert_allclose(values, [np.nan, 3.2767, -0.5])


def test_pictures_keep_to_their_budget_and_the_surest_keep_theirs():
    events = [makers.event(n, spot_score=float(n)) for n in range(1, 21)]
    pictures = {one.event_id: makers.evidence(one.event_id, smooth=80) for one in events}
    table = rows(makers.analysis(events))
    for budget in (3_000_000, 400_000, 60_000):
        found = data_uris(pictures, table, budget)
        size = sum(len(uri) for own in found.values() for uri in own.values())
        assert 0.2 * budget < size < 1.4 * budget or (budget == 3_000_000 and size < budget * 1.4)
        kept = sorted(event_id for event_id, own in found.items() if own)
        assert kept == list(range(21 - len(kept), 21))
        assert all(
            re.match("data:image/jpeg;base64,/9j/", u) for o in found.values() for u in o.values()
        )
    assert 1 <= len(kept) < 20
