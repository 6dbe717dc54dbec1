import numpy as np
import pytest

from engines import ENGINES, EngineError, available_engines, open_engine, opening, survey
from engines.onnx_backend import OnnxBackend
from tests.engines.conftest import SHAPE, tiny_reference

GPU_HERE = opening._driver_here()
without_gpu = pytest.mark.skipif(GPU_HERE, reason="there is an NVIDIA driver here")


class Rival:
    """An engine that answers as ONNX Runtime does, but later, sooner, wrongly or not at all."""

    def __init__(self, package, name="rival-fp32", wrong=0.0, refuses=False):
        self.package, self.name, self.wrong, self.refuses = package, name, wrong, refuses
        self.closed = False
        self._inner = OnnxBackend(package)

    def open(self):
        if self.refuses:
            raise EngineError("no room on the GPU")
        self._inner.open()
        return self

    def infer(self, batch):
        answers = self._inner.infer(batch)
        return np.roll(answers, 1, axis=1) if self.wrong else answers

    def close(self):
        self.closed = True
        self._inner.close()


@pytest.fixture
def ticking(monkeypatch):
    """Give every engine its own time for an answer, in seconds."""

    def times(**seconds):
        monkeypatch.setattr(
            opening, "_median_s", lambda backend: seconds[backend.name.replace("-", "_")]
        )

    return times


def test_every_engine_is_surveyed_with_a_reason():
    probes = survey()
    assert [probe.engine for probe in probes] == list(ENGINES)
    assert all(probe.why for probe in probes)
    usable = {probe.engine for probe in probes if probe.usable}
    assert {"onnxruntime", "torch"} <= usable
    assert usable <= set(available_engines()) <= usable | {"onnx"}


@without_gpu
def test_without_a_gpu_the_cpu_answers_and_says_why(tiny):
    opened = open_engine(tiny)
    with opened.backend as backend:
        assert backend.name == "onnxruntime-cpu"
        assert "no NVIDIA driver" in opened.reason
        assert opened.notes == ()


@without_gpu
@pytest.mark.parametrize("engine", ["tensorrt-rtx", "torch-cuda", "onnxruntime-cuda"])
def test_an_engine_that_was_asked_for_by_name_is_never_replaced(tiny, engine):
    with pytest.raises(EngineError, match=r"(?i)GPU|driver|provider|cuda"):
        open_engine(tiny, engine)


@pytest.mark.parametrize(("precision", "name"), [
    ("auto", "onnxruntime-cpu"), ("fp32", "onnxruntime-cpu"), ("fp16", "onnxruntime-cpu-fp16"),
])  # fmt: skip
@pytest.mark.parametrize("engine", ["onnx", "onnxruntime", "onnxruntime-cpu"])
def test_names_and_precisions(tiny, engine, precision, name):
    batch = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)
    with open_engine(tiny, engine, precision).backend as backend:
        assert backend.name == name
        tolerance = 5e-3 if precision == "fp16" else 1e-6
        np.testing.assert_allclose(backend.infer(batch), tiny_reference(batch), atol=tolerance)


@pytest.mark.parametrize(("engine", "precision"), [("abacus", "fp32"), ("onnx", "fp8")])
def test_what_is_unknown_is_refused_with_what_there_is(tiny, engine, precision):
    with pytest.raises(EngineError, match="choose"):
        open_engine(tiny, engine, precision)


def test_the_quickest_that_agrees_is_kept_and_the_others_closed(tiny, monkeypatch, ticking):
    ticking(onnxruntime_cpu=2.0, slow_fp32=3.0, quick_fp32=1.0, wrong_fp32=0.1)
    rivals = [
        Rival(tiny, "slow-fp32"),
        Rival(tiny, "quick-fp32"),
        Rival(tiny, "wrong-fp32", wrong=1.0),
        Rival(tiny, "broken-fp32", refuses=True),
    ]
    makers = [lambda rival=rival: rival for rival in rivals]
    monkeypatch.setattr(opening, "_rivals", lambda *_: iter(makers))
    opened = open_engine(tiny)
    assert opened.backend.name == "quick-fp32"
    for word in ("quickest", "quick-fp32 1000.00 ms", "onnxruntime-cpu 2000.00 ms", "no room"):
        assert word in opened.reason
    assert "wrong-fp32" in opened.reason.split("not usable")[1]
    assert [rival.closed for rival in rivals] == [True, False, True, True]
    opened.backend.close()
    assert rivals[1].closed


def test_the_cpu_stays_where_it_is_quicker(tiny, monkeypatch, ticking):
    ticking(onnxruntime_cpu=0.5, quick_fp32=1.0)
    rival = Rival(tiny, "quick-fp32")
    monkeypatch.setattr(opening, "_rivals", lambda *_: iter([lambda: rival]))
    with open_engine(tiny).backend as backend:
        assert backend.name == "onnxruntime-cpu"
    assert rival.closed


def test_times_are_those_of_one_sample(tiny):
    with OnnxBackend(tiny) as backend:
        assert 0 < opening._median_s(backend) < 1
