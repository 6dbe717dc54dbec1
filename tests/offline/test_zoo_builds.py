"""Every network of the zoo: exported, answers as torch does, compiles for five GPU generations.

The published systems are in ``test_systems_build``; CropNet is here in full.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import realtime_mer
from engines import load_package
from engines.spec import GENERATIONS
from offline.models.torch_zoo import TORCH_MODELS
from offline.systems.registry import PUBLISHED
from tests.offline.exported_networks import (
    BATCHES,
    Exported,
    assert_compiles_in_fp16,
    assert_compiles_in_fp32,
    assert_fp16_answers_nearly_so,
    assert_fp32_answers_as_torch_does,
    exported,
    of_the_zoo,
)
from tests.offline.recurrent_models import LABELS, RECURRENT, recurrent

pytestmark = pytest.mark.slow

BUNDLED = Path(realtime_mer.__file__).parent / "models" / "default"
FULL = "cropnet in full"
PLAIN = [name for name in TORCH_MODELS if name not in PUBLISHED]


def in_full(name: str) -> Exported:
    return of_the_zoo(name.partition(" ")[0], smoke=False)


def with_a_memory(name: str) -> Exported:
    module, shape = recurrent(name)
    inputs = torch.randn(sum(BATCHES), *shape, generator=torch.Generator().manual_seed(1))
    return exported(name, module, inputs, LABELS)


def bundled(name: str) -> Exported:
    package = load_package(BUNDLED)
    inputs, answers = (array[: sum(BATCHES)] for array in package.samples())
    assert len(inputs) == sum(BATCHES)
    return Exported(name, len(package.card.labels), inputs, answers, package.model)


CASES: dict[str, Callable[[str], Exported]] = {
    **dict.fromkeys(PLAIN, of_the_zoo),
    FULL: in_full,
    **dict.fromkeys(RECURRENT, with_a_memory),
    "the bundled package": bundled,
}


@pytest.fixture(scope="module", params=CASES)
def case(request) -> Exported:
    return CASES[request.param](request.param)


def test_the_whole_zoo_is_here():
    assert {*PLAIN, *PUBLISHED} == set(TORCH_MODELS)
    assert set(RECURRENT) <= set(CASES)
    assert min(len(PLAIN) - 5, len(RECURRENT) - 1) > 0
    assert len(GENERATIONS) == 5


def test_fp32_answers_as_torch_does(case):
    assert_fp32_answers_as_torch_does(case)


def test_fp16_answers_nearly_so(case):
    assert_fp16_answers_nearly_so(case)


def test_compiles_in_fp32(case):
    assert_compiles_in_fp32(case)


def test_compiles_in_fp16(case):
    assert_compiles_in_fp16(case)
