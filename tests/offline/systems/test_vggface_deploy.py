"""The family exported: ONNX Runtime answers as torch does, and NVIDIA's compiler takes it."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from engines.nvidia.tensorrt_build import build_plan
from engines.nvidia.tensorrt_flavour import load_flavour
from engines.spec import BuildSpec
from offline.export import Answering, export_module
from offline.systems.frame_sequence_heads import frame_mask, sequence_head
from offline.systems.vggface import SYSTEMS
from tests.offline.systems.face_clips import WIDE, clips
from tests.offline.test_export import session

STEPS = 5
DISTINCT = ("vggface_lstm_bi", "vggface_tcn", "vggface_attention_pool")
"""What the others are made of is in these."""


@cache
def exported(name):
    torch.manual_seed(0)
    shape = (STEPS, 3, WIDE, WIDE)
    module = Answering(SYSTEMS[name].changed(smoke=True).build(3, shape)).eval()
    return module, export_module(module, shape)


@pytest.mark.parametrize("name", DISTINCT)
def test_onnx_runtime_answers_as_torch_does_for_every_batch(name):
    module, model = exported(name)
    runner = session(model)
    inputs = clips(5, STEPS, WIDE)[0]
    with torch.no_grad():
        expected = module(torch.from_numpy(inputs)).numpy()
    assert np.ptp(expected, 0).max() > 1e-4
    for count in (1, 3, 5):
        (found,) = runner.run(None, {"input": inputs[:count]})
        np.testing.assert_allclose(found, expected[:count], atol=2e-5)


@pytest.mark.parametrize("name", DISTINCT)
def test_it_compiles(name):
    pytest.importorskip("tensorrt_rtx")
    flavour = load_flavour("tensorrt-rtx")
    spec = BuildSpec("0" * 64, "tensorrt-rtx", flavour.version, "fp32", ("sm89",))
    assert len(build_plan(exported(name)[1], name, spec)) > 1000


def test_a_gru_answers_as_torch_does():
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = sequence_head("gru", 12, 7, 3)

        def forward(self, frames):
            return self.head(frames, frame_mask(frames))

    torch.manual_seed(0)
    module = Head().eval()
    frames = torch.rand(4, 6, 12)
    frames[1, 2:] = 0
    (found,) = session(export_module(module, (6, 12))).run(None, {"input": frames.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, module(frames).numpy(), atol=1e-5)
