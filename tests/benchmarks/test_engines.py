"""The comparison of engines: one small network for real, and what its figures are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines import load_package, survey
from offline.models.torch_zoo import TORCH_MODELS, seeded
from realtime_mer.errors import ConfigError, OutputError
from realtime_mer.recognizer import default_package
from tests.benchmarks import engines
from tests.benchmarks.engine_agreement import agreement
from tests.benchmarks.engine_models import NAMES, bundled_network, prepare, stacked, teach
from tests.benchmarks.engine_report import markdown, write
from tests.benchmarks.engine_run import Found, Options
from tests.benchmarks.engine_runners import (
    BACKENDS,
    CONTESTANTS,
    REFERENCE,
    obstacle,
    runner,
)
from tests.benchmarks.engine_samples import draw, people, residual_picture
from tests.benchmarks.engine_start import start
from tests.benchmarks.engine_timing import Timings

pytestmark = pytest.mark.slow

CPU = "onnxruntime-cpu,torch-eager"
ORT, HALF = ("onnxruntime-cpu", "fp32"), ("onnxruntime-cpu", "fp16")
SAMPLES = 20
ROW = {
    "model", "backend", "precision", "batch", "p50_ms", "p95_ms", "p99_ms", "per_s", "rounds",
    "cold_start_ms", "memory_mb", "gpu_memory_mb",
}  # fmt: skip
Ran = tuple[dict[str, Any], Path, dict[tuple[str, int], Timings]]
GPU_HERE = any(probe.usable for probe in survey() if probe.engine.startswith("tensorrt"))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A whole run on the bundled model, where it was written, and the times behind it."""
    out, found = tmp_path_factory.mktemp("out"), []
    whole = engines.measure

    def kept(options: Options) -> Found:
        found.append(whole(options))
        return found[-1]

    given = f"--models default --backends {CPU} --batches 1,2 --rounds 3 --agreement {SAMPLES}"
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "measure", kept)
        told = engines.main([*given.split(), "--out", str(out)])
    assert torch.get_num_threads() == threads
    return told, out, found[0].timings


def test_every_model_backend_precision_and_batch_has_a_row(ran) -> None:
    told = ran[0]
    rows = [(r["model"], r["backend"], r["precision"], r["batch"]) for r in told["rows"]]
    assert sorted(rows) == sorted(
        ("default", *own, batch)
        for own in (
            ("onnxruntime-cpu", "fp32"),
            ("onnxruntime-cpu", "fp16"),
            ("torch-eager", "fp32"),
        )
        for batch in (1, 2)
    )
    for row in told["rows"]:
        assert set(row) == ROW
        assert row["rounds"] == 3
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["per_s"] == pytest.approx(1e3 * row["batch"] / row["p50_ms"])
        assert row["cold_start_ms"] > 0
        assert 0 <= row["memory_mb"] < 500
        assert row["gpu_memory_mb"] is None


def test_what_is_told_is_json(ran) -> None:
    told = ran[0]
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert set(told["ratios"]) == {"default"}
    assert told["ratios"]["default"]["onnxruntime_over_torch_eager"] > 0
    assert told["machine"]["cores"] >= 1
    assert told["machine"]["threads"] == 1
    assert told["machine"]["versions"]["torch"] == torch.__version__


def test_labels_agree_with_torch(ran) -> None:
    told = ran[0]
    found = {(a["backend"], a["precision"]): a for a in told["agreement"]}
    assert set(found) == {ORT, HALF}
    for each in found.values():
        assert each["samples"] == SAMPLES
        assert each["clear_label_agreement"] == 1
        assert 0.4 <= each["reference_hits"] <= 1
    assert found[ORT]["max_abs"] < 1e-5
    assert 1e-6 < found[HALF]["max_abs"] < 0.02
    judged = {t["name"]: t for t in told["targets"]}
    exact = judged["labels equal to those of torch in fp32, fp32, least of all"]
    assert (exact["measured"], exact["met"]) == (1.0, True)


