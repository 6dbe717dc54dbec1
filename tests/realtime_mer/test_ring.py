import numpy as np
import pytest

from realtime_mer.ring import FaceRing


def filled(capacity: int, frames: int) -> FaceRing:
    ring = FaceRing(capacity)
    for i in range(frames):
        ring.slot()[:] = i % 256
        ring.commit(i / 100, i)
    return ring


@pytest.mark.parametrize("frames", [3, 10, 11, 25])
def test_every_crop_keeps_its_own_number(frames: int) -> None:
    ring = filled(10, frames)
    span = ring.span(0, frames)
    assert len(span) == min(frames, 10)
    for position, index in enumerate(span.index):
        assert (span.crop(position) == index).all()
    assert (np.diff(span.time_s) > 0).all()


def test_crops_are_views_and_gather_is_a_copy() -> None:
    ring = filled(10, 5)
    span = ring.span(1, 3)
    assert span.index.tolist() == [1, 2, 3]
    assert np.shares_memory(span.crop(0), ring.span(1, 1).crop(0))
    assert not np.shares_memory(span.gather(), span.crop(0))


def test_time_must_rise() -> None:
    ring = filled(4, 2)
    with pytest.raises(ValueError, match="time must rise"):
        ring.commit(0.01, 2)
    ring.clear()
    ring.commit(0.0, 9)
    assert ring.span(0, 99).index.tolist() == [9]


@pytest.mark.parametrize(("fps", "slots"), [(30, 96), (200, 308), (1000, 640), (None, 308)])
def test_size_follows_the_frame_rate(fps: float | None, slots: int) -> None:
    assert FaceRing.for_rate(fps).capacity == slots


def test_grows_until_it_spans_what_was_asked() -> None:
    ring = FaceRing.for_rate(30)
    for i in range(400):
        ring.slot()[:] = i % 256
        ring.commit(i / 200, i)
    assert ring.capacity == 384
    span = ring.span(0, 400)
    assert span.index.tolist() == list(range(400 - 384, 400))
    assert all((span.crop(k) == i % 256).all() for k, i in enumerate(span.index))


def test_a_view_survives_growth() -> None:
    ring = FaceRing.for_rate(30)
    for i in range(96):
        if i == 95:
            view = ring.span(90, 90)
        ring.slot()[:] = i
        ring.commit(i / 1000, i)
    assert ring.capacity == 192
    assert (view.crop(0) == 90).all()
    assert (ring.span(90, 90).crop(0) == 90).all()


def test_stays_small_where_the_rate_was_true() -> None:
    ring = FaceRing.for_rate(30)
    for i in range(200):
        ring.commit(i / 30, i)
    assert ring.capacity == 96
