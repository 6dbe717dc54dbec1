import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import realtime_mer
from engines import EngineError, load_package, write_package
from engines.onnx_backend import OnnxBackend
from tests.engines.conftest import (
    LABELS,
    SHAPE,
    tiny_card,
    tiny_onnx,
    tiny_reference,
    tiny_scored_reference,
)
from tests.processes import run_python

torch = pytest.importorskip("torch")

from engines.torch_backend import TorchBackend  # noqa: E402

DEFAULT = Path(realtime_mer.__file__).parent / "models" / "default"


def batch_of(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *SHAPE)).astype(np.float32)


def repackaged(tiny, **changes):
    return replace(tiny, card=replace(tiny.card, **changes))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_any_batch_gives_the_reference_probabilities(tiny, scored, count):
    batch = batch_of(count, count)
    for package, reference in ((tiny, tiny_reference), (scored, tiny_scored_reference)):
        with TorchBackend(package) as backend:
            found = backend.infer(batch)
        assert found.dtype == np.float32
        assert found.shape == (count, len(package.card.columns))
        np.testing.assert_allclose(found, reference(batch), atol=1e-6)


@pytest.mark.parametrize(("precision", "least", "most"), [("fp32", 0, 2e-6), ("fp16", 1e-7, 5e-3)])
def test_golden_samples_of_the_bundled_model_hold(precision, least, most):
    package = load_package(DEFAULT)
    inputs, outputs = package.samples()
    with TorchBackend(package, precision=precision) as backend:
        found = backend.infer(inputs)
    assert least <= np.abs(found - outputs).max() <= most
    count = len(package.card.labels)
    assert (found[:, :count].argmax(1) == outputs[:, :count].argmax(1)).all()


def test_half_precision_of_a_tiny_network(tiny):
    inputs, outputs = tiny.samples()
    with TorchBackend(tiny, precision="fp16") as backend:
        found = backend.infer(inputs)
    assert found.dtype == np.float32
    assert 1e-7 < np.abs(found - outputs).max() < 5e-3


@pytest.mark.parametrize(
    ("options", "name"),
    [({}, "torch-cpu"), ({"precision": "fp16"}, "torch-cpu-fp16"),
     ({"device": "cuda"}, "torch-cuda"), ({"compiled": True}, "torch-cpu-compiled"),
     ({"device": "cuda", "precision": "fp16"}, "torch-cuda-fp16")],
)  # fmt: skip
def test_names(tiny, options, name):
    assert TorchBackend(tiny, **options).name == name


@pytest.mark.parametrize(
    ("options", "match"),
    [({"device": "tpu"}, "cpu or cuda"), ({"precision": "int8"}, "fp32 or fp16"),
     ({"threads": 0}, "1 or more")],
)  # fmt: skip
def test_options_that_do_not_exist(tiny, options, match):
    with pytest.raises(EngineError, match=match):
        TorchBackend(tiny, **options)


def test_life_cycle(tiny):
    backend = TorchBackend(tiny)
    with pytest.raises(EngineError, match="not open"):
        backend.infer(batch_of(1))
    assert backend.open() is backend
    assert backend.open() is backend
    assert backend.infer(batch_of(1)).shape == (1, 3)
    backend.close()
    backend.close()
    with pytest.raises(EngineError, match="not open"):
        backend.infer(batch_of(1))
    with backend:
        assert backend.infer(batch_of(2)).shape == (2, 3)


@pytest.mark.parametrize(
    ("batch", "match"),
    [
        (np.zeros((1, 2, 4, 5), np.float32), "reads"),
        (np.zeros(SHAPE, np.float32), "reads"),
        (np.zeros((1, *SHAPE)), "float64"),
        (np.full((1, *SHAPE), np.nan, np.float32), "no finite"),
        (np.full((1, *SHAPE), np.inf, np.float32), "no finite"),
    ],
)
def test_wrong_batches_are_refused(tiny, batch, match):
    with TorchBackend(tiny) as backend, pytest.raises(EngineError, match=match):
        backend.infer(batch)


def test_batches_as_numpy_lays_them_out(tiny):
    batch = batch_of(4)
    frozen = batch.copy()
    frozen.flags.writeable = False
    with TorchBackend(tiny) as backend:
        wanted = backend.infer(batch)
        for other in (frozen, np.asfortranarray(batch), batch[::-1].copy()[::-1],
                      batch.astype(">f4")):  # fmt: skip
            np.testing.assert_array_equal(backend.infer(other), wanted)


def test_answers_are_the_callers_own(tmp_path):
    """A network that gives back its input must not give back the caller's array."""
    nodes = [helper.make_node("Identity", ["flow"], ["probabilities"])]
    package = packaged(tmp_path, nodes, (3,), np.float32)
    batch = np.full((2, 3), 0.5, np.float32)
    with TorchBackend(package) as backend:
        first = backend.infer(batch)
        first[:] = 9
        assert (batch == 0.5).all()
        assert (backend.infer(batch) == 0.5).all()


