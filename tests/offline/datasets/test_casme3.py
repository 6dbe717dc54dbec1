import pytest

from offline.datasets.casme3 import REPAIRS
from offline.datasets.registry import open_dataset
from realtime_mer.errors import SourceError
from tests.offline.datasets import trees


def frames(sample):
    source = sample.source
    moments = (source.onset, source.apex, source.offset)
    return tuple(int(source.frames[moment].stem) for moment in moments)


def actions(dataset):
    return [(problem.where, problem.action) for problem in dataset.problems]


def test_rows_of_one_recording_are_told_apart_by_their_onset(tmp_path):
    trees.casme3(tmp_path)
    trees.casme3_clip(tmp_path, "spNO.901_a_30", 30, 36, kind="depth")
    dataset = open_dataset("casme3", tmp_path)
    ids = [sample.sample_id for sample in dataset.samples]
    assert ids == ["spNO.901_a_30", "spNO.901_a_50", "spNO.902_J_70"]
    assert [sample.subject for sample in dataset.samples] == ["spNO.901", "spNO.901", "spNO.902"]
    assert [sample.emotion for sample in dataset.samples] == ["disgust", "others", "surprise"]
    assert [sample.objective_class for sample in dataset.samples] == [3, 7, 2]
    assert {sample.objective_source for sample in dataset.samples} == {"coding sheet"}
    assert dataset.samples[0].source.time_s[0] == 1.0
    assert "depth" not in str(dataset.samples[0].source.frames[0].relative_to(tmp_path))
    assert dataset.problems == ()


def test_clips_are_cut_out_of_the_recordings_with_a_tenth_of_a_second_before(tmp_path):
    rows = [
        trees.casme3_row("spNO.901", "a", 30, 33, 36),
        trees.casme3_row("spNO.901", "a", 50, 53, 60),
        trees.casme3_row("spNO.901", "a", 80, 83, 90),
    ]
    trees.casme3_sheet(tmp_path, rows)
    trees.casme3_recording(tmp_path, "spNo.901", "a", 0, 91, without=(29, 31, 50, *range(70, 87)))
    trees.casme3_recording(tmp_path, "spNO.901", "b", 0, 9)
    dataset = open_dataset("casme3", tmp_path)
    first, second = dataset.samples
    assert [path.name for path in first.source.frames][:3] == ["27.jpg", "28.jpg", "30.jpg"]
    assert frames(first) == (30, 33, 36)
    assert frames(second)[0] in (49, 51)
    assert actions(dataset) == [
        ("spNO.901 a_50", "repaired"),
        ("spNO.901 a_80", "dropped"),
        ("recordings", "noted"),
    ]


def test_clips_that_were_cut_out_by_count_belong_to_their_recording(tmp_path):
    rows = [trees.casme3_row("spNO.901", "a", n, n + 3, n + 9) for n in (30, 50)]
    trees.casme3_sheet(tmp_path, rows)
    for clip, onset in (("a", 30), ("a2", 50)):
        folder = tmp_path / "ME_A_cropped" / "spNO.901" / clip / "color"
        trees.write_pictures(folder, [f"{n}.jpg" for n in range(onset, onset + 10)])
    dataset = open_dataset("casme3", tmp_path)
    assert [frames(sample)[0] for sample in dataset.samples] == [30, 50]
    assert all(sample.source.cropped for sample in dataset.samples)
    assert dataset.problems == ()


