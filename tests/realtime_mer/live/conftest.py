import pytest

from tests.realtime_mer.live.scripted import capture_threads


@pytest.fixture(autouse=True)
def _no_thread_left_behind():
    yield
    for thread in capture_threads():
        thread.join(5)
    assert not capture_threads()
