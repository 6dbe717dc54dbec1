import json

import pytest

from offline.datasets.registry import open_dataset
from offline.tasks.protocols import apply_protocol
from realtime_mer.errors import SourceError
from realtime_mer.sinks.table import COLUMNS

ROW = dict.fromkeys(COLUMNS, "0")


def results(folder, rows, recording="talk.mp4", columns=COLUMNS, delimiter=",", **summary):
    """Write what `mer analyze` would, with a coder's cells in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps({"input": str(recording)} | summary))
    lines = [delimiter.join(columns)]
    for number, row in enumerate(rows, 1):
        cells = ROW | {"event_id": str(number)} | row
        lines.append(delimiter.join(cells.get(column, "") for column in columns))
    (folder / "events.csv").write_text("\n".join(lines) + "\n")


def event(onset, apex, offset, emotion, **cells):
    times = dict(
        zip(("onset_s", "apex_s", "offset_s"), map(str, (onset, apex, offset)), strict=True)
    )
    return times | {"emotion": emotion} | cells


def test_rows_become_clips_in_the_order_of_time(tmp_path):
    (tmp_path / "talk.mp4").write_bytes(b"video")
    rows = [event(4.1, 4.2, 4.3, "Surprise "), event(1.5, 1.6, 1.8, "none", face_id="2")]
    results(tmp_path / "talk", rows)
    dataset = open_dataset("reviewed", tmp_path)
    first, second = dataset.samples
    assert (first.sample_id, first.group) == ("talk/face2/event2", ("reviewed", "talk/face2"))
    assert (first.emotion, second.emotion) == ("none", "surprise")
    assert (second.source.path, second.source.fps) == (tmp_path / "talk.mp4", None)
    assert (second.source.onset_s, second.source.apex_s, second.source.offset_s) == (4.1, 4.2, 4.3)
    task = apply_protocol(dataset, "megc2019")
    assert [sample.sample_id for sample, _ in task.rows] == ["talk/face0/event1"]
    assert [problem.where for problem in task.left_out] == ["talk/face2/event2"]


def test_spreadsheets_that_write_semicolons_and_commas_and_a_column_of_persons(tmp_path):
    (tmp_path / "talk.mp4").write_bytes(b"video")
    rows = [event("1,5", "1,6", "1,8", "positive", subject="Ann"), event(3, 4, 5, "negative")]
    results(tmp_path / "a" / "talk", rows, columns=(*COLUMNS, "subject"), delimiter=";")
    first, second = open_dataset("reviewed", tmp_path).samples
    assert (first.subject, first.source.onset_s) == ("Ann", 1.5)
    assert first.sample_id == "Ann:a/talk/face0/event1"
    assert second.subject == "a/talk/face0"


def test_the_recording_is_looked_for_here_then_in_the_root(tmp_path, monkeypatch):
    (tmp_path / "talk.mp4").write_bytes(b"video")
    results(tmp_path / "out" / "talk", [event(1, 2, 3, "positive")])
    monkeypatch.chdir(tmp_path)
    (sample,) = open_dataset("reviewed", tmp_path / "out").samples
    assert sample.source.path.resolve() == tmp_path / "talk.mp4"
    monkeypatch.chdir(tmp_path / "out")
    with pytest.raises(SourceError, match=r"1 rows: the recording talk.mp4 is not there"):
        open_dataset("reviewed", tmp_path / "out")
    (tmp_path / "out" / "talk.mp4").write_bytes(b"video")
    assert open_dataset("reviewed", tmp_path / "out" / "talk" / "..").samples


def test_a_folder_of_images_keeps_its_rate(tmp_path):
    (tmp_path / "pictures").mkdir()
    rows = [event(1, 2, 3, "positive")]
    results(tmp_path / "o", rows, tmp_path / "pictures", measured_fps=200.0)
    assert open_dataset("reviewed", tmp_path).samples[0].source.fps == 200.0


def test_rows_that_cannot_be_used_are_told(tmp_path):
    (tmp_path / "talk.mp4").write_bytes(b"video")
    rows = [
        event(1, 2, 3, "positive"),
        event(1, 2, 3, "happy"),
        event(2, 1, 3, "positive"),
        event("", 1, 3, "positive"),
        event("nan", 1, 3, "positive"),
        event(4, 5, 6, "surprise", event_id="1"),
        event(7, 8, 9, "surprise", event_id=""),
    ]
    results(tmp_path / "talk", rows)
    results(tmp_path / "camera", rows, "rtsp://somewhere/1")
    results(tmp_path / "empty", [], columns=("event_id", "emotion"))
    results(tmp_path / "lost", rows)
    (tmp_path / "lost" / "summary.json").write_text("[]")
    dataset = open_dataset("reviewed", tmp_path)
    assert [s.sample_id for s in dataset.samples] == ["talk/face0/event1", "talk/face0/row8"]
    assert [problem.where for problem in dataset.problems] == [
        "camera",
        "empty",
        "lost",
        *(f"talk, row {line}" for line in (3, 4, 5, 6, 7)),
    ]
    assert "'happy': expected one of negative, positive, surprise, none" in (
        dataset.problems[3].reason
    )


def test_folders_without_results_are_refused(tmp_path):
    with pytest.raises(SourceError, match=r"no events.csv below"):
        open_dataset("reviewed", tmp_path)
    (tmp_path / "talk.mp4").write_bytes(b"video")
    results(tmp_path / "talk", [])
    with pytest.raises(SourceError, match=r"none of the 1 events.csv"):
        open_dataset("reviewed", tmp_path)
