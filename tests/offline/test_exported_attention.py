"""Weights of a network's attention: exported beside it, equal to torch's, shown in explanations."""

from dataclasses import replace

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from engines import EngineError, PackageError, load_package
from engines.package import ATTENTION
from offline.explain.package_explainer import PackageExplainer
from offline.export import write_model
from offline.exported_attention import export_attention, named_weights
from offline.models.torch_zoo import find_torch_model, seeded
from offline.systems.registry import find_system
from realtime_mer.errors import ModelError
from realtime_mer.face.topology import CROP
from realtime_mer.recipes import RECIPES
from tests.engines.conftest import tiny_card
from tests.offline.test_systems_contract import clips

pytestmark = pytest.mark.slow

KINDS = {"spatial", "channel", "temporal"}


class Weighing(nn.Module):
    """Weighs columns by themselves; ``kinds`` says how it tells."""

    def __init__(self, wrong: float = 0.0) -> None:
        super().__init__()
        self.line = nn.Linear(4, 3)
        self.wrong = wrong

    def forward(self, x):
        return self.line(x.flatten(1) * self.attention(x)["columns"])

    def attention(self, x):
        return {
            "columns": torch.sigmoid(x.flatten(1)),
            "even": torch.full_like(x.flatten(1), 0.5),
        }


class Moody(Weighing):
    """Answers differently once it is exported."""

    def attention(self, x):
        off = 0.01 if torch.compiler.is_exporting() else 0.0
        return {"columns": torch.sigmoid(x.flatten(1)) + off}


@pytest.fixture
def card():
    return replace(tiny_card(), input_shape=(2, 2))


@pytest.fixture
def few():
    return np.random.default_rng(5).normal(size=(3, 2, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """A package of a system with three kinds of attention, and what it was made from."""
    system, model = find_system("stan"), seeded("stan", 0, smoke=True)
    card = replace(
        tiny_card(), recipe=system.recipe, input_shape=find_torch_model("stan").input_shape
    )
    inputs = np.stack([RECIPES[system.recipe](clip) for clip in clips()[:3]])
    package = write_model(tmp_path_factory.mktemp("stan"), model, card, inputs)
    return package, model.net, inputs


def test_weights_come_by_name_without_what_is_even(card, few):
    found = export_attention(Weighing(), card, few)
    assert found.names == ("columns",)
    proto = onnx.load_from_string(found.model)
    assert [each.name for each in proto.graph.output] == ["columns"]


def test_a_network_without_attention_has_none(card, few):
    assert export_attention(nn.Linear(2, 3), card, few).model == b""
    assert named_weights(nn.MultiheadAttention(4, 2), torch.zeros(1)) == {}


def test_other_weights_after_the_export_are_an_error(card, few):
    with pytest.raises(EngineError, match="weigh columns otherwise, by 1"):
        export_attention(Moody(), card, few)


def test_a_system_says_what_it_weighs_and_its_package_the_same(stream):
    package, net, inputs = stream
    loaded = load_package(package.folder)
    assert set(loaded.card.attention) == KINDS
    looks = PackageExplainer(loaded)._weighed(torch.from_numpy(inputs[:1]))
    with torch.no_grad():
        told = named_weights(net, torch.from_numpy(inputs[:1]))
    for name in KINDS:
        assert looks[name].shape == tuple(told[name].shape[1:])
        np.testing.assert_allclose(looks[name], told[name][0].numpy(), atol=1e-4)
        assert 0 <= looks[name].min() < looks[name].max() <= 1


def test_the_explanation_has_a_strip_of_weights(stream):
    package, _, inputs = stream
    told = PackageExplainer(package)(clips()[0], inputs[0])
    picture = cv2.imdecode(np.frombuffer(told.picture, np.uint8), cv2.IMREAD_COLOR)
    plain = PackageExplainer(replace(package, card=replace(package.card, attention=())))
    without = cv2.imdecode(
        np.frombuffer(plain(clips()[0], inputs[0]).picture, np.uint8), cv2.IMREAD_COLOR
    )
    assert 120 < len(picture) - len(without) < CROP
    assert picture.shape[1] == without.shape[1]
    assert picture[len(without) :].std() > 10
    assert "weighs" in told.words


def test_a_replaced_file_of_attention_is_refused(stream, tmp_path):
    package, _, _ = stream
    for path in package.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / ATTENTION).write_bytes((tmp_path / "model.onnx").read_bytes())
    copied = load_package(tmp_path)  # the stream never reads that file
    with pytest.raises(PackageError, match="SHA-256"):
        copied.attention_model()
    with pytest.raises(ModelError, match="--explain"):
        PackageExplainer(copied)
    (tmp_path / ATTENTION).unlink()
    with pytest.raises(PackageError, match=ATTENTION):
        copied.attention_model()
