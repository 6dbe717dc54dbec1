"""TensorRT in trouble, on a stand-in: bad batches, recording that fails, bad plans, a lost GPU."""

from dataclasses import replace

import numpy as np
import pytest

import engines.nvidia.cuda
from engines import DeviceLostError, EngineError
from engines.nvidia.tensorrt_lane import BATCHES
from tests.engines.conftest import SHAPE, tiny_reference
from tests.engines.nvidia.stand_in_gpu import Error, StandInCuda
from tests.engines.nvidia.stand_in_tensorrt import (
    PLAN,
    StandInTensorRt,
    backend_of,
    batch_of,
)


@pytest.fixture(params=["tensorrt", "tensorrt-rtx"])
def flavour(request) -> str:
    return request.param


@pytest.fixture
def cuda(tmp_path, monkeypatch) -> StandInCuda:
    monkeypatch.setattr(engines.nvidia.cuda, "DRIVER_FILE", tmp_path / "version")
    return StandInCuda()


@pytest.fixture
def trt(cuda, flavour) -> StandInTensorRt:
    return StandInTensorRt(cuda, rtx=flavour == "tensorrt-rtx")


def nan(answers: np.ndarray) -> np.ndarray:
    return np.full_like(answers, np.nan)


@pytest.mark.parametrize(
    "bad",
    [batch_of(2).astype(np.float64), batch_of(2)[:, :1], np.full((1, *SHAPE), np.nan, np.float32)],
)
def test_bad_batches_never_reach_the_gpu(tiny, trt, cuda, bad):
    with backend_of(tiny, trt) as backend:
        cuda.calls.clear()
        with pytest.raises(EngineError, match="model tiny"):
            backend.infer(bad)
        assert cuda.calls == []


def test_answers_that_are_no_numbers_are_an_error(tiny, trt):
    with backend_of(tiny, trt) as backend:
        trt.answer = nan
        with pytest.raises(EngineError, match=r"no finite numbers with model tiny: choose.* fp32"):
            backend.infer(batch_of(2))
        trt.answer = np.asarray
        assert np.isfinite(backend.infer(batch_of(2))).all()


# Recording that fails.


def test_what_cannot_be_recorded_runs_without(tiny, trt, cuda):
    trt.unclean = {4}
    with backend_of(tiny, trt) as backend:
        assert not backend.graphs
        assert len(backend.notes) == 1
        assert "batch 4 runs without a CUDA graph" in backend.notes[0]
        for count in (2, 3, 4, 8):
            batch = batch_of(count, count)
            np.testing.assert_allclose(backend.infer(batch), tiny_reference(batch), atol=1e-6)
    assert not cuda.left()


def test_rtx_is_asked_whether_it_can_be_recorded(tiny, cuda):
    trt = StandInTensorRt(cuda, rtx=True)
    trt.capturable = False
    with backend_of(tiny, trt) as backend:
        assert not backend.graphs
        assert len(backend.notes) == len(BATCHES)
        assert "cudaStreamBeginCapture" not in cuda.calls
        np.testing.assert_allclose(backend.infer(batch_of(5)), tiny_reference(batch_of(5)), 1e-5)


# Plans that are refused.


def test_refused_plan_is_thrown_away_and_compiled_anew(tiny, trt, cuda):
    backend = backend_of(tiny, trt, b"of another release", PLAN + tiny.model)
    with backend:
        np.testing.assert_allclose(backend.infer(batch_of(3)), tiny_reference(batch_of(3)), 1e-5)
    plans = backend._plans
    assert [spec for spec, _ in plans.refused] == [backend.spec]
    assert "refused the plan" in plans.refused[0][1]
    assert plans.asked == [backend.spec] * 2
    assert not cuda.left()


def test_two_refusals_are_an_error(tiny, trt, cuda):
    backend = backend_of(tiny, trt, b"of another release")
    with pytest.raises(EngineError, match=r"cannot run tiny@.*a new plan was refused too"):
        backend.open()
    assert len(backend._plans.refused) == len(backend._plans.asked) == 2
    assert not cuda.left()


@pytest.mark.parametrize(
    ("card", "profiles", "message"),
    [
        ({"input_name": "frames"}, None, r"it has \['flow', 'probabilities'\], the card 'frames'"),
        ({"output_name": "logits"}, None, "the card 'flow' and 'logits'"),
        ({"input_shape": (2, 4, 5)}, None, r"'flow' is INPUT \(-1, 2, 4, 4\)"),
        ({"labels": ("a", "b")}, None, r"'probabilities' is OUTPUT \(-1, 3\)"),
        ({"input_dtype": "uint8"}, None, "'flow' holds FLOAT, the card says uint8"),
        ({}, ((1, 1, 1), (1, 4, 8)), r"compiled for batches .*8\)\), not .*16\)\)"),
    ],
)
def test_plan_of_another_model_is_refused(tiny, trt, cuda, card, profiles, message):
    trt.profiles = profiles or trt.profiles
    package = replace(tiny, card=replace(tiny.card, **card))
    backend = backend_of(package, trt)
    with pytest.raises(EngineError, match=rf"the plan is not model tiny's: .*{message}"):
        backend.open()
    assert len(backend._plans.refused) == 2
    assert not cuda.left()


