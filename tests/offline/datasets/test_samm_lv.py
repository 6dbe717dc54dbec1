import pytest

from offline.datasets.spotting_registry import open_spotting_dataset
from realtime_mer.errors import SourceError
from tests.offline.datasets import long_trees as trees
from tests.offline.datasets.trees import samm_row, samm_sheet


def read(root):
    return open_spotting_dataset("samm-lv", root)


def found(dataset):
    return {
        video.video_id: [(e.onset, e.apex, e.offset, e.kind) for e in video.expressions]
        for video in dataset.videos
    }


@pytest.mark.parametrize("preamble", [0, 9, 12])
def test_the_header_is_found_by_content(tmp_path, preamble):
    trees.samm_lv(tmp_path)
    rows = [trees.samm_lv_row("006_9_2", 50, 60, 90), trees.samm_lv_row("040_8_1", 1, 2, 3)]
    trees.samm_lv_sheet(tmp_path, rows, preamble=preamble)
    assert found(read(tmp_path))["006_9"] == [(50, 60, 90, "micro")]


def test_videos_expressions_and_the_apex_that_nobody_marked(tmp_path):
    trees.samm_lv(tmp_path)
    dataset = read(tmp_path)
    assert found(dataset) == {
        "006_9": [(10, 30, 140, "macro"), (50, 60, 90, "micro")],
        "040_7": [],
        "040_8": [(20, None, 60, "micro")],
    }
    video = dataset.videos[0]
    assert (video.group, video.fps, video.numbers[0]) == (("samm-lv", "006"), 200.0, 1)
    assert video.expressions[0].action_units == "4(B/C)+7B"
    assert [(p.where.split(",")[0], p.action) for p in dataset.problems] == [
        ("040_8", "noted"),
        ("040_7", "noted"),
    ]


@pytest.mark.parametrize("onset", [0, -1])
def test_what_was_under_way_begins_with_the_video(tmp_path, onset):
    trees.samm_lv(tmp_path)
    rows = [trees.samm_lv_row("006_9_1", onset, 5, 120, "Macro")]
    trees.samm_lv_sheet(tmp_path, [*rows, trees.samm_lv_row("040_8_1", -2, 4, 60)])
    dataset = read(tmp_path)
    assert found(dataset)["006_9"] == [(1, 5, 120, "macro")]
    (repair,) = [problem for problem in dataset.problems if problem.action == "repaired"]
    assert f"onset {onset} in the sheet" in repair.reason
    assert any("-2–60 lies outside the pictures 1–80" in p.reason for p in dataset.problems)


def test_a_name_may_stand_for_a_macro_and_a_micro_but_for_each_once(tmp_path):
    trees.samm_lv(tmp_path)
    rows = [
        trees.samm_lv_row("006_9_1", 1, 5, 120, "Macro"),
        trees.samm_lv_row("006_9_1", 20, 25, 60),
        trees.samm_lv_row("006_9_1", 21, 25, 60),
        trees.samm_lv_row("040_8_1", 20, 25, 60, subject=40),
        trees.samm_lv_row("040_8_2", 20, 25, 60, "Blink"),
    ]
    trees.samm_lv_sheet(tmp_path, rows)
    dataset = read(tmp_path)
    assert found(dataset)["006_9"] == [(1, 5, 120, "macro"), (20, 25, 60, "micro")]
    assert dataset.videos[-1].subject == "040"
    dropped = [problem.reason for problem in dataset.problems if problem.action == "dropped"]
    assert "006_9_1 stands in the sheet twice as micro: the first row counts" in dropped
    assert any("type 'Blink'" in reason for reason in dropped)


def test_the_newest_release_counts(tmp_path):
    trees.samm_lv(tmp_path)
    trees.samm_lv_sheet(tmp_path, [], name="SAMM_LongVideos_V1_Release.xlsx")
    header = [
        f"{word} Frame" if word in ("Onset", "Apex", "Offset") else word
        for word in trees.SAMM_LV_HEADER
    ]
    rows = [trees.samm_lv_row("006_9_2", 51, 60, 90), trees.samm_lv_row("040_8_1", 20, 30, 60)]
    trees.samm_lv_sheet(tmp_path, rows, "SAMM_LongVideos_V9_Revised.xlsx", header=header)
    dataset = read(tmp_path)
    assert found(dataset)["006_9"] == [(51, 60, 90, "micro")]
    others = [problem.where for problem in dataset.problems if "not read" in problem.reason]
    assert others == ["SAMM_LongVideos_V1_Release.xlsx", "SAMM_LongVideos_V9_Release.xlsx"]


def test_emotions_come_from_the_sheet_of_micro_expressions_if_it_is_there(tmp_path):
    trees.samm_lv(tmp_path)
    samm_sheet(
        tmp_path,
        [
            samm_row("006", "006_9_2", 2050, 2060, 2090, "Happiness"),
            samm_row("040", "040_8_1", 20, 30, 61),
            samm_row("006", "006_9_1", 10, 30, 140, "Fear"),
        ],
    )
    dataset = read(tmp_path)
    assert [e.emotion for v in dataset.videos for e in v.expressions] == ["", "happiness", ""]


def test_videos_of_the_challenge_have_no_annotation_to_judge_by(tmp_path):
    trees.samm_lv(tmp_path)
    trees.samm_lv_video(tmp_path, "001_2", 5)
    trees.samm_lv_video(tmp_path, "001_9", 5)
    dataset = read(tmp_path)
    assert [video.video_id for video in dataset.videos] == ["001_9", "006_9", "040_7", "040_8"]
    assert ("001_2", "dropped") in [(p.where, p.action) for p in dataset.problems]


def test_the_table_that_papers_pass_on_and_its_slower_twin(tmp_path):
    trees.samm_lv_video(tmp_path, "006_9", 400)
    path = tmp_path / "samm.csv"
    path.write_text(trees.LIST_HEADER + "samm_006,samm_006_9,10,80,300,1,\n")
    dataset = read(tmp_path)
    assert found(dataset) == {"006_9": [(10, 80, 300, "macro")]}
    path.write_text(trees.LIST_HEADER + "samm_006,samm_006_9,1,10,38,1,\n")
    with pytest.raises(SourceError, match="another rate than the 200/s"):
        read(tmp_path)


def test_the_sheet_of_single_micro_expressions_is_no_annotation_of_videos(tmp_path):
    samm_sheet(tmp_path, [samm_row("006", "006_9_1", 5000, 5004, 5010)])
    trees.samm_lv_video(tmp_path, "006_9", 10)
    with pytest.raises(SourceError, match=r"no annotation of SAMM Long Videos.*found SAMM_Micro"):
        read(tmp_path)


def test_a_sheet_without_pictures_is_refused(tmp_path):
    trees.samm_lv_sheet(tmp_path, [trees.samm_lv_row("006_9_1", 1, 2, 30)])
    with pytest.raises(SourceError, match="0 of the 1 annotated videos"):
        read(tmp_path)
