"""The store and the real compiler together; what runs needs a GPU and is tested elsewhere."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from engines import EngineError
from engines.building import build_engines, fresh_here, verify_engines
from engines.cache import EngineStore
from engines.compiled import StoredPlans, built_backends
from engines.nvidia.tensorrt_flavour import load_flavour
from engines.opening import _driver_here
from engines.spec import GENERATIONS, BuildSpec

pytest.importorskip("tensorrt_rtx")
without_gpu = pytest.mark.skipif(_driver_here(), reason="there is an NVIDIA driver here")


@pytest.fixture
def store(tmp_path):
    return EngineStore(tmp_path / "engines", tmp_path / "key")


@pytest.fixture
def told():
    return []


@pytest.fixture
def plans(store, told):
    return StoredPlans(store, lambda stage, done, total: told.append((stage, done, total)))


def spec_of(package, *targets, precision="fp32"):
    version = load_flavour("tensorrt-rtx").version
    return BuildSpec(package.card.sha256, "tensorrt-rtx", version, precision, targets)


def compilations(told):
    return [stage for stage, done, _ in told if stage.startswith("compiling") and done == 0]


def test_what_is_not_there_is_compiled_once_and_kept(tiny, plans, told, store):
    spec = spec_of(tiny, "sm89")
    plan = plans.plan(spec, tiny)
    assert len(plan) > 1000
    assert plans.plan(spec, tiny) == plan
    assert StoredPlans(EngineStore(store.folder, store.key_folder)).plan(spec, tiny) == plan
    assert len(compilations(told)) == 1
    assert told[-1][1] == told[-1][2]


def test_an_engine_for_several_generations_serves_each(tiny, plans, told):
    plan = plans.plan(spec_of(tiny, "sm80", "sm86", "sm89"), tiny)
    assert plans.plan(spec_of(tiny, "sm86"), tiny) == plan
    assert plans.plan(spec_of(tiny, "sm120"), tiny) != plan
    assert len(compilations(told)) == 2


@pytest.mark.parametrize("part", ["engine.plan", "manifest.json"])
def test_a_tampered_engine_is_refused_and_compiled_again(tiny, plans, told, store, part):
    spec = spec_of(tiny, "sm89")
    plan = plans.plan(spec, tiny)
    path = store.folder / spec.key / part
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    assert plans.plan(spec, tiny) == plan
    assert len(compilations(told)) == 2
    assert len(store.refusals) == 1


def test_a_foreign_engine_is_refused_and_compiled_again(tiny, plans, told, store, tmp_path):
    spec = spec_of(tiny, "sm89")
    elsewhere = StoredPlans(EngineStore(store.folder, tmp_path / "key of another"))
    elsewhere.plan(spec, tiny)
    plans.plan(spec, tiny)
    assert len(compilations(told)) == 1
    assert len(store.refusals) == 1


def test_another_version_of_the_runtime_is_another_engine(tiny, plans, told):
    spec = spec_of(tiny, "sm89")
    plans.plan(spec, tiny)
    older = replace(spec, runtime="1.0.0")
    assert plans.stored(older) is None
    assert plans.stored(spec) == spec


def test_a_refused_engine_is_gone(tiny, plans, store):
    spec = spec_of(tiny, "sm80", "sm89")
    plans.plan(spec, tiny)
    plans.refuse(spec_of(tiny, "sm89"), "it answered otherwise")
    assert plans.stored(spec) is None
    assert "it answered otherwise" in store.refusals[0]


def test_without_compiling_a_missing_engine_is_an_error(tiny, store):
    with pytest.raises(EngineError, match=r"no tensorrt-rtx engine is compiled for tiny@"):
        StoredPlans(store, compiling=False).plan(spec_of(tiny, "sm89"), tiny)


def test_a_stopped_build_leaves_nothing(tiny, store):
    plans = StoredPlans(store, stop=lambda: True)
    with pytest.raises(EngineError, match="stopped"):
        plans.plan(spec_of(tiny, "sm89"), tiny)
    assert store.entries() == []


def test_makers_are_given_for_what_is_built(tiny, plans, store):
    assert list(built_backends(tiny, "tensorrt-rtx", "auto", store)) == []
    plans.plan(spec_of(tiny, "sm89", precision="fp16"), tiny)
    for precision, count in (("auto", 1), ("fp16", 1), ("fp32", 0)):
        makers = list(built_backends(tiny, "tensorrt-rtx", precision, store))
        assert len(makers) == count
        assert [make().name for make in makers] == ["tensorrt-rtx-fp16"] * count


@without_gpu
def test_without_a_gpu_all_five_generations_are_compiled_ahead(tiny, store):
    built = build_engines(tiny, store=store)
    covered = [target for each in built for target in each.entry.spec.targets]
    assert sorted(covered) == sorted(GENERATIONS)
    assert {each.entry.spec.targets: each.entry.spec.precision for each in built}[("sm75",)] == (
        "fp16"
    )
    for each in built:
        assert each.agreement is None
        assert "not yet run" in each.note
        assert each.as_dict()["bytes"] == each.entry.size > 1000
    assert [entry.state for entry in store.entries(fresh_here())] == ["good"] * len(built)


@pytest.mark.parametrize(("arguments", "words"), [
    ({"engine": "onnxruntime"}, "choose tensorrt or tensorrt-rtx"),
    ({"engine": "abacus"}, "choose"),
    ({"precision": "fp8"}, "fp32 or fp16"),
    ({"targets": ("sm42",)}, "sm42.*sm89"),
    ({"targets": ("sm75",), "precision": "fp32"}, "Turing.*fp16"),
    ({"engine": "tensorrt", "targets": ("sm89",)}, "--for is for"),
])  # fmt: skip
def test_a_bad_wish_is_refused_with_what_to_do(tiny, store, arguments, words):
    with pytest.raises(EngineError, match=words):
        build_engines(tiny, store=store, **arguments)
    assert store.entries() == []


@without_gpu
def test_verifying_tells_every_engine_that_is_here(tiny, store):
    found = {each.name: each for each in verify_engines(tiny, store=store)}
    assert {"onnxruntime-cpu", "onnxruntime-cpu-fp16", "torch-cpu"} <= set(found)
    assert found["onnxruntime-cpu"].passed
    assert found["onnxruntime-cpu"].agreement.label_agreement == 1.0
    (wrong,) = verify_engines(tiny, "tensorrt-rtx", "fp32", store=store)
    assert not wrong.passed
    assert "GPU" in wrong.why or "driver" in wrong.why


def test_a_builder_that_is_killed_leaves_no_lock_and_no_engine(tiny, store, tmp_path):
    program = f"""
import sys, time
from pathlib import Path
from engines import load_package
from engines.cache import EngineStore
from engines.compiled import StoredPlans
from engines.spec import BuildSpec
from engines.nvidia.tensorrt_flavour import load_flavour
package = load_package({str(tiny.folder)!r})
spec = BuildSpec(package.card.sha256, "tensorrt-rtx", load_flavour("tensorrt-rtx").version, "fp32", ("sm89",))
store = EngineStore(Path({str(store.folder)!r}), Path({str(store.key_folder)!r}))
def tell(stage, done, total):
    print(stage, flush=True)
    time.sleep(60)
StoredPlans(store, tell).plan(spec, package)
"""  # noqa: E501
    builder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert "compiling" in builder.stdout.readline()
    os.kill(builder.pid, signal.SIGKILL)
    builder.wait(10)
    builder.stdout.close()
    assert store.entries() == []
    begin = time.monotonic()
    StoredPlans(store).plan(spec_of(tiny, "sm89"), tiny)
    assert time.monotonic() - begin < 60
    assert [entry.state for entry in store.entries()] == ["good"]
