"""An engine that was changed, copied from elsewhere or lies open to others is never loaded."""

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engines import EngineError
from engines.cache import EngineStore
from engines.spec import BuildSpec
from engines.store.manifest import MANIFEST, PLAN, Manifest, RefusedError, _sign, parse_manifest

PLAN_BYTES = bytes(range(256)) * 8
SPEC = BuildSpec("a" * 64, "tensorrt-rtx", "1.7.1.116", "fp16", ("sm89",))
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def kept(tmp_path) -> EngineStore:
    store = EngineStore(tmp_path / "deep" / "engines", tmp_path / "config")
    store.put(SPEC, PLAN_BYTES, "tiny", 1.5)
    return store


def entry(store: EngineStore, spec: BuildSpec = SPEC) -> Path:
    return store.folder / spec.key


def leftovers(store: EngineStore) -> list[str]:
    return [p.name for p in store.folder.iterdir() if p.suffix != ".lock" and p.name[0] == "."]


def refused(store: EngineStore, reason: str, caplog) -> None:
    with caplog.at_level(logging.WARNING, "engines"):
        assert store.get(SPEC) is None
    assert reason in store.refusals[-1]
    assert reason in caplog.text
    assert not os.path.lexists(entry(store))
    assert leftovers(store) == []
    assert len(store.refusals) == 1
    assert store.get(SPEC) is None
    assert len(store.refusals) == 1
    store.put(SPEC, PLAN_BYTES, "tiny", 1)
    assert store.get(SPEC) == PLAN_BYTES


def edit(store: EngineStore, **changes) -> None:
    path = entry(store) / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


