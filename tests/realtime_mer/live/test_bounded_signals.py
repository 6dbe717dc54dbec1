from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.face.topology import REGIONS
from realtime_mer.live.bounded_signals import BoundedSignals
from realtime_mer.recording import SignalRecorder


def spotter(excursion, threshold=0.01):
    return SimpleNamespace(
        excursions=np.full(len(REGIONS), excursion, np.float32),
        thresholds=np.full(len(REGIONS), threshold, np.float32),
    )


def recorded(values, rows, kind=BoundedSignals):
    recorder = kind(rows) if kind is BoundedSignals else kind()
    for number, value in enumerate(values):
        recorder.step(number / 200, None if value is None else spotter(value))
    return recorder


def test_what_fits_is_kept_frame_by_frame():
    values = [0.1, None, 0.3, 0.2]
    ours = recorded(values, 8).signals()
    plain = recorded(values, 8, SignalRecorder).signals()
    np.testing.assert_array_equal(ours.time_s, plain.time_s)
    np.testing.assert_array_equal(ours.displacement_iod, plain.displacement_iod)
    np.testing.assert_array_equal(ours.threshold_iod, plain.threshold_iod)
    assert ours.regions == REGIONS


def test_full_rows_are_joined_and_the_larger_excursion_stays():
    recorder = recorded([0.1, 0.4, None, 0.2, None, None, 0.5, 0.3, 0.9, 0.7], 4)
    assert recorder.frames_per_row == 4  # joined at 4 frames, and again at 8; two wait
    signals = recorder.signals()
    np.testing.assert_array_equal(signals.time_s, [0.0, 4 / 200])
    np.testing.assert_array_equal(signals.displacement_iod[:, 0], np.float32([0.4, 0.5]))


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1, width=32)), max_size=300),
    st.sampled_from([2, 4, 6, 32]),
)
def test_whatever_comes_no_peak_is_lost_and_memory_stays(values, rows):
    recorder = recorded(values, rows)
    signals = recorder.signals()
    assert len(signals.time_s) < rows
    assert (np.diff(signals.time_s) > 0).all()
    span = recorder.frames_per_row
    whole = values[: len(values) // span * span]
    assert len(signals.time_s) == len(whole) // span
    for number, row in enumerate(signals.displacement_iod):
        known = [value for value in whole[number * span : (number + 1) * span] if value is not None]
        assert np.isnan(row).all() if not known else (row == np.float32(max(known))).all()


def test_a_reader_keeps_what_it_read_while_rows_are_joined():
    recorder = recorded([0.1, 0.2, 0.3], 4)
    before = recorder.signals()
    for number in range(3, 40):
        recorder.step(number / 200, spotter(0.9))
    np.testing.assert_array_equal(before.displacement_iod[:, 0], np.float32([0.1, 0.2, 0.3]))


@pytest.mark.parametrize("rows", [0, 3, -2])
def test_rows_out_of_range(rows):
    with pytest.raises(ValueError, match="even number from 2"):
        BoundedSignals(rows)
