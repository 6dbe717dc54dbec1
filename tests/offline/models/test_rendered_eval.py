import json
import shutil

import cv2
import numpy as np
import pytest
from skimage import data

from engines import load_package
from offline.models import rendered_eval
from offline.models.rendered_eval import Rendered
from offline.synthesis.portrait import Portrait
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import SourceError
from realtime_mer.events import EMOTIONS, MAX_DURATION_S
from realtime_mer.recognizer import default_package, open_recognizer

pytestmark = pytest.mark.slow


def event(emotion: str, peak_iod: float = 0.03) -> Rendered:
    crops = np.zeros((2, 320, 320, 3), np.uint8)
    return Rendered(CandidateFrames(crops, np.arange(2.0), 0, 1, 1), emotion, 30.0, peak_iod)


@pytest.mark.parametrize("seed", range(5))
def test_specs_keep_to_what_a_micro_expression_is(seed):
    spec = rendered_eval.draw_spec(np.random.default_rng(seed))
    emotions = [me.emotion for me in spec.micro_expressions]
    assert sorted(emotions) == sorted(EMOTIONS * 2)
    ends = 0.0
    for me in spec.micro_expressions:
        assert me.onset_s > ends
        assert 0.15 < me.offset_s - me.onset_s <= MAX_DURATION_S
        assert 0.015 <= me.peak_iod <= 0.05
        ends = me.offset_s
    assert ends < spec.duration_s


def test_figures_count_what_happened():
    rows = [
        ("ann", event("negative"), (0.8, 0.1, 0.1)),
        ("ann", event("positive"), (0.6, 0.3, 0.1)),
        ("bob", event("positive", 0.02), (0.1, 0.8, 0.1)),
        ("bob", event("surprise", 0.02), (0.1, 0.1, 0.8)),
    ]
    found = rendered_eval.figures(rows)
    assert found["events"] == 4
    assert found["accuracy"] == 0.75
    assert found["UF1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3, abs=1e-3)
    assert found["confusion (rows: truth)"]["positive"] == [1, 1, 0]
    assert found["mean confidence"] == 0.75
    assert found["log loss"] == pytest.approx(-np.log([0.8, 0.3, 0.8, 0.8]).mean(), abs=1e-3)
    assert set(found["UF1 by portrait"]) == {"ann", "bob"}


def test_the_bundled_model_reads_rendered_videos():
    """Two clips of a bent astronaut at 60 and 30 fps: far above the chance level of 1/3."""
    with open_recognizer() as recognizer:
        rows = [
            (name, found, recognizer.recognize(found.frames).probabilities)
            for name, found in rendered_eval.draw_rendered([Portrait.astronaut()], 2, seed=4)
        ]
    assert len(rows) >= 10
    assert rendered_eval.figures(rows)["accuracy"] >= 0.7
    for _, found, probabilities in rows:
        assert sum(probabilities) == pytest.approx(1)
        assert found.frames.time_s[found.frames.onset] < found.frames.time_s[found.frames.apex]


def test_portraits_are_read_from_pictures_and_refused_without_a_face(tmp_path):
    picture = tmp_path / "somebody.png"
    cv2.imwrite(str(picture), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))
    assert rendered_eval.read_portrait(picture).name == "somebody"
    empty = tmp_path / "nobody.png"
    cv2.imwrite(str(empty), np.full((200, 200, 3), 127, np.uint8))
    with pytest.raises(SourceError, match="no face found in nobody"):
        rendered_eval.read_portrait(empty)
    with pytest.raises(SourceError):
        rendered_eval.read_portrait(tmp_path / "missing.png")


def test_the_command_prints_json(monkeypatch, capsys):
    monkeypatch.setattr(rendered_eval, "draw_rendered", lambda *_: [("a", event("negative"))])
    assert rendered_eval.main(["--clips", "1"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["events"] == 1
    assert printed["model"].startswith("flow-cnn@")


def test_figures_are_recorded_in_the_card_and_nowhere_else(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(default_package(), folder)
    before = load_package(folder)
    monkeypatch.setattr(rendered_eval, "draw_rendered", lambda *_: [("a", event("negative"))])
    arguments = ["--clips", "1", "--model", str(folder), "--record", "nobody"]
    assert rendered_eval.main(arguments) == 0
    after = load_package(folder)
    entry = after.card.metrics["rendered clips"]
    assert entry["events"] == 1
    assert entry["protocol"].endswith("Portraits: nobody.")
    assert after.model == before.model
    assert after.card.training == before.card.training
    np.testing.assert_array_equal(after.samples()[1], before.samples()[1])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        rendered_eval.main(["--record", "nobody"])
    assert "--record needs --model" in capsys.readouterr().err
