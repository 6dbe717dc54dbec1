"""Compiled engines are kept whole, found again, listed and cleared."""

import logging
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from engines import EngineError
from engines.cache import EngineStore
from engines.spec import BuildSpec
from engines.store.manifest import MANIFEST, PLAN

PLAN_BYTES = bytes(range(256)) * 8
SPEC = BuildSpec("a" * 64, "tensorrt-rtx", "1.7.1.116", "fp16", ("sm89",))


@pytest.fixture
def store(tmp_path) -> EngineStore:
    return EngineStore(tmp_path / "deep" / "engines", tmp_path / "config")


@pytest.fixture
def kept(store) -> EngineStore:
    store.put(SPEC, PLAN_BYTES, "tiny", 1.5)
    return store


def entry(store: EngineStore, spec: BuildSpec = SPEC) -> Path:
    return store.folder / spec.key


def leftovers(store: EngineStore) -> list[str]:
    return [p.name for p in store.folder.iterdir() if p.suffix != ".lock" and p.name[0] == "."]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# -- where ----------------------------------------------------------------------------------------


def test_construction_and_reading_touch_no_disk(store):
    assert store.get(SPEC) is None
    assert store.entries() == []
    assert store.describe(SPEC) is None
    assert store.find("a" * 64, "tensorrt-rtx", "1", "fp16", "sm89") is None
    assert store.clear() == (0, 0)
    assert not store.folder.exists()
    assert not store.key_folder.exists()


@pytest.mark.parametrize(
    ("variables", "folder", "keys"),
    [
        ({"MER_ENGINE_CACHE": "/a", "MER_ENGINE_KEY_DIR": "/b"}, "/a", "/b"),
        (
            {"XDG_CACHE_HOME": "/c", "XDG_CONFIG_HOME": "/d"},
            "/c/realtime-mer/engines",
            "/d/realtime-mer",
        ),
        (
            {"XDG_CACHE_HOME": "not/absolute", "XDG_CONFIG_HOME": "", "MER_ENGINE_CACHE": ""},
            "/h/.cache/realtime-mer/engines",
            "/h/.config/realtime-mer",
        ),
    ],
)
def test_default_folders(monkeypatch, variables, folder, keys):
    for name in ("MER_ENGINE_CACHE", "MER_ENGINE_KEY_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/h"} | variables).items():
        monkeypatch.setenv(name, value)
    assert (str(EngineStore().folder), str(EngineStore().key_folder)) == (folder, keys)


# -- put, get, annotate, find, list, clear --------------------------------------------------------


def test_put_then_get(kept):
    assert kept.get(SPEC) == PLAN_BYTES
    assert EngineStore(kept.folder, kept.key_folder).get(SPEC) == PLAN_BYTES
    assert kept.refusals == []
    assert leftovers(kept) == []
    secret = kept.key_folder / "secret"
    assert len(secret.read_bytes()) == 32
    assert sorted(p.name for p in kept.key_folder.iterdir()) == ["secret"]
    for folder in (kept.folder, kept.key_folder, entry(kept)):
        assert mode(folder) == 0o700
    for file in (secret, entry(kept) / PLAN, entry(kept) / MANIFEST):
        assert mode(file) == 0o600


def test_put_replaces(kept):
    kept.annotate(SPEC, {"passed": True})
    kept.put(SPEC, memoryview(b"newer"), "tiny", 2)
    assert kept.get(SPEC) == b"newer"
    assert kept.describe(SPEC).verification is None
    assert leftovers(kept) == []


def test_empty_plan_is_refused(store):
    with pytest.raises(EngineError, match="empty"):
        store.put(SPEC, b"", "tiny", 1)


@pytest.mark.parametrize(
    "change",
    [
        {"model_sha256": "b" * 64},
        {"runtime": "1.7.2"},
        {"precision": "fp32"},
        {"targets": ("sm86",)},
        {"driver": "580.1"},
        {"profiles": ((1, 1, 1),)},
    ],
)
def test_another_spec_finds_nothing(kept, change):
    assert kept.get(replace(SPEC, **change)) is None
    assert kept.refusals == []


def test_annotate_keeps_what_is_not_given(kept):
    kept.annotate(SPEC, verification={"passed": True, "max_abs": None})
    kept.annotate(SPEC, timings={"batch_1_ms": 0.25})
    found = kept.describe(SPEC)
    assert found.verification == {"passed": True, "max_abs": None}
    assert found.timings == {"batch_1_ms": 0.25}
    assert kept.get(SPEC) == PLAN_BYTES
    assert mode(entry(kept) / MANIFEST) == 0o600
    assert leftovers(kept) == []