def test_files_are_written_and_never_over(ran) -> None:
    told, out, _ = ran
    data, page = (Path(path) for path in told["files"])
    assert {data, page} == set(out.iterdir())
    assert data.suffix == ".json"
    stored = json.loads(data.read_text())
    assert stored == {key: value for key, value in told.items() if key != "files"}
    assert data.stem.startswith(told["machine"]["date"][:10])
    text = page.read_text()
    assert f"mer bench engines --models default --backends {CPU}" in text
    assert text.count("| default | torch-eager | fp32 |") == 2
    again = write(stored, out, "mer bench engines")
    assert [path.name for path in again] == [f"{data.stem}-2.json", f"{data.stem}-2.md"]
    assert json.loads(data.read_text()) == stored
    with pytest.raises(OutputError, match="cannot write there"):
        write(stored, data, "mer bench engines")


def test_ratios_are_of_the_rows_timings(ran) -> None:
    told, _, timings = ran
    assert set(timings) == {("default", 1), ("default", 2)}
    times = {each.key: timing.samples_us for each, timing in timings["default", 1].items()}
    expected = float(np.median(times["torch-eager/fp32"] / times["onnxruntime-cpu/fp32"]))
    assert told["ratios"] == {"default": {"onnxruntime_over_torch_eager": expected}}
    for row in told["rows"]:
        (own,) = (
            timing.samples_us
            for each, timing in timings["default", row["batch"]].items()
            if (each.backend, each.precision) == (row["backend"], row["precision"])
        )
        assert row["p50_ms"] == pytest.approx(np.median(own) / 1e3)
        assert row["p99_ms"] == pytest.approx(np.percentile(own, 99) / 1e3)


def test_an_exported_network_answers_the_same_in_both_forms(tmp_path) -> None:
    model = prepare("ststnet", tmp_path, taught=False)
    contestants = [c for c in CONTESTANTS if c.key in ("onnxruntime-cpu/fp32", "torch/fp32")]
    opened = {each: runner(each, model, 1, None).open() for each in contestants}
    reference = runner(REFERENCE, model, 1, None).open()
    told: list[int] = []
    found = agreement(model.package().card, opened, reference, 6, 3, told.append)
    assert [each["backend"] for each in found] == ["onnxruntime-cpu", "torch"]
    assert told == [1, 4, 5, 6]
    for each in found:
        assert each["label_agreement"] == 1
        assert each["max_abs"] < 1e-5
    wrong = runner(REFERENCE, prepare_other(tmp_path), 1, None).open()
    (bad,) = agreement(model.package().card, {contestants[0]: wrong}, reference, 12, 3)
    assert bad["max_abs"] > 0.01


def prepare_other(place: Path):
    """The same network with other weights, in PyTorch alone."""
    from tests.benchmarks.engine_models import BenchModel

    weights = place / "other.pt"
    torch.save(seeded("ststnet", 5).state_dict(), weights)
    return BenchModel("ststnet", "ststnet", place / "ststnet", weights)


def test_a_network_that_learnt_answers_apart() -> None:
    entry = TORCH_MODELS["ststnet"]
    samples, labels = stacked(draw(entry.recipe, entry.labels, 30, 1))
    module = seeded("ststnet", 0)

    def likely() -> float:
        with torch.no_grad():
            answers = module(torch.from_numpy(samples)).numpy()
        return float(answers[np.arange(len(labels)), labels].mean())

    before = likely()
    teach(module, entry, samples, labels, 0)
    assert not module.training
    assert likely() > before + 0.1


