import copy
import hashlib
import json
import logging
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn

from engines import Card, EngineError, PackageError, load_package
from engines.half import half_precision
from engines.spec import GENERATIONS
from offline.export import (
    GOLDEN,
    TOLERANCE,
    Answering,
    export_module,
    parity,
    write_model,
)
from offline.models.flow_cnn import Deployed, FlowCnn, FlowLinear
from offline.nets.modules import module_of
from offline.nets.zoo import NETS
from offline.torch_to_onnx import OPSET
from tests.offline.recurrent_models import RECURRENT, recurrent

pytestmark = pytest.mark.slow

MODELS = (*NETS, "deployed", *RECURRENT)
SHAPE = (6,)


@cache
def built(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """Return a network whose weights, and moments of normalisation, are drawn."""
    if name in RECURRENT:
        module, shape = recurrent(name)
    elif name == "deployed":
        torch.manual_seed(0)
        module, shape = Deployed([FlowCnn(), FlowLinear(), FlowCnn()], 0.5, 1.25), (2, 28, 28)
    else:
        torch.manual_seed(0)
        net = NETS[name](3, 3 if name == "ststnet" else 2, 28)
        module, shape = Answering(module_of(net)), net.inputs
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            for values in (each.running_var, each.weight):
                values.data.uniform_(0.5, 2)
            for values in (each.running_mean, each.bias):
                values.data.normal_(0, 0.3)
    for values in module.parameters():
        if not values.any():
            values.data.normal_(0, 0.1)
    return module.eval(), shape


@cache
def exported(name: str) -> bytes:
    return export_module(*built(name))


def session(data: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def drawn(count: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype(np.float32)


def answered(module: nn.Module, inputs: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.from_numpy(inputs)).numpy()


def operators(data: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(data).graph.node)


class Dense(nn.Module):
    """Logits of three labels, with what training and evaluation do differently."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def dense(scale: float = 1.0) -> Answering:
    torch.manual_seed(1)
    module = Answering(Dense()).eval()
    module.net.layers[4].weight.data *= scale
    return module


def card(**changes) -> Card:
    entries = {
        "name": "dense",
        "version": "1",
        "labels": ("negative", "positive", "surprise"),
        "recipe": "none",
        "input_name": "values",
        "input_shape": SHAPE,
        "input_dtype": "float32",
        "output_name": "probabilities",
        "licence": "Apache-2.0",
        "limits": "a test model",
        "metrics": {"UF1": 0.5},
    }
    return Card(**(entries | changes))


@pytest.mark.parametrize("name", MODELS)
def test_every_network_answers_as_torch_does_for_every_batch(name):
    module, shape = built(name)
    runner, inputs = session(exported(name)), drawn(16, shape)
    assert np.ptp(answered(module, inputs), 0).max() > 1e-4, "answers do not depend on inputs"
    for count in range(1, 17):
        (found,) = runner.run(["answers"], {"input": inputs[:count]})
        np.testing.assert_allclose(found, answered(module, inputs[:count]), atol=2e-5)


@pytest.mark.parametrize("name", MODELS)
def test_every_network_in_half_precision_is_near(name):
    module, shape = built(name)
    inputs = drawn(16, shape, 1)
    runner = session(half_precision(exported(name)))
    expected = answered(module, inputs)
    for count in (1, 16):
        (found,) = runner.run(["answers"], {"input": inputs[:count]})
        np.testing.assert_allclose(found, expected[:count], atol=5e-3)


@pytest.mark.parametrize("name", MODELS)
def test_the_file_is_valid_and_says_nothing_of_the_machine(name):
    proto = onnx.load_from_string(exported(name))
    onnx.checker.check_model(proto, full_check=True)
    assert {each.domain: each.version for each in proto.opset_import} == {"": OPSET}
    assert not proto.functions
    (entry,), (answer,) = proto.graph.input, proto.graph.output
    for end, sizes in ((entry, ["N", *built(name)[1]]), (answer, ["N", answer_columns(name)])):
        found = [size.dim_param or size.dim_value for size in end.type.tensor_type.shape.dim]
        assert found == sizes
    for tensor in proto.graph.initializer:
        tensor.ClearField("raw_data")
    told = proto.SerializeToString()
    for word in (b".py", b"site-packages", b"+cpu", str(Path.cwd()).encode(), b"stack"):
        assert word not in told
    assert not re.search(rb"(/[\w.-]+){2,}", told), "a path"


def answer_columns(name: str) -> int:
    return 24 if name == "deployed" else 3


@pytest.mark.parametrize("name", ["flow_cnn", "deployed", "frames-then-lstm"])
def test_normalisation_behind_a_convolution_is_merged(name):
    assert operators(exported(name))["BatchNormalization"] == 0


def test_the_mirrored_maps_share_the_weights():
    """Deployed sees each map twice; its convolutions' weights are in the file once."""
    proto = onnx.load_from_string(exported("deployed"))
    convolutions = [tuple(node.input[1:]) for node in proto.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 12
    assert len(set(convolutions)) == 6
    values = sum(each.numel() for each in built("deployed")[0].parameters())
    assert 4 * values < len(exported("deployed")) < 4 * values + 20_000


@pytest.mark.parametrize("name", ["ststnet", "lstm"])
def test_exports_repeat_byte_for_byte(name):
    assert export_module(*built(name)) == exported(name)


def test_another_process_exports_the_same_bytes():
    names = ("flow_cnn", "gru-of-two-layers")
    again = (
        "import hashlib; from tests.offline.test_export import exported; "
        f"print(*(hashlib.sha256(exported(name)).hexdigest() for name in {names}))"
    )
    command = [sys.executable, "-c", again]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [hashlib.sha256(exported(name)).hexdigest() for name in names]
    assert done.stderr == ""


@pytest.mark.parametrize("name", MODELS)
def test_it_compiles_for_every_generation_of_gpus(name):
    trt = pytest.importorskip("tensorrt_rtx")
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parsed = trt.OnnxParser(network, logger)
    assert parsed.parse(half_precision(exported(name))), parsed.get_error(0)
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    shape = built(name)[1]
    profile.set_shape("input", *((count, *shape) for count in (1, 8, 16)))
    config.add_optimization_profile(profile)
    config.num_compute_capabilities = len(GENERATIONS)
    for place, generation in enumerate(GENERATIONS):
        target = getattr(trt.ComputeCapability, generation.upper())
        config.set_compute_capability(target, place)
    assert builder.build_serialized_network(network, config) is not None


@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_exported_as_it_evaluates_and_stays_as_it_is(training, capfd):
    module = dense().train(training)
    before = copy.deepcopy(module.state_dict())
    model = export_module(module, SHAPE, input_name="values", output_name="p")
    assert all(each.training is training for each in module.modules())
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    inputs = drawn(5, SHAPE)
    (found,) = session(model).run(["p"], {"values": inputs})
    np.testing.assert_allclose(found, answered(dense(), inputs), atol=1e-6)
    assert capfd.readouterr() == ("", "")


def test_loggers_speak_as_before_after_an_export():
    names = ("torch", "torch.onnx", "torch.fx")
    before = [logging.getLogger(name).level for name in names]
    export_module(dense(), SHAPE)
    assert [logging.getLogger(name).level for name in names] == before


def test_bytes_go_in_as_bytes():
    class Bytes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x.float() / 255).mean((2, 3))

    model = export_module(Bytes(), (3, 4, 4), dtype="uint8")
    inputs = np.random.default_rng(0).integers(0, 256, (3, 3, 4, 4)).astype(np.uint8)
    (found,) = session(model).run(None, {"input": inputs})
    np.testing.assert_allclose(found, inputs.mean((2, 3)) / 255, atol=1e-6)


class Choosing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.softmax(1) if x.sum() > 0 else (-x).softmax(1)


class TwoOnly(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(2, 6).softmax(1)


class FirstTwo(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:2].reshape(2, -1).softmax(1)


class Odd(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.eigvals(x.reshape(-1, 1, 1) * torch.eye(3)).real


class Two(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x + 1, x + 2


class Broken(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.zeros(7, 3)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (Choosing(), "cannot export the model Choosing: .*values that it sees.*torch.where"),
        (TwoOnly(), "cannot export the model TwoOnly: it takes one number of samples only"),
        (FirstTwo(), r"FirstTwo answers \[2, 6\], not one row a sample"),
        (Odd(), "cannot export the model Odd: ONNX has no such operator.*linalg_eig"),
        (Two(), "the model Two answers 2 tensors: return one"),
        (Broken(), "cannot export the model Broken: .*6.* X .*7, 3"),
    ],
)
def test_what_cannot_be_exported_is_named_with_the_reason(module, reason, capfd):
    with pytest.raises(EngineError, match=reason) as caught:
        export_module(module, SHAPE)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_logits_become_probabilities_and_scores():
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0, 3.0]], dtype=torch.float16)
    answers = Answering(nn.Identity(), scores=2)(logits)
    assert answers.dtype == torch.float32
    np.testing.assert_allclose(answers[:, :3], torch.softmax(torch.tensor([[0.0, 1, 2]]), 1))
    np.testing.assert_allclose(answers[:, 3:], torch.sigmoid(torch.tensor([[-1.0, 3]])))
    assert torch.equal(Answering(nn.Identity())(logits), torch.softmax(logits.float(), 1))
    with pytest.raises(EngineError, match="scores must be 0 or more"):
        Answering(nn.Identity(), -1)


def test_a_package_is_written_with_its_parity(tmp_path):
    module, inputs = dense().train(), drawn(200, SHAPE)
    package = write_model(tmp_path, module, card(), inputs)
    assert module.training
    loaded = load_package(tmp_path)
    assert loaded.card == package.card
    assert loaded.card.metrics["UF1"] == 0.5
    found = loaded.card.metrics["export"]
    json.dumps(found, allow_nan=False)
    version = torch.__version__.partition("+")[0]
    assert (found["samples"], found["opset"], found["exporter"]) == (200, 18, f"torch {version}")
    assert 0 < found["max_abs_fp32"] < 1e-6
    assert 1e-6 < found["max_abs_fp16"] < 5e-3
    assert found["label_agreement_fp32"] == 1
    assert 0.99 <= found["label_agreement_fp16"] <= 1
    assert 1 - 1e-6 < found["cosine_fp32"] <= 1 + 1e-9
    assert 1 - 1e-4 < found["cosine_fp16"] < 1
    assert found["note"] == ""
    kept, answers = loaded.samples()
    assert len(kept) == GOLDEN
    np.testing.assert_allclose(answers, answered(dense(), kept), atol=1e-6)


def test_golden_samples_are_of_every_label(tmp_path):
    inputs = drawn(400, SHAPE)
    labels = answered(dense(), inputs).argmax(1)
    common = np.bincount(labels).argmax()
    rare = np.flatnonzero(labels != common)[-2:]
    chosen = np.sort(np.r_[np.flatnonzero(labels == common), rare])
    write_model(tmp_path, dense(), card(), inputs[chosen])
    kept = load_package(tmp_path).samples()[1].argmax(1)
    assert len(kept) == min(GOLDEN, len(chosen))
    assert sorted(kept[kept != common]) == sorted(labels[rare])


def test_parity_sees_a_wrong_answer(tmp_path):
    inputs = drawn(10, SHAPE)
    package = write_model(tmp_path, dense(), card(), inputs)
    reference = answered(dense(), inputs)
    reference[3] = np.roll(reference[3], 1)
    found = parity(package, inputs, reference)
    assert found.label_agreement_fp32 == found.label_agreement_fp16 == 0.9
    assert found.max_abs_fp32 == pytest.approx(found.max_abs_fp16, abs=5e-3)
    assert found.max_abs_fp32 > 0.02
    assert found.cosine_fp32 < 0.999


def test_labels_that_torch_hardly_tells_apart_count_as_the_same(tmp_path):
    inputs = drawn(10, SHAPE)
    package = write_model(tmp_path, dense(), card(), inputs)
    reference = answered(dense(), inputs)
    first, second = reference[0].argsort()[::-1][:2]
    reference[0, second] = reference[0, first] + 0.9 * TOLERANCE
    assert parity(package, inputs, reference).label_agreement_fp32 == 1
    reference[0, second] = reference[0, first] + 1.1 * TOLERANCE
    assert parity(package, inputs, reference).label_agreement_fp32 == 0.9


class Unstable(nn.Module):
    """Answers otherwise each time."""

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.rand_like(x[:, :3])
        return torch.softmax(x[:, :3] + noise, 1)


def test_a_model_that_answers_otherwise_is_refused_and_not_written(tmp_path):
    with pytest.raises(EngineError, match=r"dense: torch and ONNX Runtime differ by .*export is"):
        write_model(tmp_path / "out", Unstable(), card(), drawn(20, SHAPE))
    assert not (tmp_path / "out").exists()


def test_half_precision_that_is_far_is_warned_of_and_recorded(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "offline.export"):
        package = write_model(tmp_path, dense(3000), card(), drawn(300, SHAPE))
    assert re.search("dense in half precision differs by .* run it in fp32", caplog.text)
    assert package.card.metrics["export"]["max_abs_fp16"] > 0.01


def test_half_precision_that_is_impossible_is_warned_of_and_recorded(tmp_path, caplog):
    class Large(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(6, 3)
            self.last.weight.data *= 1e6

        def forward(self, x: Tensor) -> Tensor:
            return torch.softmax(self.last(x) / 1e6, 1)

    torch.manual_seed(0)
    with caplog.at_level(logging.WARNING, "offline.export"):
        package = write_model(tmp_path, Large(), card(), drawn(9, SHAPE))
    assert "dense has no half precision: initializer 'last.weight'" in caplog.text
    found = load_package(package.folder).card.metrics["export"]
    assert found["max_abs_fp16"] is found["cosine_fp16"] is found["label_agreement_fp16"] is None
    assert "last.weight" in found["note"]


@pytest.mark.parametrize(
    ("module", "changes", "inputs", "reason"),
    [
        (Dense().eval(), {}, drawn(9, SHAPE), "wrap it in Answering"),
        (dense(), {"scores": ("sure",)}, drawn(9, SHAPE), r"answers \(9, 3\) .* says \(9, 4\)"),
        (dense().double(), {}, drawn(9, SHAPE), "cannot run"),
        (dense(), {}, drawn(0, SHAPE), "one or more samples"),
        (dense(), {}, drawn(9, (5,)), r"need one or more samples \(6\)"),
        (dense(), {}, drawn(9, SHAPE).astype(np.float64), "float32 to compare, got .* float64"),
    ],
    ids=["logits", "columns", "weights", "no samples", "shape", "dtype"],
)
def test_what_contradicts_the_card_is_refused(module, changes, inputs, reason, tmp_path):
    with pytest.raises((EngineError, PackageError), match=reason):
        write_model(tmp_path / "out", module, card(**changes), inputs)
    assert not (tmp_path / "out").exists()
