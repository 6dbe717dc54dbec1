"""Full, small and read-only disks: told in plain words, and nothing half written stays."""

import subprocess

import pytest

from engines import EngineError
from engines.cache import EngineStore
from engines.store.manifest import PLAN
from tests.engines.store import store_process

SPEC = store_process.SPEC


@pytest.fixture
def store(tmp_path) -> EngineStore:
    return EngineStore(tmp_path / "engines", tmp_path / "config")


@pytest.fixture
def start(store):
    with store_process.starter(store) as begin:
        yield begin


LIMITED = """
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.put(spec, b"x" * 2_000_000, "tiny", 1)
except ValueError as error:
    say(f"{type(error).__name__}: {error}")
"""


def test_a_full_quota_is_told_and_leaves_nothing(start, store):
    store.put(SPEC, b"old", "tiny", 1)
    out, err = start(LIMITED).communicate(timeout=60)
    assert out.startswith("EngineError"), err
    for part in (
        str(store.folder),
        "2.0 MB",
        "MB are free",
        "mer engine clear",
        "MER_ENGINE_CACHE",
    ):
        assert part in out
    assert [p.name for p in store.folder.iterdir() if p.suffix == ".partial"] == []
    assert store.get(SPEC) == b"old"


FULL = """
import subprocess
store.folder.mkdir(mode=0o700)
command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "none", store.folder]
subprocess.run(command, check=True)
store.put(spec, b"old", "tiny", 1)
try:
    store.put(spec, b"x" * 2_000_000, "tiny", 1)
except ValueError as error:
    say(f"{type(error).__name__}: {error}")
say([path.name for path in store.folder.iterdir() if path.suffix == ".partial"])
say(store.get(spec))
"""


def can_mount() -> bool:
    try:
        command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def test_a_full_disk_is_told_and_leaves_nothing(start):
    if not can_mount():
        pytest.skip("this user may not mount a small disk of his own")
    out, err = start(FULL, "unshare", "-rm").communicate(timeout=60)
    told, partials, plan = out.splitlines() or [err, "", ""]
    assert "No space left on device" in told
    assert "2.0 MB" in told
    assert "0.3 MB are free" in told
    assert (partials, plan) == ("[]", "b'old'")


READ_ONLY = """
import subprocess
store.put(spec, b"old", "tiny", 1)
subprocess.run(["mount", "--bind", store.folder, store.folder], check=True)
subprocess.run(["mount", "-o", "remount,ro,bind", store.folder], check=True)
for call in (
    lambda: store.put(spec, b"new", "tiny", 1),
    lambda: store.annotate(spec, {}),
    store.clear,
    lambda: store.lock(spec).__enter__(),
):
    try:
        call()
    except ValueError as error:
        say(f"{type(error).__name__}: {error}")
say(store.get(spec))
"""


def test_a_read_only_disk_can_be_read_only(start, store):
    if not can_mount():
        pytest.skip("this user may not mount")
    out, err = start(READ_ONLY, "unshare", "-rm").communicate(timeout=60)
    *told, plan = out.splitlines() or [err]
    assert len(told) == 4
    assert all("EngineError" in line and "Read-only file system" in line for line in told), told
    assert plan == "b'old'"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    store = EngineStore(tmp_path / "file" / "engines", tmp_path / "config")
    with pytest.raises(EngineError, match="cannot make this folder"):
        store.put(SPEC, b"1", "tiny", 1)


def test_short_of_file_handles_is_no_reason_to_throw_an_engine_away(start, store):
    store.put(SPEC, b"old", "tiny", 1)
    body = """
from engines.store import manifest
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
def few(path, secret):
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        return manifest.read_manifest(path, secret)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
import engines.cache
engines.cache.read_manifest = few
try:
    store.get(spec)
except ValueError as error:
    say(f"{type(error).__name__}: {error}")
say(len(store.refusals))
"""
    out, err = start(body).communicate(timeout=60)
    assert out.splitlines()[-1:] == ["0"], err
    assert "Too many open files" in out
    assert (store.folder / SPEC.key / PLAN).exists()
    assert store.get(SPEC) == b"old"
