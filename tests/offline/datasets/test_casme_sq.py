import json

import pytest
from typer.testing import CliRunner

from offline.datasets.command import datasets_app
from offline.datasets.spotting_registry import SPOTTING_DATASETS, open_spotting_dataset
from realtime_mer.errors import ConfigError, SourceError
from tests.offline.datasets import long_trees as trees
from tests.offline.datasets.trees import write_xlsx


def read(root):
    return open_spotting_dataset("casme-sq", root)


def told(dataset, action):
    return [problem for problem in dataset.problems if problem.action == action]


def test_rows_find_their_videos_through_the_naming_rules(tmp_path):
    trees.casme_sq(tmp_path)
    first, second, third = read(tmp_path).videos
    assert [v.video_id for v in (first, second, third)] == ["15_0101", "16_0401", "16_0502"]
    assert (first.group, first.fps, len(first.frames)) == (("casme-sq", "s15"), 30.0, 60)
    micro, macro = first.expressions
    assert (micro.onset, micro.apex, micro.offset, micro.kind) == (10, 14, 20, "micro")
    assert (micro.emotion, micro.action_units) == ("negative", "4+L10")
    assert (macro.onset, macro.kind) == (31, "macro")
    assert second.expressions == ()


def test_an_offset_of_0_is_the_apex(tmp_path):
    trees.casme_sq(tmp_path)
    dataset = read(tmp_path)
    (expression,) = dataset.videos[2].expressions
    assert (expression.onset, expression.apex, expression.offset) == (5, 9, 9)
    (repair,) = told(dataset, "repaired")
    assert "16_0502" in repair.where
    assert "apex 9 stands for it" in repair.reason


def test_a_video_without_annotation_stays_and_is_told(tmp_path):
    trees.casme_sq(tmp_path)
    (note,) = told(read(tmp_path), "noted")
    assert note.where == "16_0401"
    assert "false alarm" in note.reason


def test_frames_pass_999_in_the_order_of_numbers(tmp_path):
    trees.casme_sq_sheet(tmp_path, [trees.casme_sq_row(1, "anger1_1", 997, 999, 1003)])
    trees.casme_sq_video(tmp_path, "15_0401girlcrashing", 1005)
    (video,) = read(tmp_path).videos
    assert [path.name for path in video.frames[-7:-4]] == [
        "img999.jpg",
        "img1000.jpg",
        "img1001.jpg",
    ]
    assert video.numbers == tuple(range(1, 1006))
    assert video.seconds(31) == 1.0
    assert video.duration_s == pytest.approx(1005 / 30)


def test_a_forgotten_apex_is_repaired_only_if_it_is_the_known_one(tmp_path):
    rows = [trees.casme_sq_row(20, "anger1_1", onset, 0, onset + 24) for onset in (1763, 1800)]
    trees.casme_sq_sheet(tmp_path, rows)
    trees.casme_sq_video(tmp_path, "34_0401girlcrashing", 1830)
    dataset = read(tmp_path)
    assert [e.apex for e in dataset.videos[0].expressions] == [1775, None]
    assert [p.action for p in dataset.problems] == ["repaired", "noted"]


def test_an_apex_outside_leaves_the_interval(tmp_path):
    trees.casme_sq_sheet(
        tmp_path,
        [
            trees.casme_sq_row(1, "anger1_1", 10, 25, 20),
            trees.casme_sq_row(1, "anger1_2", 40, 45, 30),
            trees.casme_sq_row(1, "anger1_3", 50, "?", "x"),
        ],
    )
    trees.casme_sq_video(tmp_path, "15_0401girlcrashing", 60)
    dataset = read(tmp_path)
    (kept,) = dataset.videos[0].expressions
    assert (kept.onset, kept.apex, kept.offset) == (10, None, 20)
    assert "apex 25 lies outside 10–20" in told(dataset, "repaired")[0].reason
    assert [p.reason for p in told(dataset, "dropped")] == [
        "onset 40 lies after offset 30",
        "no number for offset in the sheet",
    ]


def test_rows_that_lead_nowhere_are_dropped_and_told(tmp_path):
    trees.casme_sq(tmp_path)
    trees.casme_sq_sheet(
        tmp_path,
        [
            trees.casme_sq_row(1, "disgust1_1", 10, 14, 20),
            trees.casme_sq_row(1, "sadness9_1", 10, 14, 20),
            trees.casme_sq_row(99, "disgust1_1", 10, 14, 20),
            trees.casme_sq_row(1, "happy2_1", 10, 14, 20),
            trees.casme_sq_row(2, "happy2_1", 10, 14, 2000),
            (1, "disgust1_2", 1, 2, 3, "4", "negative", "blink", ""),
        ],
    )
    dataset = read(tmp_path)
    reasons = [problem.reason for problem in told(dataset, "dropped")]
    assert len(reasons) == 4
    assert sum("naming rule" in reason for reason in reasons) == 2
    assert sum("no folder with pictures" in reason for reason in reasons) == 1
    assert any("neither micro- nor macro" in reason for reason in reasons)
    assert sum(len(video.expressions) for video in dataset.videos) == 2
    assert any("outside the pictures 1–40" in problem.reason for problem in told(dataset, "noted"))


