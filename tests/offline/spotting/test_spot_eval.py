"""``mer spot-eval`` from pictures to figures, stopped and taken up again."""

import csv
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from engines import load_package
from offline.bench.evaluation import find_package
from offline.commands.spot_eval_command import spot_eval_app
from offline.commands.synth_command import read_portraits
from offline.datasets.long_videos import LongVideo
from offline.spotting import spot_eval
from offline.spotting.megc_log import count_log, parse_log
from offline.spotting.megc_spotting import Counts
from offline.spotting.spot_eval import SpotEvaluation, evaluate_spotting
from offline.spotting.spot_rows import ROWS, Detection, VideoRow, open_rows
from offline.synthesis.render import render_clip
from offline.synthesis.sampling import sample_spec
from offline.synthesis.truth import true_story
from realtime_mer.errors import ConfigError, ModelError, OutputError, SourceError
from tests.offline.datasets import long_trees as trees
from tests.processes import run_python

RESULTS = ("intervals.csv", "megc_log.txt", "submission.csv")
FILMS = {"15_0101disgustingteeth": "disgust1", "16_0401girlcrashing": "anger1"}


def mer_spot_eval(*arguments):
    done = CliRunner().invoke(spot_eval_app, [str(a) for a in arguments], env={"COLUMNS": "140"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def lasting(metrics):
    """Everything but the time that was spent."""
    return {key: value for key, value in metrics.items() if key != "time"}


def render(place, spec, portrait):
    """Write a clip as pictures numbered from 1."""
    place.mkdir(parents=True)
    for number, image in enumerate(render_clip(spec, portrait), start=1):
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(place / f"img{number:03d}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Two rendered videos with one micro-expression each, and an invented macro-expression."""
    root = tmp_path_factory.mktemp("casme-sq")
    portrait, rows = read_portraits(())[0], []
    for number, (folder, film) in enumerate(FILMS.items()):
        emotion = ("positive", "surprise")[number]
        drawn = sample_spec(
            np.random.default_rng(40 + number),
            duration_s=4.0, fps=30.0, emotions=[emotion], kinds=[],
        )  # fmt: skip
        spec = replace(
            drawn, width=320, height=240, face_iod_px=60.0, jitter=0.0, drop_rate=0.0,
            noise_gaussian=0.6, drift_deg=0.3, drift_iod=0.005,
        )  # fmt: skip
        render(root / "rawpic" / f"s{folder[:2]}" / folder, spec, portrait)
        (planted,) = true_story(spec, "", "").micro_expressions
        moments = (planted.onset_frame + 1, planted.apex_frame + 1, planted.offset_frame + 1)
        rows.append(trees.casme_sq_row(number + 1, f"{film}_1", *moments, "micro", emotion))
    rows.append(trees.casme_sq_row(1, "disgust1_2", 90, 100, 118, "macro", "negative"))
    trees.casme_sq_sheet(root, rows)
    return root


@pytest.fixture(scope="module")
def run(tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    done = mer_spot_eval("--dataset", "casme-sq", "--root", tree, "--out", out)
    metrics = json.loads((out / "metrics.json").read_text())
    return SimpleNamespace(done=done, out=out, metrics=metrics)


# The whole way ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_planted_are_found_and_the_macro_is_missed(run):
    assert run.done.exit_code == 0
    micro, macro, overall = (run.metrics[kind] for kind in ("micro", "macro", "overall"))
    assert (micro["TP"], micro["FN"]) == (2, 0)
    assert (macro["found"], macro["FN"], macro["precision"]) == (0, 1, None)
    assert overall["FN"] == 1
    assert overall["F1"] == pytest.approx(2 * 2 / (2 * 2 + micro["FP"] + 1))
    assert run.metrics["model"] == load_package(find_package("default")).model_id
    assert (run.metrics["videos"], run.metrics["subjects"]) == (2, 2)
    assert run.metrics["minutes"] == pytest.approx(8 / 60)
    assert run.metrics["ASR"] == 1
    assert run.metrics["STRS"] == pytest.approx(micro["F1"] * run.metrics["recognition"]["F1_A"])
    assert "no macro predictions" in run.metrics["notes"][0]
    assert "no macro predictions" in run.done.stdout
    assert run.metrics["seeds"] == {}


@pytest.mark.slow
def test_the_files_say_the_same(run):
    name, rows = parse_log((run.out / "megc_log.txt").read_text())
    overall = run.metrics["overall"]
    assert name == "casme-sq"
    assert count_log(rows) == Counts(overall["TP"], overall["FP"], overall["FN"])
    with (run.out / "intervals.csv").open(newline="") as file:
        intervals = list(csv.DictReader(file))
    found = [row for row in intervals if row["what"] == "found"]
    true = [row for row in intervals if row["what"] == "true"]
    assert sum(bool(row["matched"]) for row in found) == overall["TP"]
    assert sorted(row["kind"] for row in true) == ["macro", "micro", "micro"]
    for row in intervals:
        assert float(row["onset_s"]) == pytest.approx((int(row["onset"]) - 1) / 30, abs=1e-4)
    lines = (run.out / "submission.csv").read_text().splitlines()
    assert lines[0] == "vid,pred_onset,pred_offset,type"
    wanted = [f"{row['vid']},{row['onset']},{row['offset']},me" for row in found]
    assert lines[1:] == wanted


@pytest.mark.slow
def test_the_report_stands_alone_and_hides_nothing(run):
    page = (run.out / "report.html").read_text()
    assert "no macro predictions" in page
    assert "AUW-GCN‡" in page
    assert "http" not in page.replace("http-equiv", "")
    for name in (*RESULTS, "metrics.json", "report.html", ROWS):
        assert str(run.out / name) in run.done.stdout


@pytest.mark.slow
def test_a_run_that_was_killed_while_writing_ends_the_same(run, tree, tmp_path, monkeypatch):
    out = tmp_path / "again"
    shutil.copytree(run.out, out)
    for name in (*RESULTS, "metrics.json", "report.html"):
        (out / name).unlink()
    lines = (out / ROWS).read_bytes().splitlines(keepends=True)
    (out / ROWS).write_bytes(lines[0] + lines[1][: len(lines[1]) // 2])
    watched = []
    really = spot_eval.spot_video

    def counted(video, *arguments):
        watched.append(video.video_id)
        return really(video, *arguments)

    monkeypatch.setattr(spot_eval, "spot_video", counted)
    seen = []
    done = evaluate_spotting("casme-sq", tree, out, progress=lambda *each: seen.append(each))
    assert isinstance(done, SpotEvaluation)
    assert watched == ["16_0401"]
    assert seen == [(1, 2), (2, 2)]
    assert lasting(done.metrics) == lasting(run.metrics)
    for name in RESULTS:
        assert (out / name).read_bytes() == (run.out / name).read_bytes()
    evaluate_spotting("casme-sq", tree, out)
    assert watched == ["16_0401"]


@pytest.mark.slow
def test_two_workers_find_the_same(run, tree, tmp_path):
    done = evaluate_spotting("casme-sq", tree, tmp_path, workers=2)
    assert lasting(done.metrics) == lasting(run.metrics)
    assert (tmp_path / "intervals.csv").read_bytes() == (run.out / "intervals.csv").read_bytes()


# Quick ones: nothing is watched -------------------------------------------------------------------


def detection(onset, apex, offset, emotion="positive"):
    return Detection(onset, apex, offset, emotion, 0.9, 0.05, 5.0, ("mouth",))


@pytest.fixture
def still(tmp_path, monkeypatch):
    """A tree of blank pictures, and a spotter that answers from a table."""
    trees.casme_sq(tmp_path / "data")
    answers = {"15_0101": (detection(11, 15, 20, "negative"), detection(40, 42, 44))}

    def spot(video, options, key=""):
        if answers.get(video.video_id) is None and video.video_id in answers:
            raise SourceError(f"{video.video_id} is [bold]broken[/bold]")
        found = answers.get(video.video_id, ())
        return VideoRow(key, video.video_id, len(video.frames), 0.0, 0.1, found)

    monkeypatch.setattr(spot_eval, "spot_video", spot)
    return SimpleNamespace(root=tmp_path / "data", out=tmp_path / "out", answers=answers)


def evaluate(still, **options):
    return evaluate_spotting("casme-sq", still.root, still.out, **options).metrics


def test_videos_without_annotation_and_macros_count(still):
    still.answers["16_0401"] = (detection(3, 5, 9),)
    found = evaluate(still)
    assert {k: found["micro"][k] for k in ("TP", "FP", "FN")} == {"TP": 1, "FP": 2, "FN": 0}
    assert {k: found["macro"][k] for k in ("TP", "FP", "FN")} == {"TP": 0, "FP": 0, "FN": 2}
    assert found["overall"]["F1"] == pytest.approx(2 / (2 + 2 + 2))
    assert found["false_alarms_per_minute"] == pytest.approx(2 / (130 / 30 / 60))
    assert found["recognition"]["confusion"][0] == [1, 0, 0, 0]
    assert found["STRS"] == pytest.approx(found["micro"]["F1"])
    assert found["per_subject"]["s16"] == {"videos": 2, "TP": 0, "FP": 1, "FN": 0}


def test_a_macro_is_never_matched_by_a_micro(still):
    still.answers["15_0101"] = (detection(31, 40, 55),)
    found = evaluate(still)
    assert (found["overall"]["TP"], found["micro"]["FP"], found["macro"]["FN"]) == (0, 1, 2)
    assert found["recognition"]["F1_A"] is None
    assert found["STRS"] is None


def test_what_could_not_be_watched_is_missed_told_and_tried_again(still):
    still.answers["15_0101"] = None
    done = mer_spot_eval("--dataset", "casme-sq", "--root", still.root, "--out", still.out)
    found = json.loads((still.out / "metrics.json").read_text())
    assert found["unwatched"]["videos"] == 1
    assert found["micro"]["FN"] == 1
    assert "1 videos could not be watched" in done.stdout
    assert "15_0101 is [bold]broken[/bold]" in (still.out / "report.html").read_text()
    still.answers["15_0101"] = (detection(11, 15, 20, "negative"),)
    assert evaluate(still)["unwatched"]["videos"] == 0


def test_nothing_to_watch_is_an_error(still):
    still.answers.update(dict.fromkeys(("15_0101", "16_0401", "16_0502")))
    with pytest.raises(SourceError, match="none of the 3 videos"):
        evaluate(still)


def test_a_limit_takes_the_first_and_leaves_the_rest_for_later(still, monkeypatch):
    assert evaluate(still, limit=1)["videos"] == 1
    watched = []
    answer = spot_eval.spot_video
    monkeypatch.setattr(
        spot_eval, "spot_video", lambda video, *rest: watched.append(video) or answer(video, *rest)
    )
    found = evaluate(still)
    assert [video.video_id for video in watched] == ["16_0401", "16_0502"]
    assert (found["videos"], found["videos_in_data_set"]) == (3, 3)


def test_another_picture_is_another_video(still):
    evaluate(still)
    still.answers["15_0101"] = ()
    assert evaluate(still)["micro"]["TP"] == 1
    place = still.root / "rawpic" / "s15" / "15_0101disgustingteeth"
    (place / "img061.jpg").write_bytes((place / "img060.jpg").read_bytes())
    assert evaluate(still)["micro"]["TP"] == 0


def test_a_new_annotation_needs_no_new_watching(still, monkeypatch):
    evaluate(still)
    monkeypatch.setattr(spot_eval, "spot_video", None)
    trees.casme_sq_sheet(still.root, [trees.casme_sq_row(1, "disgust1_1", 40, 42, 44)])
    found = evaluate(still)
    assert (found["micro"]["TP"], found["macro"]["true"]) == (1, 0)


def folder(tmp_path, names):
    trees.write_pictures(tmp_path, names)
    numbers = tuple(int(name[3:-4]) for name in names if name.startswith("img"))
    frames = tuple(tmp_path / name for name in names if name.startswith("img"))
    return LongVideo("v", "casme-sq", "s", frames, numbers, 30.0)


def test_every_picture_has_its_number_and_its_time(tmp_path):
    video = folder(tmp_path, [f"img{n}.jpg" for n in (11, 13, 15, 21, 23)])
    assert (video.step, video.picture_fps) == (2, 15.0)
    assert spot_eval._numbering(video) == {0: 11, 1: 13, 2: 15, 5: 21, 6: 23}
    assert video.seconds(21) == pytest.approx(5 / video.picture_fps)


def test_a_picture_without_a_number_of_its_own_is_refused(tmp_path):
    video = folder(tmp_path, ["img1.jpg", "img2.jpg", "cover.jpg"])
    with pytest.raises(SourceError, match=r"1 pictures in .* have no number"):
        spot_eval.spot_video(video, spot_eval.Options())


# Rows ---------------------------------------------------------------------------------------------


def row(key="a"):
    return VideoRow(key, "15_0101", 9, 0.5, 1.5, (detection(1, 2, 3),), ("a gap",))


def test_a_row_is_there_again(tmp_path):
    with open_rows(tmp_path) as store:
        store.append(row())
    with open_rows(tmp_path) as store:
        assert store.rows == {"a": row()}


def test_lines_of_others_are_passed_over(tmp_path):
    path = tmp_path / ROWS
    with open_rows(tmp_path) as store:
        store.append(row())
    old = path.read_text().replace('"remarks"', '"notes"')
    path.write_text('{"a": 1}\n[]\nnonsense\n' + old + path.read_text())
    with open_rows(tmp_path) as store:
        assert store.rows == {"a": row()}


# What can go wrong --------------------------------------------------------------------------------


def test_bad_arguments_leave_no_trace(still, tmp_path):
    cases = [
        (SourceError, {"root": tmp_path / "nowhere"}),
        (ConfigError, {"dataset": "casme9"}),
        (ModelError, {"model": "nonsense"}),
        (ConfigError, {"workers": 0}),
        (ConfigError, {"limit": 0}),
    ]
    for error, change in cases:
        options = {"dataset": "casme-sq", "root": still.root, "out_dir": still.out} | change
        with pytest.raises(error) as caught:
            evaluate_spotting(**options)
        assert "\n" not in str(caught.value)
    assert not still.out.exists()


def test_out_is_a_file(still):
    still.out.write_text("mine")
    with pytest.raises(OutputError):
        evaluate(still)
    assert still.out.read_text() == "mine"


def test_wrong_usage_ends_with_2():
    assert mer_spot_eval("--dataset", "casme-sq").exit_code == 2
    assert mer_spot_eval().exit_code == 2


def test_help_is_quick_and_needs_nothing_heavy():
    code = (
        "import sys, offline.commands.spot_eval_command\n"
        "print([n for n in ('cv2', 'numpy', 'jinja2', 'mediapipe', 'torch') if n in sys.modules])"
    )
    assert run_python(code) == ["[]"]
