import pytest

from offline.datasets.action_unit_text import activated
from offline.datasets.registry import open_dataset
from realtime_mer.errors import SourceError
from tests.offline.datasets import trees


def test_several_emotions_and_kept_units_stay_as_written(tmp_path):
    trees.fourdme(tmp_path)
    trees.fourdme_pictures(tmp_path, "S81", "S81_9th_001_01_1", 100, 200, kind="RGB_micro")
    dataset = open_dataset("fourdme", tmp_path)
    first, second = dataset.samples
    assert (first.sample_id, first.group) == ("S81_S81_9th_001_01_1", ("fourdme", "S81"))
    assert (first.source.onset, first.source.apex, first.source.offset) == (0, 4, 10)
    assert first.source.time_s[1] == pytest.approx(101 / 60)
    assert second.emotion == "surprise+positive"
    assert activated(second.action_units, "fourdme") == {1, 2}
    assert dataset.problems == ()


@pytest.mark.parametrize("kind", ["gray_micro_crop", "4DMicro/gray_micro_crop"])
def test_cropped_and_flat_folders_do_as_well(tmp_path, kind):
    trees.fourdme_sheet(tmp_path, [trees.fourdme_row("S9", "S9_9th_001_01_1", 3, 5, 8)])
    folder = tmp_path / kind / "S9_9th_001_01_1"
    trees.write_pictures(folder, [f"{n}.jpg" for n in range(3, 9)])
    (sample,) = open_dataset("fourdme", tmp_path).samples
    assert sample.subject == "S09"
    assert sample.source.cropped


@pytest.mark.parametrize("first", [0, 1])
def test_pictures_that_count_from_the_onset_are_understood(tmp_path, first):
    trees.fourdme_sheet(tmp_path, [trees.fourdme_row(81, "take 1", 100, 104, 110)])
    trees.fourdme_pictures(tmp_path, "81", "take 1", first, first + 10)
    dataset = open_dataset("fourdme", tmp_path)
    (sample,) = dataset.samples
    assert (sample.source.onset, sample.source.apex, sample.source.offset) == (0, 4, 10)
    assert sample.source.time_s[0] == pytest.approx(100 / 60)
    (problem,) = dataset.problems
    assert (problem.where, problem.action) == ("pictures", "noted")


def test_pictures_that_count_otherwise_are_not_guessed(tmp_path):
    trees.fourdme_sheet(tmp_path, [trees.fourdme_row(81, "take 1", 100, 104, 110)])
    trees.fourdme_pictures(tmp_path, "81", "take 1", 1, 12)
    with pytest.raises(SourceError, match=r"no clip in .* S81 take 1: no picture 100, 104, 110"):
        open_dataset("fourdme", tmp_path)


def test_half_frames_and_missing_folders_are_dropped_with_a_reason(tmp_path):
    trees.fourdme(tmp_path)
    rows = [
        trees.fourdme_row("S81", "S81_9th_001_01_1", 100, 104.5, 110),
        trees.fourdme_row("S82", "S82_9th_002_01_1", 7, 9, 14),
        trees.fourdme_row("S83", "S83_9th_002_01_1", 7, 9, 14),
    ]
    trees.fourdme_sheet(tmp_path, rows)
    dataset = open_dataset("fourdme", tmp_path)
    assert [sample.subject for sample in dataset.samples] == ["S82"]
    assert [problem.reason for problem in dataset.problems] == [
        "no number for apex in the sheet",
        "no folder with its pictures",
    ]


def test_another_sheet_is_refused_with_its_columns(tmp_path):
    trees.mmew(tmp_path)
    with pytest.raises(SourceError, match=r"expected one with the columns sub_ID, fold_name"):
        open_dataset("fourdme", tmp_path)