def test_known_mistakes_are_repaired_in_any_of_the_three_frames(tmp_path):
    rows = [
        trees.casme3_row("spNO.149", "d", 112, 83, 358),
        trees.casme3_row("spNO.214", "c", 5, 5, 3460),
        trees.casme3_row("spNO.216", "d", 3647, 2668, 2694),
        trees.casme3_row("spNO.216", "e", 0, 0, 25),
        trees.casme3_row("spNO.40", "e", 1812, 1824, 0),
        trees.casme3_row("spNO.40", "e", 2327, 2363, 0),
    ]
    trees.casme3_sheet(tmp_path, rows)
    trees.casme3_clip(tmp_path, "spNO.149_d_112", 112, 358)
    trees.casme3_clip(tmp_path, "spNO.214_c_5", 5, 34)
    trees.casme3_clip(tmp_path, "spNO.216_d_2647", 2647, 2694)
    trees.casme3_clip(tmp_path, "spNO.216_e_0", 1, 25)
    trees.casme3_clip(tmp_path, "spNO.40_e_1812", 1812, 1845)
    trees.casme3_clip(tmp_path, "spNO.40_e_2327", 2327, 2403)
    dataset = open_dataset("casme3", tmp_path)
    found = {sample.sample_id: frames(sample) for sample in dataset.samples}
    assert found == {
        "spNO.149_d_112": (112, 167, 358),
        "spNO.216_d_3647": (2647, 2668, 2694),
        "spNO.40_e_1812": (1812, 1824, 1845),
        "spNO.40_e_2327": (2327, 2363, 2403),
    }
    repaired = [" ".join(key) for key, repairs in REPAIRS.items() for _ in repairs]
    assert actions(dataset) == [
        *((where, "repaired") for where in repaired),
        ("spNO.214 c_5", "dropped"),
        ("spNO.216 e_0", "dropped"),
    ]


def test_apexes_that_nobody_can_repair_are_dropped_with_a_reason(tmp_path):
    trees.casme3(tmp_path)
    rows = [
        trees.casme3_row("spNO.901", "a", 30, 30, 36),
        trees.casme3_row("spNO.901", "a", 30, 33, 36),
        trees.casme3_row("spNO.901", "a", 50, 49, 60),
        trees.casme3_row("spNO.902", "J", 70, 80, 80),
        trees.casme3_row("spNO.902", "notes", 70, 80, 80),
    ]
    trees.casme3_sheet(tmp_path, rows)
    dataset = open_dataset("casme3", tmp_path)
    assert [sample.sample_id for sample in dataset.samples] == ["spNO.902_J_70"]
    sheet = "cas(me)3_part_A_ME_label_JpgIndex_v9.xlsx, row"
    assert sorted(actions(dataset)) == [
        (f"{sheet} 3", "dropped"),
        (f"{sheet} 6", "dropped"),
        ("spNO.901 a_30", "dropped"),
        ("spNO.901 a_50", "dropped"),
    ]


def test_the_newer_of_two_label_files_counts(tmp_path):
    trees.casme3(tmp_path)
    name = "cas(me)3_part_A_ME_label_JpgIndex.xlsx"
    trees.casme3_sheet(tmp_path, [trees.casme3_row("spNO.901", "a", 1, 2, 3)], name)
    dataset = open_dataset("casme3", tmp_path)
    assert len(dataset.samples) == 3
    assert actions(dataset) == [(name, "noted")]


def test_half_unpacked_pictures_are_refused(tmp_path):
    trees.casme3_sheet(tmp_path, [trees.casme3_row("spNO.901", "a", n, 8, 9) for n in (1, 2, 3)])
    trees.casme3_clip(tmp_path, "spNO.901_a_1", 1, 9)
    with pytest.raises(SourceError, match=r"1 of the 3 clips in the sheet of CAS\(ME\)\^3"):
        open_dataset("casme3", tmp_path)


def test_a_csv_with_decimals_names_the_same_clips(tmp_path):
    trees.casme3(tmp_path)
    next(tmp_path.glob("*.xlsx")).unlink()
    row = "spNO.901,a,30.0,33.0,36.0,4,III,Disgust"
    (tmp_path / "labels.csv").write_text(
        f"{','.join(trees.CASME3_HEADER)}\n{row}\nspNO.903,b,?,1,2\n"
    )
    dataset = open_dataset("casme3", tmp_path)
    assert [sample.sample_id for sample in dataset.samples] == ["spNO.901_a_30"]
    assert ("spNO.903 b_?", "dropped") in actions(dataset)