def test_the_table_that_papers_pass_on(tmp_path):
    trees.casme_sq_video(tmp_path, "15_0101disgustingteeth", 60)
    lines = [
        "casme_015,casme_015_0101,10,14,20,2,4",
        "casme_015,casme_015_0101,30,0,50,1,",
        "samm_006,samm_006_1,30,31,50,1,",
    ]
    (tmp_path / "annotation.csv").write_text(trees.LIST_HEADER + "\n".join(lines) + "\n")
    dataset = read(tmp_path)
    assert [(e.onset, e.apex, e.kind) for e in dataset.videos[0].expressions] == [
        (10, 14, "micro"),
        (30, None, "macro"),
    ]
    assert [p.action for p in dataset.problems] == ["dropped", "noted"]


def test_the_official_sheet_comes_before_a_table(tmp_path):
    trees.casme_sq(tmp_path)
    table = trees.LIST_HEADER + "casme_015,casme_015_0101,1,2,3,2,4\n"
    (tmp_path / "zzz.csv").write_text(table)
    dataset = read(tmp_path)
    assert sum(len(video.expressions) for video in dataset.videos) == 3
    assert any(problem.where == "zzz.csv" for problem in told(dataset, "noted"))


def test_whole_pictures_come_before_cropped_ones(tmp_path):
    trees.casme_sq(tmp_path)
    pack = "CASME_2_longVideoFaceCropped/longVideoFaceCropped"
    trees.casme_sq_video(
        tmp_path, "15_0101disgustingteeth", 70, pack, "15_0101disgustingteeth_{}.jpg"
    )
    trees.casme_sq_video(
        tmp_path, "17_0101disgustingteeth", 20, pack, "17_0101disgustingteeth_{}.jpg"
    )
    dataset = read(tmp_path)
    assert {v.video_id: v.cropped for v in dataset.videos if v.numbers[-1] in (60, 20)} == {
        "15_0101": False,
        "17_0101": True,
    }
    assert any("cropped pictures only" in problem.reason for problem in told(dataset, "noted"))


def test_pictures_without_a_number_are_told(tmp_path):
    trees.casme_sq(tmp_path)
    trees.write_pictures(tmp_path / "rawpic" / "s15" / "15_0101disgustingteeth", ["cover.jpg"])
    assert [p.reason[:17] for p in told(read(tmp_path), "dropped")] == ["1 pictures left o"]


@pytest.mark.parametrize("name", SPOTTING_DATASETS)
def test_a_root_that_is_not_there_or_empty(tmp_path, name):
    with pytest.raises(SourceError, match="does not exist"):
        open_spotting_dataset(name, tmp_path / "nowhere")
    with pytest.raises(SourceError, match=r"no annotation of .*found no \.xlsx"):
        open_spotting_dataset(name, tmp_path)
    (tmp_path / "old.xls").write_bytes(b"old")
    with pytest.raises(SourceError, match="old Excel file"):
        open_spotting_dataset(name, tmp_path)
    with pytest.raises(SourceError, match="is a file"):
        open_spotting_dataset(name, tmp_path / "old.xls")


def test_a_half_unpacked_tree_is_refused(tmp_path):
    rows = [trees.casme_sq_row(n, "anger1_1", 1, 2, 3) for n in range(1, 6)]
    trees.casme_sq_sheet(tmp_path, rows)
    with pytest.raises(SourceError, match="0 of the 5 annotated videos"):
        read(tmp_path)
    for number in (15, 16):
        trees.casme_sq_video(tmp_path, f"{number}_0401girlcrashing", 4)
    with pytest.raises(SourceError, match=r"2 of the 5 .*rawpic/s15/15_0101"):
        read(tmp_path)
    trees.casme_sq_video(tmp_path, "17_0401girlcrashing", 4)
    assert len(read(tmp_path).videos) == 3


def test_other_sheets_are_refused_in_one_line(tmp_path):
    write_xlsx(tmp_path / "other.xlsx", [("Subject", "Filename")])
    with pytest.raises(SourceError, match=r"found other\.xlsx, with other columns") as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)
    trees.write_book(
        tmp_path / "code_final.xlsx", {"a": [trees.casme_sq_row(1, "anger1_1", 1, 2, 3)]}
    )
    with pytest.raises(SourceError, match="naming rule1"):
        read(tmp_path)


def test_an_unknown_name_names_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="casme-sq, samm-lv, smic-e"):
        open_spotting_dataset("casme9", tmp_path)


# The command line ---------------------------------------------------------------------------------


def run(*arguments):
    done = CliRunner().invoke(datasets_app, [str(argument) for argument in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_describe_counts_expressions_and_videos(tmp_path):
    trees.casme_sq(tmp_path)
    found = json.loads(run("describe", "casme-sq", "--root", tmp_path, "--json"))
    assert (found["samples"], found["subjects"], found["videos"]) == (3, 2, 3)
    assert found["classes"] == {"micro": 1, "macro": 2}
    assert {problem["action"] for problem in found["problems"]} == {"repaired", "noted"}
    lines = run("describe", "casme-sq", "--root", tmp_path).splitlines()
    assert "  videos    3" in lines
    assert "  micro     1" in lines


def test_describe_knows_no_protocol_here_and_names_everything(tmp_path):
    with pytest.raises(ConfigError, match="leave that out"):
        run("describe", "smic-e", "--root", tmp_path, "--protocol", "megc2019")
    with pytest.raises(ConfigError, match=r"casme2.*samm-lv"):
        run("describe", "nothing", "--root", tmp_path)
    assert all(name in run("list") for name in SPOTTING_DATASETS)
    assert list(json.loads(run("list", "--json"))["spotting"]) == list(SPOTTING_DATASETS)