def packaged(folder, nodes, shape, dtype):
    """A package whose nodes map flow, (N, *shape), to probabilities, (N, 3)."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        nodes, "mapped",
        [helper.make_tensor_value_info("flow", kind, ["N", *shape])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    card = tiny_card(input_shape=shape, input_dtype=np.dtype(dtype).name)
    samples = np.ones((1, *shape), dtype), np.full((1, 3), 1 / 3, np.float32)
    return write_package(folder / "mapped", card, model.SerializeToString(), *samples)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
def test_other_types_of_input(tmp_path, dtype):
    nodes = [
        helper.make_node("Cast", ["flow"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Softmax", ["numbers"], ["probabilities"], axis=1),
    ]
    package = packaged(tmp_path, nodes, (3,), dtype)
    batch = np.random.default_rng(0).integers(0, 5, (4, 3)).astype(dtype)
    with TorchBackend(package) as backend, OnnxBackend(package) as other:
        np.testing.assert_allclose(backend.infer(batch), other.infer(batch), rtol=1e-5)


def test_the_cards_output_is_chosen_among_several(tiny):
    model = onnx.load_from_string(tiny.model)
    model.graph.output.insert(
        0, helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3])
    )
    package = replace(tiny, model=model.SerializeToString())
    with TorchBackend(package) as backend:
        np.testing.assert_allclose(
            backend.infer(batch_of(3)), tiny_reference(batch_of(3)), atol=1e-6
        )


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"input_name": "image"}, "'image'"), ({"output_name": "logits"}, "'logits'"),
     ({"input_shape": (2, 4, 5)}, r"\(N, 2, 4, 5\)"), ({"input_dtype": "uint8"}, "uint8")],
)  # fmt: skip
def test_a_card_that_contradicts_the_model_is_refused(tiny, changes, match):
    with pytest.raises(EngineError, match=match):
        TorchBackend(repackaged(tiny, **changes)).open()


def test_a_model_of_one_batch_size_is_refused(tiny):
    with pytest.raises(EngineError, match="free batch axis"):
        TorchBackend(replace(tiny, model=tiny_onnx(batch=1))).open()


def test_a_model_with_fewer_columns_than_the_card_is_refused(tiny):
    package = repackaged(tiny, labels=(*LABELS, "none"))
    with TorchBackend(package) as backend, pytest.raises(EngineError, match="4 columns"):
        backend.infer(batch_of(2))


@pytest.mark.parametrize("model", [b"", b"nonsense", tiny_onnx()[:200], tiny_onnx()[40:]])
def test_damaged_models_are_refused(tiny, model):
    with pytest.raises(EngineError, match="tiny"):
        TorchBackend(replace(tiny, model=model)).open()


def test_a_network_that_fails_when_it_runs_is_an_engine_error(tmp_path):
    nodes = [
        helper.make_node("Constant", [], ["five"], value_ints=[5, 3]),
        helper.make_node("Reshape", ["flow", "five"], ["probabilities"]),
    ]
    package = packaged(tmp_path, nodes, (3,), np.float32)
    with TorchBackend(package) as backend:
        with pytest.raises(EngineError, match="torch-cpu failed on model tiny"):
            backend.infer(np.zeros((2, 3), np.float32))
        assert backend.infer(np.zeros((5, 3), np.float32)).shape == (5, 3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_cuda_is_refused(tiny):
    with pytest.raises(EngineError, match="cannot use device cuda"):
        TorchBackend(tiny, device="cuda").open()


def test_the_process_keeps_its_threads(tiny):
    before = torch.get_num_threads()
    seen = []
    with TorchBackend(tiny, threads=before + 1) as backend:
        network = backend._network
        network.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
        backend.infer(batch_of(1))
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


def test_tf32_is_off_while_a_reference_runs_and_then_as_before():
    from engines.torch_backend import _shared_settings

    kinds = (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn)
    before = [kind.fp32_precision for kind in kinds]
    with _shared_settings(torch, torch.get_num_threads(), exact=True):
        assert [kind.fp32_precision for kind in kinds] == ["ieee"] * 3
    assert [kind.fp32_precision for kind in kinds] == before


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("default")  # PyTorch's compiler uses what PyTorch has deprecated
def test_compiled(tiny, monkeypatch):
    from torch._inductor import config

    # Compiling the headers in advance pays for many kernels; here there are two.
    monkeypatch.setattr(config, "cpp_cache_precompile_headers", False)
    with TorchBackend(tiny, compiled=True) as backend:
        for count in (1, 3, 4, 0):
            found = backend.infer(batch_of(count))
            np.testing.assert_allclose(found, tiny_reference(batch_of(count)), atol=1e-6)


def test_without_torch_it_says_what_to_install(tiny):
    code = (
        "import sys\nsys.modules['torch'] = None\n"
        "from engines import EngineError, load_package\n"
        "from engines.torch_backend import TorchBackend\n"
        f"try: TorchBackend(load_package({str(tiny.folder)!r})).open()\n"
        "except EngineError as error: print(error)"
    )
    (said,) = run_python(code)
    assert "PyTorch" in said
    assert "realtime-mer[offline]" in said