def test_the_bundled_network_in_torch_has_its_files_weights() -> None:
    package = load_package(default_package())
    inputs, answers = package.samples()
    with torch.no_grad():
        found = bundled_network(package)(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(found, answers, atol=1e-5)


@pytest.mark.parametrize("recipe", ["onset_apex_flow", "onset_apex_strain", "ars"])
def test_samples_are_rendered_by_seed(recipe) -> None:
    planes = {"onset_apex_flow": (2, 28, 28), "onset_apex_strain": (3, 28, 28)}
    labels = ("negative", "surprise", "none")
    drawn = list(draw(recipe, labels, 4, 3))
    assert [label for _, label in drawn] == [0, 1, 2, 0]
    for picture, _ in drawn:
        assert picture.shape == planes.get(recipe, (3, 320, 320))
        assert picture.dtype == np.float32
    again = list(draw(recipe, labels, 2, 3))
    np.testing.assert_array_equal(again[1][0], drawn[1][0])
    assert np.abs(drawn[0][0] - drawn[3][0]).max() > 0.05
    other = next(draw(recipe, labels, 1, 4))[0]
    assert np.abs(other - drawn[0][0]).max() > 0.05


def test_a_residual_picture_shows_motion_where_it_is() -> None:
    picture = residual_picture("surprise", 3, 1).astype(int)
    assert picture.shape == (320, 320, 3)
    assert 1 < picture.mean() < 100
    assert len(people(3)) == 16


def test_an_unknown_recipe_cannot_be_rendered() -> None:
    with pytest.raises(ConfigError, match="not known"):
        next(draw("optical_guess", ("negative",), 1, 0))


def test_a_fresh_process_says_what_went_wrong(tmp_path) -> None:
    model = prepare_other(tmp_path)
    found = start(CONTESTANTS[0], model, 1, tmp_path)
    assert found.cold_start_ms is None
    assert "card" in found.why


# The command line ---------------------------------------------------------------------------------


@pytest.mark.skipif(GPU_HERE, reason="this machine has a GPU")
def test_insisting_on_a_gpu_says_what_is_missing() -> None:
    with pytest.raises(ConfigError, match="this machine cannot run the GPU checks") as raised:
        engines.main(["--gpu", "--models", "ststnet"])
    assert "\n" not in str(raised.value)
    assert "PyTorch" in str(raised.value)


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (("--models", "default,nobody"), "there are default"),
        (("--backends", "abacus"), "there are onnxruntime-cpu"),
    ],
)
def test_an_unknown_name_is_told_with_those_there_are(odd, told) -> None:
    with pytest.raises(ConfigError, match=told):
        engines.main(odd)


@pytest.mark.parametrize(
    "odd",
    [
        ("--batches", "0"), ("--batches", "a"), ("--batches", ""), ("--rounds", "0"),
        ("--threads", "0"), ("--agreement", "-1"), ("--seconds", "0"), ("--nonsense",),
    ],
)  # fmt: skip
def test_wrong_options_are_usage_errors(odd) -> None:
    with pytest.raises(SystemExit) as raised:
        engines.main(odd)
    assert raised.value.code == 2


def test_the_whole_zoo_and_the_bundled_package_are_compared() -> None:
    assert set(NAMES) == (set(TORCH_MODELS) | {"default_exported"})
    assert len(NAMES) == len(set(NAMES)) == len(TORCH_MODELS) + 1
    assert set(BACKENDS) >= {
        "onnxruntime-cpu", "torch", "torch-eager", "torch-compile", "tensorrt", "tensorrt-rtx",
        "onnxruntime-cuda", "torch-eager-cuda", "torch-compile-cuda",
    }  # fmt: skip


@pytest.mark.skipif(GPU_HERE, reason="this machine has a GPU")
def test_what_cannot_run_here_says_why() -> None:
    whys = {each.key: obstacle(each) for each in CONTESTANTS if each.device == "cuda"}
    assert all(whys.values())
    assert "NVIDIA" in whys["tensorrt-rtx/fp32"] or "not installed" in whys["tensorrt-rtx/fp32"]
    assert obstacle(REFERENCE) == ""


def test_a_page_holds_what_was_left_out(ran) -> None:
    told = dict(ran[0])
    told["skipped"] = [{"model": "", "backend": "a", "precision": "fp32", "why": "no | bar"}]
    told["verified"] = [{"model": "default", "engine": "b", "passed": False, "why": "differs"}]
    page = markdown(told, "mer bench engines", "x.json")
    assert "| no \\| bar |" in page
    assert "| default | b | differs |" in page
