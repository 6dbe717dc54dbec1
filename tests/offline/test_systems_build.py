"""Every published system, small: exported, answers as torch does, compiles, runs in `mer analyze`.

One of them is trained from rendered recordings with `mer train`; the others have drawn weights,
since what they would have learnt makes no difference to whether they run.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from engines import Card, load_package, write_package
from offline.commands.train_command import train_app
from offline.models.torch_zoo import TORCH_MODELS
from offline.synthesis.dataset_tree import make_dataset
from offline.synthesis.layouts.layout import TreeSettings
from offline.systems.registry import PUBLISHED
from realtime_mer.cli import app
from realtime_mer.events import EMOTIONS
from tests.conftest import SAMPLE_RATE
from tests.offline.exported_networks import (
    Exported,
    assert_compiles_in_fp16,
    assert_compiles_in_fp32,
    assert_fp16_answers_nearly_so,
    assert_fp32_answers_as_torch_does,
    of_the_zoo,
)
from tests.realtime_mer.sources.media import write_video

pytestmark = pytest.mark.slow

FIRST, LAST = 60, 140
RAISE_S = ((102 - FIRST) / SAMPLE_RATE, (127 - FIRST) / SAMPLE_RATE)
"""The planted brow raise in the frames of the bundled clip from ``FIRST`` to ``LAST``."""
TRAINED = "stmn"
EXPLAINED = ("cropnet", "cnn_lstm")
"""One that reads a picture, one that reads a sequence."""


@pytest.fixture(scope="module", params=PUBLISHED)
def case(request) -> Exported:
    return of_the_zoo(request.param)


def test_fp32_answers_as_torch_does(case):
    assert_fp32_answers_as_torch_does(case)


def test_fp16_answers_nearly_so(case):
    assert_fp16_answers_nearly_so(case)


def test_compiles_in_fp32(case):
    assert_compiles_in_fp32(case)


def test_compiles_in_fp16(case):
    assert_compiles_in_fp16(case)


# In the stream ----------------------------------------------------------------------------------


def run(mer, *arguments: object) -> None:
    done = CliRunner().invoke(mer, [str(each) for each in arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 0, (done.output, done.exception)


@pytest.fixture(scope="module")
def clip(tmp_path_factory, face_frames) -> Path:
    path = tmp_path_factory.mktemp("clips") / "raise.mp4"
    return write_video(path, face_frames(FIRST, LAST), size=(640, 480), rate=SAMPLE_RATE)


def write_trained(name: str, folder: Path) -> Path:
    recordings, package = folder / "recordings", folder / "package"
    make_dataset("casme2", recordings, TreeSettings(subjects=2, clips=3, seed=3), workers=1)
    run(
        train_app, name, "--dataset", "casme2", "--root", recordings, "--protocol", "megc2019",
        "--set", "smoke=true", "--epochs", 1, "--out", package,
    )  # fmt: skip
    return package


def write_drawn(case: Exported, folder: Path) -> Path:
    model = TORCH_MODELS[case.name]
    card = Card(
        name=case.name,
        version="1",
        labels=model.labels,
        recipe=model.recipe,
        input_name="input",
        input_shape=model.input_shape,
        input_dtype="float32",
        output_name="answers",
        licence="Apache-2.0",
        limits="Drawn weights: it has learnt nothing.",
    )
    write_package(folder / "package", card, case.model, case.inputs[:1], case.answers[:1])
    return folder / "package"


def test_mer_analyze_tells_of_the_event(case, clip, tmp_path):
    trained = case.name == TRAINED
    package = write_trained(case.name, tmp_path) if trained else write_drawn(case, tmp_path)
    explain = ["--explain"] if case.name in EXPLAINED else []
    run(app, "analyze", clip, "--model", package, "--out", tmp_path / "out", *explain)
    results = tmp_path / "out" / clip.stem
    with (results / "events.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert any(RAISE_S[0] < float(row["apex_s"]) < RAISE_S[1] for row in rows)
    for row in rows:
        shares = [float(row[f"p_{emotion}"]) for emotion in EMOTIONS]
        assert min(shares) >= 0
        assert sum(shares) == pytest.approx(1, abs=2e-4)
        assert row["emotion"] == EMOTIONS[int(np.argmax(shares))]
        assert row["model"] == load_package(package).model_id
    summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
    assert summary["events"] == len(rows)
    assert (results / "explain").is_dir() == bool(explain)
    if explain:
        assert_explained(results, len(rows))


def assert_explained(results: Path, events: int) -> None:
    """Check that every event has a picture of the face, and words beside it."""
    pictures = sorted((results / "explain").iterdir())
    assert [path.name for path in pictures] == [f"event_{n:03d}.jpg" for n in range(1, events + 1)]
    assert all(cv2.imread(str(path)).std() > 1 for path in pictures)
    page = (results / "report.html").read_text(encoding="utf-8")
    assert page.count('class="why"') == events
    assert "spoke for" in page
    assert "cannot be explained" not in page


def test_the_trained_and_the_explained_are_published():
    assert {TRAINED, *EXPLAINED} <= set(PUBLISHED)
    assert TRAINED not in EXPLAINED
    assert [len(TORCH_MODELS[name].input_shape) for name in EXPLAINED] == [3, 4]
