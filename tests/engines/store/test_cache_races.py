"""Several builders at once, and builders that are killed: real threads, real processes."""

import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from engines.cache import EngineStore
from engines.store.file_lock import hold
from engines.store.private_folder import read_secret
from tests.engines.store import store_process

SPEC = store_process.SPEC


@pytest.fixture
def store(tmp_path) -> EngineStore:
    return EngineStore(tmp_path / "engines", tmp_path / "config")


@pytest.fixture
def start(store):
    with store_process.starter(store) as begin:
        yield begin


BUILDER = """
with store.lock(spec, lambda: say("waiting")):
    if store.get(spec) is None:
        say("building")
        sys.stdin.readline()
        store.put(spec, b"plan", "tiny", 1)
        say("built")
    else:
        say("found")
"""


def test_two_processes_build_once(start):
    first = start(BUILDER)
    assert first.stdout.readline() == "building\n"
    second = start(BUILDER)
    assert second.stdout.readline() == "waiting\n"
    assert first.communicate("go on\n", timeout=60) == ("built\n", "")
    assert second.communicate(timeout=60) == ("found\n", "")


def test_a_killed_builder_frees_the_lock(start, store):
    first = start(BUILDER)
    assert first.stdout.readline() == "building\n"
    second = start(BUILDER)
    assert second.stdout.readline() == "waiting\n"
    first.kill()
    assert second.stdout.readline() == "building\n"
    assert second.communicate("go on\n", timeout=60) == ("built\n", "")
    assert store.get(SPEC) == b"plan"


def test_two_threads_build_once(store):
    barrier, built, waits = threading.Barrier(4), [], []

    def build() -> bytes:
        barrier.wait()
        with store.lock(SPEC, lambda: waits.append(1)):
            found = store.get(SPEC)
            if found is None:
                store.put(SPEC, b"plan", "tiny", 1)
                built.append(1)
            return store.get(SPEC)

    with ThreadPoolExecutor(4) as pool:
        answers = [job.result() for job in [pool.submit(build) for _ in range(4)]]
    assert answers == [b"plan"] * 4
    assert len(built) == 1
    assert len(waits) <= 3


def test_nobody_waits_for_another_engine(store):
    with store.lock(SPEC), store.lock(replace(SPEC, precision="fp32"), pytest.fail):
        assert store.get(SPEC) is None


def test_a_lock_removed_while_waiting_is_taken_anew(tmp_path):
    path, entered, leave = tmp_path / "x.lock", threading.Event(), threading.Event()

    def wait_for_it() -> None:
        with hold(path, waiting=entered.set):
            assert path.exists()
            leave.wait(60)

    with ThreadPoolExecutor(1) as pool:
        with hold(path):
            job = pool.submit(wait_for_it)
            assert entered.wait(60)
            path.unlink()
        third = threading.Event()
        while not path.exists():
            assert not job.done() or job.result() is None
        with hold(path, waiting=lambda: (third.set(), leave.set())):
            pass
        assert third.is_set()
        job.result(60)


def test_readers_never_see_half_of_a_replacement(store):
    plans = [bytes([n]) * 50_000 for n in range(4)]
    store.put(SPEC, plans[0], "tiny", 1)
    stop = threading.Event()

    def read() -> list[bytes | None]:
        seen = []
        while not stop.is_set():
            seen.append(store.get(SPEC))
        return seen

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(read) for _ in range(2)]
        for n in range(16):
            store.put(SPEC, plans[n % 4], "tiny", 1)
            store.annotate(SPEC, {"n": n})
        stop.set()
        seen = [plan for job in jobs for plan in job.result(60)]
    assert set(seen) <= set(plans)
    assert store.refusals == []
    assert store.get(SPEC) == plans[15 % 4]


def test_many_makers_of_the_secret_agree(tmp_path):
    barrier = threading.Barrier(8)

    def make() -> bytes:
        barrier.wait()
        return read_secret(tmp_path / "keys")

    with ThreadPoolExecutor(8) as pool:
        made = {job.result() for job in [pool.submit(make) for _ in range(8)]}
    assert len(made) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["secret"]


# Every call of put that changes the disk; the process dies just before the nth.
DYING = """
left = int(os.environ["DIES_AT"])
def deadly(real):
    def call(*args, **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)
    return call
for name in ("mkdir", "open", "fsync", "rename", "unlink", "rmdir", "link"):
    setattr(os, name, deadly(getattr(os, name)))
store.put(spec, b"new" * 1000, "tiny", 1)
say("lived")
"""


@pytest.mark.parametrize("replacing", [False, True])
def test_a_builder_killed_at_any_step_leaves_all_or_nothing(start, store, monkeypatch, replacing):
    outcomes = []
    for step in range(0, 60, 2):
        shutil.rmtree(store.folder, ignore_errors=True)
        if replacing:
            store.put(SPEC, b"old", "tiny", 1)
        monkeypatch.setenv("DIES_AT", str(step))
        process = start(DYING)
        out, err = process.communicate(timeout=60)
        assert (process.returncode == -signal.SIGKILL) == (out != "lived\n"), err
        outcomes.append(store.get(SPEC))
        assert store.refusals == []
        store.put(SPEC, b"next", "tiny", 1)
        assert store.get(SPEC) == b"next"
        if out == "lived\n":
            break
    assert outcomes[-1] == b"new" * 1000
    assert outcomes[0] == (b"old" if replacing else None)
    assert set(outcomes) <= {None, b"old", b"new" * 1000}
    assert len(outcomes) > 5