@pytest.mark.parametrize(
    "wrong", [{"nan": float("nan")}, {"object": object()}, {"big": "x" * 2**21}]
)
def test_annotate_refuses_what_is_no_plain_json(kept, wrong):
    with pytest.raises(EngineError, match="manifest"):
        kept.annotate(SPEC, wrong)
    assert kept.describe(SPEC).verification is None
    assert kept.get(SPEC) == PLAN_BYTES


def test_annotate_needs_an_entry(store):
    with pytest.raises(EngineError, match="build it first"):
        store.annotate(SPEC, {})


def test_find_prefers_the_most_special(store):
    def find(target: str, **more):
        return store.find("a" * 64, "tensorrt-rtx", "1.7.1.116", "fp16", target, **more)

    wide = replace(SPEC, targets=("sm80", "sm89", "sm120"))
    narrow = replace(SPEC, targets=("sm80", "sm89"))
    for spec in (wide, narrow, replace(SPEC, precision="fp32"), replace(SPEC, runtime="1.6")):
        store.put(spec, PLAN_BYTES, "tiny", 1)
    assert find("sm80") == narrow
    assert find("sm120") == wide
    assert find("sm86") is None
    assert find("sm80", profiles=((1, 2, 3),)) is None
    assert find("sm80", driver="580") is None
    (entry(store, narrow) / MANIFEST).write_bytes(b"{}")
    assert find("sm80") == wide


def test_entries_say_their_state(kept):
    other = replace(SPEC, runtime="1.6")
    damaged = replace(SPEC, precision="fp32")
    kept.put(other, b"12345", "old", 2)
    kept.put(damaged, b"123", "bad", 2)
    (entry(kept, damaged) / PLAN).write_bytes(b"321")
    found = {e.key: e for e in kept.entries(lambda spec: spec.runtime == SPEC.runtime)}
    assert found[SPEC.key].state == "good"
    assert (found[SPEC.key].spec, found[SPEC.key].size) == (SPEC, len(PLAN_BYTES))
    assert (found[SPEC.key].model_name, found[SPEC.key].build_s) == ("tiny", 1.5)
    assert found[SPEC.key].built_at.endswith("+00:00")
    assert found[other.key].state == "stale"
    assert "SHA-256" in found[damaged.key].state
    assert (found[damaged.key].spec, found[damaged.key].size) == (None, 3)
    assert entry(kept, damaged).exists()
    assert kept.refusals == []


def test_clear_what_was_asked_for(kept):
    other = replace(SPEC, runtime="1.6")
    kept.put(other, b"12345", "old", 2)
    size = sum(p.stat().st_size for p in entry(kept, other).iterdir())
    assert kept.clear(lambda e: e.spec == other) == (1, size)
    assert [e.spec for e in kept.entries()] == [SPEC]
    assert kept.clear()[0] == 1
    assert kept.entries() == []


def test_clear_takes_old_leftovers_and_free_locks(kept):
    for name, age in (("old", 100_000), ("new", 1_000)):
        folder = kept.folder / f".{SPEC.key}.{name}.partial"
        folder.mkdir(mode=0o700)
        (folder / PLAN).write_bytes(b"1234567")
        then = folder.stat().st_mtime - age
        os.utime(folder, (then, then))
    busy, free = SPEC, replace(SPEC, precision="fp32")
    with kept.lock(free):
        pass
    with kept.lock(busy):
        assert kept.clear(lambda e: False) == (0, 7)
        assert (kept.folder / f"{busy.key}.lock").exists()
    assert not (kept.folder / f"{free.key}.lock").exists()
    assert leftovers(kept) == [f".{SPEC.key}.new.partial"]
    assert kept.get(SPEC) == PLAN_BYTES


def test_refuse(kept, caplog):
    with caplog.at_level(logging.WARNING, "engines"):
        kept.refuse(SPEC, "it answers otherwise")
    assert kept.get(SPEC) is None
    assert "it answers otherwise" in kept.refusals[0]
    assert "it answers otherwise" in caplog.text
    kept.refuse(SPEC, "not there any more")
    assert len(kept.refusals) == 1
