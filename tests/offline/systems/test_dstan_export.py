"""DSTAN in one ONNX file: the answers of torch for any batch, and an engine made of it."""

from functools import cache

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn

from engines.nvidia.tensorrt_build import build_plan
from engines.nvidia.tensorrt_flavour import load_flavour
from engines.spec import BuildSpec
from offline.export import Answering, export_module
from offline.systems.closing_svm import ClosingSvm
from tests.offline.systems.dstan_clips import clips, network

pytestmark = pytest.mark.slow


def answering(name: str) -> Answering:
    """A network with drawn weights that inputs make a difference to, its machine fitted."""
    module = network(name)
    rng = torch.Generator().manual_seed(0)
    for each in module.modules():
        if isinstance(each, nn.LSTM | nn.Linear):
            for weights in each.parameters():
                weights.data *= 3 if weights.ndim > 1 else 0
        if isinstance(each, ClosingSvm):
            each.weights.normal_(generator=rng)
            each.fitted.fill_(1)
    return Answering(module).eval()


@cache
def exported(name: str):
    module = answering(name)
    inputs, _ = clips(name, 4, seed=2)
    inputs[2, 6:] = 0
    return module, inputs, export_module(module, tuple(inputs.shape[1:]))


def answers(model: bytes, inputs: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


@pytest.mark.parametrize("name", ["stan", "dstan", "dstan_average"])
def test_onnx_answers_as_torch_does_padding_and_all(name):
    module, inputs, model = exported(name)
    with torch.no_grad():
        expected = module(inputs).numpy()
    for batch in (slice(0, 4), slice(1, 2), slice(2, 3)):
        found = answers(model, inputs[batch].numpy())
        np.testing.assert_allclose(found, expected[batch], atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 1e-3


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_engine_is_made(precision):
    *_, model = exported("dstan")
    version = load_flavour("tensorrt-rtx").version
    spec = BuildSpec("0" * 64, "tensorrt-rtx", version, precision, ("sm89",))
    assert len(build_plan(model, "dstan", spec)) > 10_000
