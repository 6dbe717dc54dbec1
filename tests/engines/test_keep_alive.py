"""A lost GPU: ONNX Runtime goes on, with the same answers, and it is said."""

import logging

import numpy as np
import pytest

import engines.nvidia.cuda
from engines import DeviceLostError, EngineError
from engines.keep_alive import KeepAlive
from engines.onnx_backend import OnnxBackend
from engines.tensorrt_backend import TensorRtBackend
from tests.engines.conftest import SHAPE, tiny_reference
from tests.engines.nvidia.stand_in_gpu import Error, StandInCuda
from tests.engines.nvidia.stand_in_tensorrt import StandInPlans, StandInTensorRt


def batch_of(count: int) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, *SHAPE)).astype(np.float32)


@pytest.fixture
def cuda(tmp_path, monkeypatch) -> StandInCuda:
    monkeypatch.setattr(engines.nvidia.cuda, "DRIVER_FILE", tmp_path / "version")
    return StandInCuda()


@pytest.fixture
def main(tiny, cuda) -> TensorRtBackend:
    trt = StandInTensorRt(cuda)
    return TensorRtBackend(
        tiny, precision="fp16", plans=StandInPlans(), cuda=cuda, load=trt.flavour
    )


@pytest.fixture
def made() -> list[OnnxBackend]:
    return []


@pytest.fixture
def kept(tiny, main, made) -> KeepAlive:
    def spare() -> OnnxBackend:
        made.append(OnnxBackend(tiny))
        return made[-1]

    return KeepAlive(main, spare)


def test_without_a_loss_the_spare_is_never_made(kept, main, made, tiny):
    with kept:
        assert kept.name == "tensorrt-fp16"
        assert kept.package is tiny
        np.testing.assert_allclose(kept.infer(batch_of(5)), tiny_reference(batch_of(5)), 1e-5)
        with pytest.raises(EngineError, match="model tiny"):
            kept.infer(np.zeros((1, 2)))
    assert made == []
    assert kept.notes == ()
    assert not main.graphs  # closed


def test_loss_in_mid_run_goes_on_with_onnx_runtime(kept, main, cuda, made, caplog):
    answers = []
    with kept, caplog.at_level(logging.WARNING, "engines.keep_alive"):
        for step in range(1, 7):
            if step == 3:
                cuda.lost = Error.cudaErrorECCUncorrectable
            answers.append(kept.infer(batch_of(step)))
            assert kept.name == ("tensorrt-fp16" if step < 3 else "onnxruntime-cpu")
    for step, each in enumerate(answers, 1):
        np.testing.assert_allclose(each, tiny_reference(batch_of(step)), atol=1e-6)
    assert len(made) == 1
    (note,) = kept.notes
    assert note.startswith("tensorrt-fp16 was lost (the GPU was lost while ")
    assert "cudaErrorECCUncorrectable" in note
    assert note.endswith("; went on with onnxruntime-cpu")
    assert caplog.messages == [note]
    with pytest.raises(EngineError, match="tensorrt-fp16 is not open"):
        main.infer(batch_of(1))
    with pytest.raises(EngineError, match="onnxruntime-cpu is not open"):
        made[0].infer(batch_of(1))


def test_notes_of_the_engine_are_passed_on(tiny, cuda):
    trt = StandInTensorRt(cuda)
    trt.unclean = {8}
    main = TensorRtBackend(tiny, plans=StandInPlans(), cuda=cuda, load=trt.flavour)
    with KeepAlive(main, lambda: OnnxBackend(tiny)) as kept:
        assert len(kept.notes) == 1
        assert "batch 8 runs without a CUDA graph" in kept.notes[0]


def test_other_errors_do_not_change_the_engine(kept, cuda, made):
    with kept:
        cuda.fail["cudaGraphLaunch"] = Error.cudaErrorInvalidValue
        with pytest.raises(EngineError, match="InvalidValue"):
            kept.infer(batch_of(1))
        cuda.fail.clear()
        kept.infer(batch_of(1))
        assert kept.name == "tensorrt-fp16"
    assert made == []


def test_failed_opening_is_passed_on(kept, cuda, made):
    cuda.driver = 0
    with pytest.raises(EngineError, match="no NVIDIA driver"):
        kept.open()
    assert made == []


def _missing() -> OnnxBackend:
    raise ImportError("no onnxruntime")


def test_spare_that_cannot_be_made(main, cuda):
    with KeepAlive(main, _missing) as kept:
        cuda.lost = Error.cudaErrorUnknown
        with pytest.raises(
            EngineError, match=r"tensorrt-fp16 was lost.*Unknown.*no onnxruntime"
        ) as it:
            kept.infer(batch_of(2))
        assert isinstance(it.value.__cause__, ImportError)
        assert isinstance(it.value.__cause__.__context__, DeviceLostError)
        assert kept.name == "tensorrt-fp16"
        assert kept.notes == ()


def test_spare_that_fails_on_the_batch_is_closed(tiny, main, cuda, monkeypatch):
    spare = OnnxBackend(tiny)

    def fail(batch):
        raise EngineError("out of memory")

    monkeypatch.setattr(spare, "infer", fail)
    with KeepAlive(main, lambda: spare) as kept:
        cuda.lost = Error.cudaErrorUnknown
        with pytest.raises(EngineError, match=r"was lost.*failed too: out of memory"):
            kept.infer(batch_of(2))
    assert spare._session is None


def test_spare_that_is_lost_has_no_spare(tiny, main, cuda):
    second = StandInCuda()
    trt = StandInTensorRt(second)
    spare = TensorRtBackend(tiny, plans=StandInPlans(), cuda=second, load=trt.flavour)
    with KeepAlive(main, lambda: spare) as kept:
        cuda.lost = Error.cudaErrorUnknown
        kept.infer(batch_of(2))
        assert kept.name == "tensorrt-fp32"
        second.lost = Error.cudaErrorIllegalAddress
        with pytest.raises(DeviceLostError, match="IllegalAddress"):
            kept.infer(batch_of(2))
        assert len(kept.notes) == 1