def test_full_memory_throws_no_plan_away(tiny, trt, cuda):
    cuda.free_memory = 10
    backend = backend_of(tiny, trt, b"cannot be loaded for lack of memory")
    with pytest.raises(EngineError, match="too little for a plan"):
        backend.open()
    assert backend._plans.refused == []
    assert not cuda.left()


@pytest.mark.parametrize(
    "call", ["cudaStreamCreateWithFlags", "cudaHostAlloc", "cudaMalloc", "cudaGraphLaunch"]
)
def test_failed_opening_leaves_nothing(tiny, trt, cuda, call):
    cuda.fail[call] = Error.cudaErrorMemoryAllocation
    backend = backend_of(tiny, trt)
    with pytest.raises(EngineError, match="words for cudaErrorMemoryAllocation"):
        backend.open()
    assert not cuda.left()
    assert backend._plans.refused == []
    cuda.fail.clear()
    with backend:
        np.testing.assert_allclose(backend.infer(batch_of(1)), tiny_reference(batch_of(1)), 1e-5)


# A GPU that is lost.


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize(
    "error",
    [Error.cudaErrorECCUncorrectable, Error.cudaErrorIllegalAddress, Error.cudaErrorUnknown],
)
def test_lost_gpu_is_told_and_closing_stays_silent(tiny, trt, cuda, error, recorded):
    trt.unclean = set() if recorded else set(BATCHES)
    backend = backend_of(tiny, trt).open()
    cuda.lost = error
    for _ in range(2):
        with pytest.raises(DeviceLostError, match=error.name):
            backend.infer(batch_of(2))
    backend.close()
    with pytest.raises(EngineError, match="is not open"):
        backend.infer(batch_of(2))


@pytest.mark.parametrize("recorded", [True, False])
def test_gpu_lost_while_work_runs(tiny, trt, cuda, recorded):
    trt.unclean = set() if recorded else set(BATCHES)
    backend = backend_of(tiny, trt).open()
    cuda.fail["cudaStreamSynchronize"] = Error.cudaErrorLaunchFailure
    with pytest.raises(DeviceLostError, match="running a model: words for cudaErrorLaunchFailure"):
        backend.infer(batch_of(20))
    backend.close()


def test_tensorrt_that_fails_on_a_lost_gpu(tiny, trt, cuda, monkeypatch):
    trt.unclean = set(BATCHES)
    backend = backend_of(tiny, trt).open()
    for lane in backend._session._lanes:
        monkeypatch.setattr(lane.context, "execute_async_v3", lambda stream: False)
    with pytest.raises(EngineError, match="TensorRT could not run tiny on 2 samples") as told:
        backend.infer(batch_of(2))
    assert not isinstance(told.value, DeviceLostError)
    cuda.fail["cudaStreamSynchronize"] = Error.cudaErrorIllegalAddress
    with pytest.raises(DeviceLostError):
        backend.infer(batch_of(2))
    backend.close()


@pytest.mark.parametrize("call", ["cudaStreamBeginCapture", "cudaGraphInstantiate"])
def test_gpu_lost_while_recording_is_no_mere_note(tiny, trt, cuda, call):
    cuda.fail[call] = Error.cudaErrorIllegalAddress
    with pytest.raises(DeviceLostError, match=r"IllegalAddress"):
        backend_of(tiny, trt).open()
    assert not cuda.left()


def _raise(*given):
    raise RuntimeError("Error in set optimization profile async.")


@pytest.mark.parametrize(
    ("method", "answer", "message"),
    [
        ("set_optimization_profile_async", _raise, "Error in set optimization profile async"),
        ("set_input_shape", lambda *given: False, r"did not take an input of \(1, 2, 4, 4\)"),
        ("set_tensor_address", lambda *given: False, "did not take memory for 'flow'"),
        ("get_tensor_shape", lambda *given: [1, 4], r"1 samples: it would answer \(1, 4\)"),
        ("execute_async_v3", lambda *given: False, "could not run tiny on 1 samples"),
    ],
)
def test_what_a_context_refuses_is_told(tiny, trt, cuda, monkeypatch, method, answer, message):
    monkeypatch.setattr(f"tests.engines.nvidia.stand_in_tensorrt._Context.{method}", answer)
    backend = backend_of(tiny, trt)
    with pytest.raises(EngineError, match=message) as told:
        backend.open()
    assert str(told.value).startswith(f"{backend.name.rsplit('-', 1)[0]} {trt.__version__}: ")
    assert backend._plans.refused == []


def test_gpu_lost_while_opening_throws_no_plan_away(tiny, trt, cuda):
    cuda.fail["cudaStreamSynchronize"] = Error.cudaErrorIllegalAddress
    backend = backend_of(tiny, trt)
    with pytest.raises(DeviceLostError):
        backend.open()
    assert backend._plans.refused == []