DAMAGE = {
    "plan changed": (lambda s: (entry(s) / PLAN).write_bytes(PLAN_BYTES[::-1]), "SHA-256"),
    "plan cut": (lambda s: (entry(s) / PLAN).write_bytes(PLAN_BYTES[:-1]), "2047 bytes, not 2048"),
    "plan longer": (lambda s: (entry(s) / PLAN).write_bytes(PLAN_BYTES + b"1"), "2049 bytes"),
    "plan missing": (lambda s: (entry(s) / PLAN).unlink(), "No such file"),
    "plan linked": (lambda s: link(entry(s) / PLAN), "cannot read"),
    "plan a folder": (lambda s: [(entry(s) / PLAN).unlink(), (entry(s) / PLAN).mkdir()], "no file"),
    "plan a pipe": (lambda s: [(entry(s) / PLAN).unlink(), os.mkfifo(entry(s) / PLAN)], "no file"),
    "plan open": (lambda s: (entry(s) / PLAN).chmod(0o640), "chmod 600"),
    "manifest missing": (lambda s: (entry(s) / MANIFEST).unlink(), "No such file"),
    "manifest linked": (lambda s: link(entry(s) / MANIFEST), "cannot read"),
    "manifest open": (lambda s: (entry(s) / MANIFEST).chmod(0o604), "chmod 600"),
    "manifest no JSON": (lambda s: (entry(s) / MANIFEST).write_bytes(b"{"), "damaged"),
    "manifest huge": (lambda s: (entry(s) / MANIFEST).write_bytes(b" " * 2**21), "more than"),
    "manifest edited": (lambda s: edit(s, verification={"passed": True}), "was changed"),
    "unsigned": (lambda s: edit(s, hmac=None), "damaged"),
    "foreign": (lambda s: (s.key_folder / "secret").write_bytes(b"0" * 32), "another user"),
    "secret lost": (lambda s: (s.key_folder / "secret").unlink(), "another user"),
    "entry open": (lambda s: entry(s).chmod(0o755), "chmod 700"),
    "entry linked": (lambda s: link(entry(s)), "symbolic link"),
    "entry a file": (lambda s: [entry(s).rename(s.folder / "x"), entry(s).touch()], "no folder"),
    "plan of others": (lambda s: os.chown(entry(s) / PLAN, 12345, -1), "belongs to user 12345"),
    "entry of others": (lambda s: os.chown(entry(s), 12345, -1), "belongs to user 12345"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_refused(kept, caplog, name):
    if name.endswith("of others") and not IS_ROOT:
        pytest.skip("only root may give files away")
    damage, reason = DAMAGE[name]
    damage(kept)
    refused(kept, reason, caplog)


def test_a_link_is_removed_not_what_it_points_to(kept, tmp_path):
    entry(kept).rename(tmp_path / "elsewhere")
    entry(kept).symlink_to(tmp_path / "elsewhere")
    assert kept.get(SPEC) is None
    assert (tmp_path / "elsewhere" / PLAN).exists()


def test_an_engine_of_another_spec_under_this_name(kept, caplog):
    other = replace(SPEC, driver="999")
    kept.put(other, b"other", "tiny", 1)
    kept.clear(lambda e: e.spec == SPEC)
    entry(kept, other).rename(entry(kept))
    refused(kept, "another engine", caplog)


@pytest.mark.parametrize("part", ["folder", "key_folder"])
@pytest.mark.parametrize("wrong", ["open", "linked", "of others", "a file"])
def test_folders_have_to_be_private(kept, tmp_path, part, wrong):
    folder = getattr(kept, part)
    if wrong == "open":
        folder.chmod(0o750)
    elif wrong == "linked":
        link(folder)
    elif wrong == "a file":
        folder.rename(tmp_path / "aside")
        folder.touch()
    elif IS_ROOT:
        os.chown(folder, 12345, -1)
    else:
        pytest.skip("only root may give files away")
    told = {
        "open": "mode 0750.*chmod 700",
        "linked": "symbolic link",
        "of others": "belongs to user 12345",
        "a file": "no folder",
    }[wrong]
    calls = [lambda: kept.get(SPEC), lambda: kept.put(SPEC, b"1", "tiny", 1), kept.entries]
    for call in calls:
        with pytest.raises(EngineError, match=told):
            call()
    assert kept.refusals == []


@pytest.mark.parametrize(
    ("data", "bits"), [(b"short", 0o600), (b"0" * 33, 0o600), (b"0" * 32, 0o644)]
)
def test_the_secret_has_to_be_whole_and_private(kept, data, bits):
    secret = kept.key_folder / "secret"
    secret.write_bytes(data)
    secret.chmod(bits)
    with pytest.raises(EngineError, match="secret"):
        kept.get(SPEC)


# -- random damage --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    root = tmp_path_factory.mktemp("fuzzed")
    store = EngineStore(root / "engines", root / "config")
    store.put(SPEC, PLAN_BYTES, "tiny", 1.5)
    files = {name: (entry(store) / name).read_bytes() for name in (PLAN, MANIFEST)}
    return store, files


@given(data=st.data(), name=st.sampled_from([PLAN, MANIFEST]))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_damage_never_loads(fuzzed, data, name):
    store, files = fuzzed
    whole = files[name]
    begin = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(begin, min(len(whole), begin + 8)))
    changed = whole[:begin] + data.draw(st.binary(max_size=8)) + whole[end:]
    entry(store).mkdir(mode=0o700, exist_ok=True)
    for file, content in (files | {name: changed}).items():
        path = entry(store) / file
        path.write_bytes(content)
        path.chmod(0o600)
    found = store.get(SPEC)
    if changed == whole or (name == MANIFEST and same_json(changed, whole)):
        assert found == PLAN_BYTES
    else:
        assert found is None
        assert not entry(store).exists()


def same_json(one: bytes, two: bytes) -> bool:
    try:
        return json.loads(one) == json.loads(two)
    except (ValueError, RecursionError):
        return False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
SIGNED = json.loads(
    Manifest(SPEC, "tiny", "b" * 64, 7, "2026-01-01T00:00:00+00:00", 1.0).signed(b"k")
)


@given(st.sampled_from(sorted(set(SIGNED) - {"hmac"})), JSON)
@example("build_s", 10**400)
@example("build_s", True)
@example("plan_bytes", 0)
@example("format", 2)
@example("format", True)
@example("built_at", "yesterday")
@example("spec", SIGNED["spec"] | {"profiles": [[1, 2]]})
@example("spec", SIGNED["spec"] | {"profiles": [[4, 2, 1]]})
@example("spec", SIGNED["spec"] | {"targets": "sm89"})
@example("spec", SIGNED["spec"] | {"targets": []})
@example("spec", SIGNED["spec"] | {"extra": 1})
@settings(max_examples=200, deadline=None)
def test_even_signed_nonsense_is_refused(name, value):
    entries = {**SIGNED, name: value}
    del entries["hmac"]
    try:
        entries["hmac"] = _sign(entries, b"k")
    except ValueError:  # NaN: cannot be signed
        entries["hmac"] = "0"
    try:
        manifest = parse_manifest(json.dumps(entries).encode(), b"k")
    except RefusedError:
        assert name not in ("model_name", "plan_sha256") or not isinstance(value, str)
    else:
        assert type(value) in {
            "verification": (dict, type(None)),
            "timings": (dict, type(None)),
            "build_s": (int, float),
            "plan_bytes": (int,),
            "format": (int,),
            "spec": (dict,),
        }.get(name, (str,))
        assert isinstance(manifest.spec, BuildSpec)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"null", b"[" * 100_000, b'{"hmac": "\\ud800"}', b"\xff"]
)
def test_odd_json_is_refused(text):
    with pytest.raises(RefusedError, match="damaged"):
        parse_manifest(text, b"k")
