import pytest

from offline.datasets.spotting_registry import open_spotting_dataset
from realtime_mer.errors import SourceError
from tests.offline.datasets import long_trees as trees


def read(root, name="smic-e"):
    return open_spotting_dataset(name, root)


def found(dataset):
    return {
        video.video_id: [(e.onset, e.apex, e.offset, e.emotion) for e in video.expressions]
        for video in dataset.videos
    }


def test_a_clip_may_hold_two_and_footers_hold_none(tmp_path):
    trees.smic_e(tmp_path)
    dataset = read(tmp_path)
    assert found(dataset) == {
        "s01_ne_01": [(120, None, 140, "negative"), (160, None, 171, "negative")],
        "s12_sur_02": [(40, None, 60, "surprise")],
    }
    video = dataset.videos[0]
    assert (video.group, video.fps, video.numbers[0]) == (("smic-e", "s01"), 100.0, 103)
    assert {e.kind for v in dataset.videos for e in v.expressions} == {"micro"}
    (footer,) = dataset.problems
    assert footer.action == "dropped"
    assert "The frame numbers are" in footer.reason


def test_columns_are_found_by_name_and_an_apex_belongs_to_the_expression_around_it(tmp_path):
    header = ("Subject", "Filename", "OnsetF", "ApexF", "OffsetF", "OnsetF2", "OffsetF2", "FirstF")
    rows = [
        (1, "s1_ne_01", 120, 165, 140, 160, 171, 103),
        (12, "s12_sur_02", 40, 50, 60, None, None, 21),
    ]
    trees.smic_e(tmp_path)
    trees.smic_e_sheet(tmp_path, rows, "SMIC-HS-E_annotation_2019.xlsx", header)
    dataset = read(tmp_path)
    assert found(dataset)["s12_sur_02"] == [(40, 50, 60, "surprise")]
    assert [apex for _, apex, *_ in found(dataset)["s01_ne_01"]] == [None, 165]
    assert any("another annotation" in problem.reason for problem in dataset.problems)


def test_columns_behind_the_offset_need_not_be_a_second_expression(tmp_path):
    header = ("Subject", "Filename", "OnsetF", "OffsetF", "FirstF", "LastF", "Emotion")
    trees.smic_e(tmp_path)
    rows = [(1, "s01_ne_01", 120, 140, 103, 180, "negative"), (12, "s12_sur_2", 40, 60, 21, 90, "")]
    trees.smic_e_sheet(tmp_path, rows, "SMIC-HS-E_annotation_2019.xlsx", header)
    trees.smic_e_sheet(tmp_path, [], "SMIC-HS-E_annotation_orig.xlsx")
    assert [len(video.expressions) for video in read(tmp_path).videos] == [1, 1]


def test_frames_count_from_the_first_picture(tmp_path):
    rows = [trees.smic_e_row("s1_ne_01", 120, 140, 103), trees.smic_e_row("s2_po_01", 5, 9, 1)]
    trees.smic_e_sheet(tmp_path, rows)
    trees.smic_e_video(tmp_path, "s1_ne_01", 1, 90)
    trees.smic_e_video(tmp_path, "s2_po_01", 1, 20)
    dataset = read(tmp_path)
    assert found(dataset)["s01_ne_01"] == [(18, None, 38, "negative")]
    (repair,) = [problem for problem in dataset.problems if problem.action == "repaired"]
    assert "-102 on all frames" in repair.reason


def test_the_other_cameras_are_data_sets_of_their_own(tmp_path):
    trees.smic_e(tmp_path)
    vis = ("VIS_long/SMIC-VIS-E/VIS", "s11_ne_01_ {:03d}.jpg")
    trees.smic_e_video(tmp_path, "s11_ne_01", 8, 60, *vis)
    trees.smic_e_sheet(tmp_path, [trees.smic_e_row("s11_ne_01", 20, 30, 8)], "SMIC_VIS_E.xlsx")
    sheet = tmp_path / "HS_long" / "SMIC_VIS_E.xlsx"
    sheet.rename(tmp_path / "VIS_long" / "SMIC_VIS_E_annotation.xlsx")
    assert sorted(found(read(tmp_path))) == ["s01_ne_01", "s12_sur_02"]
    (video,) = read(tmp_path, "smic-e-vis").videos
    assert (video.video_id, video.fps, video.numbers[0]) == ("s11_ne_01", 25.0, 8)
    assert len(video.expressions) == 1
    assert read(tmp_path / "VIS_long", "smic-e-vis").videos[0].numbers == video.numbers
    with pytest.raises(SourceError, match="no annotation of SMIC-NIR-E"):
        read(tmp_path, "smic-e-nir")
    with pytest.raises(SourceError, match="another camera's part"):
        read(tmp_path / "VIS_long")


def test_a_clip_without_a_row_stays(tmp_path):
    trees.smic_e(tmp_path)
    trees.smic_e_video(tmp_path, "s3_po_07", 1, 9)
    dataset = read(tmp_path)
    assert found(dataset)["s03_po_07"] == []
    assert any(problem.where == "s03_po_07" for problem in dataset.problems)


def test_a_sheet_without_a_row_is_no_annotation(tmp_path):
    trees.smic_e(tmp_path)
    trees.smic_e_sheet(tmp_path, [])
    with pytest.raises(SourceError, match="has no row of an expression"):
        read(tmp_path)
