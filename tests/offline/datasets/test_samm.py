import pytest

from offline.datasets.registry import open_dataset
from realtime_mer.errors import SourceError
from tests.offline.datasets import trees


@pytest.mark.parametrize("preamble", [0, 13])
def test_the_header_may_stand_on_row_14(tmp_path, preamble):
    trees.samm(tmp_path)
    trees.samm_sheet(tmp_path, [trees.samm_row("006", "006_9_1", 5000, 5004, 5010)], preamble)
    dataset = open_dataset("samm", tmp_path)
    (sample,) = dataset.samples
    assert (sample.sample_id, sample.group) == ("006_006_9_1", ("samm", "006"))
    assert (sample.emotion, sample.objective_class) == ("anger", 3)
    assert sample.source.time_s[0] == 25.0
    assert [problem.where for problem in dataset.problems] == ["040 040_9_2"]


def test_units_lose_their_stray_blanks_and_ids_keep_their_zeros(tmp_path):
    trees.samm(tmp_path)
    _, second = open_dataset("samm", tmp_path).samples
    assert (second.action_units, second.emotion, second.subject) == ("12", "other", "040")


def test_subjects_that_excel_made_numbers_of_and_short_file_numbers(tmp_path):
    trees.samm_sheet(tmp_path, [trees.samm_row(9, "009_9_1", 998, 1000, 1003)])
    trees.samm_pictures(tmp_path, "009_9_1", 998, 1003, form="{}_{}.jpg")
    (sample,) = open_dataset("samm", tmp_path).samples
    assert sample.subject == "009"
    assert [path.name for path in sample.source.frames][1:3] == ["009_999.jpg", "009_1000.jpg"]


def test_an_apex_after_the_offset_is_repaired_only_if_it_is_the_known_one(tmp_path):
    trees.samm_sheet(
        tmp_path,
        [
            trees.samm_row("028", "028_4_1", 1071, 1143, 1134),
            trees.samm_row("028", "028_9_9", 1071, 1143, 1134),
        ],
    )
    for clip in ("028_4_1", "028_9_9"):
        trees.samm_pictures(tmp_path, clip, 1071, 1150)
    dataset = open_dataset("samm", tmp_path)
    (sample,) = dataset.samples
    assert sample.source.frames[sample.source.apex].name == "028_01105.jpg"
    assert [(p.where, p.action) for p in dataset.problems] == [
        ("028 028_4_1", "repaired"),
        ("028 028_9_9", "dropped"),
    ]
    assert "not in that order" in dataset.problems[1].reason


def test_slips_of_the_sheet_are_repaired_and_early_apexes_and_open_units_left_alone(tmp_path):
    rows = [
        trees.samm_row("032", "032_3_1", 4896, 1930, 4970),
        trees.samm_row("032", "032_3_9", 5126, 5127, 5207, units="R12 or R14"),
    ]
    trees.samm_sheet(tmp_path, rows)
    trees.samm_pictures(tmp_path, "032_3_1", 4896, 4970)
    trees.samm_pictures(tmp_path, "032_3_9", 5126, 5207)
    dataset = open_dataset("samm", tmp_path)
    apexes = [sample.source.frames[sample.source.apex].name for sample in dataset.samples]
    assert apexes == ["032_04930.jpg", "032_05127.jpg"]
    assert dataset.samples[1].action_units == "R12 or R14"
    assert [(p.where, p.action) for p in dataset.problems] == [
        ("032 032_3_1", "repaired"),
        ("032 032_3_9", "noted"),
    ]
    assert "'R12 or R14' is read as R14" in dataset.problems[1].reason


def test_a_whole_sheet_is_read_to_the_last_row(tmp_path):
    per_subject = [5] * 28 + [19]
    clips = [f"{s:03d}_9_{k}" for s, n in enumerate(per_subject, 6) for k in range(n)]
    rows = [trees.samm_row(int(clip[:3]), clip, 10, 12, 14, objective=4) for clip in clips]
    trees.samm_sheet(tmp_path, rows)
    for clip in clips:
        trees.samm_pictures(tmp_path, clip, 10, 14)
    dataset = open_dataset("samm", tmp_path)
    assert len(dataset.samples) == 159
    assert len({sample.group for sample in dataset.samples}) == 29
    sources = {(sample.objective_class, sample.objective_source) for sample in dataset.samples}
    assert sources == {(4, "coding sheet")}
    assert dataset.problems == ()


def test_the_sheet_of_casme2_is_refused(tmp_path):
    trees.casme2(tmp_path)
    with pytest.raises(SourceError, match="of another data set"):
        open_dataset("samm", tmp_path)
