import pytest

from offline.datasets.registry import open_dataset
from realtime_mer.errors import SourceError
from tests.offline.datasets import trees


def test_clips_lie_in_folders_of_emotions(tmp_path):
    trees.mmew(tmp_path)
    trees.mmew_pictures(tmp_path / "Macro_Expression/happiness/S81-01-901", 1, 30)
    dataset = open_dataset("mmew", tmp_path)
    first, second = dataset.samples
    assert (first.sample_id, first.group) == ("S81_S81-01-901", ("mmew", "S81"))
    assert (second.emotion, second.action_units) == ("others", "R4+7")
    assert (second.source.onset, second.source.apex, second.source.offset) == (2, 4, 10)
    assert second.source.time_s[1] == pytest.approx(2 / 90)
    assert len(first.source.frames) == 12
    assert dataset.problems == ()


def test_clips_may_lie_in_folders_of_people_and_subjects_be_numbers(tmp_path):
    rows = [trees.mmew_row(3, "S03-01-902", 1, 9, 12), trees.mmew_row("S4", "S04-01-1", 2, 3, 4)]
    trees.mmew_sheet(tmp_path, rows)
    trees.mmew_pictures(tmp_path / "S03/happiness/S03-01-902", 1, 12)
    trees.mmew_pictures(tmp_path / "S04/others/s04-01-1", 1, 12)
    dataset = open_dataset("mmew", tmp_path)
    assert [sample.sample_id for sample in dataset.samples] == ["S03_S03-01-902", "S04_S04-01-1"]
    assert dataset.problems == ()


def test_offsets_without_pictures_snap_and_bad_apexes_are_dropped(tmp_path):
    rows = [
        trees.mmew_row("S81", "S81-01-901", 1, 9, 80),
        trees.mmew_row("S81", "S81-01-902", 1, "/", 12),
        trees.mmew_row("S81", "S81-01-903", 1, 14, 12),
    ]
    trees.mmew_sheet(tmp_path, rows)
    for row in rows:
        trees.mmew_pictures(tmp_path / "Micro_Expression/happiness" / row[1], 1, 20)
    dataset = open_dataset("mmew", tmp_path)
    (sample,) = dataset.samples
    assert sample.source.frames[sample.source.offset].name == "20.jpg"
    assert [problem.action for problem in dataset.problems] == ["repaired", "dropped", "dropped"]


def test_the_sheet_of_casme2_is_refused(tmp_path):
    trees.casme2(tmp_path)
    with pytest.raises(SourceError, match=r"no coding sheet of MMEW.*of another data set"):
        open_dataset("mmew", tmp_path)
