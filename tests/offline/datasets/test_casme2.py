import pytest

from offline.datasets.casme2 import REPAIRS
from offline.datasets.registry import open_dataset
from realtime_mer.errors import SourceError
from tests.offline.datasets import trees


def names(sample):
    return [path.name for path in sample.source.frames]


def actions(dataset):
    return [(problem.where, problem.action) for problem in dataset.problems]


def test_sheet_and_pictures_make_samples(tmp_path):
    trees.casme2(tmp_path)
    dataset = open_dataset("casme2", tmp_path)
    first, second = dataset.samples
    assert (first.sample_id, first.group) == ("sub01_EP01_01", ("casme2", "sub01"))
    assert (second.emotion, second.action_units) == ("disgust", "4+L10")
    assert names(first) == [f"img{n}.jpg" for n in range(10, 21)]
    assert (first.source.onset, first.source.apex, first.source.offset) == (0, 4, 10)
    assert first.source.time_s[0] == 10 / 200
    assert not first.source.cropped
    assert dataset.problems == ()


@pytest.mark.parametrize("form", ["img{}.jpg", "img{:03d}.jpg", "{:05d}.png", "EP7-{}.bmp"])
def test_numbers_padded_or_not_sort_by_size(tmp_path, form):
    trees.casme2_sheet(tmp_path, [trees.casme2_row("01", "EP01_01", 98, 100, 103)])
    trees.casme2_pictures(tmp_path, "01", "EP01_01", 98, 103, form=form)
    (sample,) = open_dataset("casme2", tmp_path).samples
    assert names(sample) == [form.format(n) for n in range(98, 104)]


def test_doubled_folders_cropped_pictures_and_numeric_subjects(tmp_path):
    trees.casme2_sheet(tmp_path, [trees.casme2_row(3, "EP01_2", 10, 14, 20)])
    trees.casme2_pictures(
        tmp_path, "03", "EP01_2", 10, 20, kind="Cropped/Cropped", form="reg_img{}.jpg"
    )
    (sample,) = open_dataset("casme2", tmp_path).samples
    assert sample.subject == "sub03"
    assert sample.source.cropped


def test_long_raw_pictures_come_first_and_lend_a_tenth_of_a_second(tmp_path):
    trees.casme2(tmp_path)
    trees.casme2_pictures(tmp_path, "02", "EP03_02f", 1, 60, kind="CASME2_RAW/CASME2-RAW")
    trees.casme2_pictures(tmp_path, "02", "EP03_02f", 30, 40, "Cropped", "reg_img{}.jpg")
    sample = open_dataset("casme2", tmp_path).samples[1]
    assert names(sample)[0] == "img10.jpg"  # 30 - 0.1 s at 200 frames a second
    assert names(sample)[sample.source.onset] == "img30.jpg"
    assert names(sample)[-1] == "img40.jpg"


def test_a_slash_for_an_apex_is_repaired_where_known_and_dropped_where_not(tmp_path):
    trees.casme2_sheet(
        tmp_path,
        [
            trees.casme2_row("04", "EP12_01f", 261, "/", 321),
            trees.casme2_row("04", "EP77_01f", 261, "/", 321),
        ],
    )
    for clip in ("EP12_01f", "EP77_01f"):
        trees.casme2_pictures(tmp_path, "04", clip, 261, 321)
    dataset = open_dataset("casme2", tmp_path)
    (sample,) = dataset.samples
    assert names(sample)[sample.source.apex] == "img279.jpg"
    assert actions(dataset) == [("sub04 EP12_01f", "repaired"), ("sub04 EP77_01f", "dropped")]


def test_a_repair_leaves_another_version_of_the_sheet_alone(tmp_path):
    subject, clip = "sub05", "EP16_04f"
    (repair,) = REPAIRS[subject, clip]
    assert 150 not in repair.old
    trees.casme2_sheet(tmp_path, [trees.casme2_row("05", clip, 141, 150, 181)])
    trees.casme2_pictures(tmp_path, "05", clip, 141, 181)
    dataset = open_dataset("casme2", tmp_path)
    assert names(dataset.samples[0])[dataset.samples[0].source.apex] == "img150.jpg"
    assert actions(dataset) == [(f"{subject} {clip}", "noted")]
    assert "apex 150 in the sheet" in dataset.problems[0].reason


def test_a_repaired_apex_without_a_picture_is_the_nearest_one_after_the_onset(tmp_path):
    rows = [
        trees.casme2_row("04", "EP12_01f", 261, "/", 321),
        trees.casme2_row("05", "EP16_04f", 141, 181, 181),
    ]
    trees.casme2_sheet(tmp_path, rows)
    for subject, clip, _, onset, _, offset, *_ in rows:
        folder = tmp_path / "Cropped" / f"sub{subject}" / clip
        trees.write_pictures(folder, [f"reg_img{onset}.jpg", f"reg_img{offset}.jpg"])
    dataset = open_dataset("casme2", tmp_path)
    assert [names(sample)[sample.source.apex] for sample in dataset.samples] == [
        "reg_img321.jpg",
        "reg_img181.jpg",
    ]
    assert {problem.action for problem in dataset.problems} == {"repaired"}
    assert "no picture 279: the nearest, 321, instead" in [p.reason for p in dataset.problems]


@pytest.mark.parametrize("first", [0, 1])
def test_pictures_that_count_from_the_onset_are_understood(tmp_path, first):
    trees.casme2_sheet(tmp_path, [trees.casme2_row("01", "EP01_01", 110, 114, 120)])
    trees.casme2_pictures(tmp_path, "01", "EP01_01", first, first + 10)
    dataset = open_dataset("casme2", tmp_path)
    (sample,) = dataset.samples
    assert (sample.source.onset, sample.source.apex, sample.source.offset) == (0, 4, 10)
    assert sample.source.time_s[0] == 110 / 200
    assert actions(dataset) == [("pictures", "noted")]


def test_a_slip_of_few_frames_is_no_other_way_of_counting(tmp_path):
    trees.casme2_sheet(tmp_path, [trees.casme2_row("01", "EP01_01", 3, 7, 13)])
    trees.casme2_pictures(tmp_path, "01", "EP01_01", 1, 11)
    dataset = open_dataset("casme2", tmp_path)
    assert names(dataset.samples[0])[dataset.samples[0].source.apex] == "img7.jpg"
    assert actions(dataset) == [("sub01 EP01_01", "repaired")]


def test_a_folder_that_holds_the_clip_comes_before_one_that_lacks_its_end(tmp_path):
    trees.casme2_sheet(tmp_path, [trees.casme2_row("01", "EP01_01", 10, 14, 40)])
    trees.casme2_pictures(tmp_path, "01", "EP01_01", 10, 20)
    trees.casme2_pictures(tmp_path, "01", "EP01_01", 10, 40, "Cropped", "reg_img{}.jpg")
    dataset = open_dataset("casme2", tmp_path)
    assert len(names(dataset.samples[0])) == 31
    assert dataset.problems == ()


def test_a_sheet_in_a_doubled_folder_is_found(tmp_path):
    trees.casme2(tmp_path / "CASME2" / "CASME2")
    assert len(open_dataset("casme2", tmp_path).samples) == 2


@pytest.mark.parametrize(("offset_12", "frames_20"), [(106, 106), (111, 111)])
def test_every_known_mistake_is_repaired_in_either_coding(tmp_path, offset_12, frames_20):
    rows = [
        trees.casme2_row("04", "EP12_01f", 261, "/", 321),
        trees.casme2_row("05", "EP09_05f", 69, 69, 123),
        trees.casme2_row("05", "EP16_04f", 141, 181, 181),
        trees.casme2_row("12", "EP09_06", 66, 111, offset_12),
        trees.casme2_row("20", "EP16_01", 71, frames_20, frames_20),
        trees.casme2_row("25", "EP18_04f", 76, 116, 116),
    ]
    trees.casme2_sheet(tmp_path, rows)
    for subject, clip, _, onset, _, offset, *_ in rows:
        trees.casme2_pictures(tmp_path, subject, clip, onset, offset)
    dataset = open_dataset("casme2", tmp_path)
    apexes = [names(sample)[sample.source.apex] for sample in dataset.samples]
    assert apexes == [f"img{n}.jpg" for n in (279, 81, 166, 89, 91, 98)]
    assert actions(dataset) == [(" ".join(key), "repaired") for key in REPAIRS]


def test_a_whole_sheet_is_read_to_the_last_row(tmp_path):
    per_subject = [10] * 25 + [5]
    clips = [(f"{s:02d}", f"EP{k:02d}_01") for s, n in enumerate(per_subject, 1) for k in range(n)]
    trees.casme2_sheet(tmp_path, [trees.casme2_row(*clip, 10, 12, 14) for clip in clips])
    for clip in (*clips, ("09", "EP99_02f"), ("24", "EP99_07")):
        trees.casme2_pictures(tmp_path, *clip, 10, 14)
    dataset = open_dataset("casme2", tmp_path)
    assert len(dataset.samples) == 255
    assert len({sample.group for sample in dataset.samples}) == 26
    assert actions(dataset) == [("sub09 EP99_02f", "dropped"), ("sub24 EP99_07", "dropped")]


@pytest.mark.parametrize(
    ("emotion", "version"), [("surprise", "2019-07-01"), ("sadness", "2014-05-08")]
)
def test_the_version_of_the_sheet_is_told_by_the_clips_that_were_relabelled(
    tmp_path, emotion, version
):
    trees.casme2_sheet(tmp_path, [trees.casme2_row("24", "EP07_01", 10, 14, 20, emotion)])
    trees.casme2_pictures(tmp_path, "24", "EP07_01", 10, 20)
    (problem,) = open_dataset("casme2", tmp_path).problems
    assert (problem.where, problem.action) == ("coding sheet", "noted")
    assert version in problem.reason


def test_nothing_is_left_out_without_a_reason(tmp_path):
    trees.casme2(tmp_path)
    rows = [
        trees.casme2_row("01", "EP01_01", 10, 14, 20),
        trees.casme2_row("02", "EP03_02f", 30, 34, 40),
        trees.casme2_row("02", "EP03_02f", 30, 34, 40, "fear"),
        trees.casme2_row("01", "EP01_03", 10, 10, 20),
        trees.casme2_row("01", "EP01_04", 9, 14, 20),
        trees.casme2_row("01", "EP01_05", 10, 14, 90),
        trees.casme2_row("01", "EP01_06", 10, 14, 20),
        ("total", None, None, 7),
    ]
    trees.casme2_sheet(tmp_path, rows)
    for clip in ("EP01_03", "EP01_04", "EP01_05", "EP09_99"):
        trees.casme2_pictures(tmp_path, "01", clip, 10, 20)
    dataset = open_dataset("casme2", tmp_path)
    assert [sample.sample_id for sample in dataset.samples] == [
        "sub01_EP01_01",
        "sub01_EP01_04",
        "sub01_EP01_05",
        "sub02_EP03_02f",
    ]
    sheet = "CASME2-coding-20990101.xlsx, row"
    assert sorted(actions(dataset)) == [
        (f"{sheet} 4", "dropped"),
        (f"{sheet} 9", "dropped"),
        ("sub01 EP01_03", "dropped"),
        ("sub01 EP01_04", "repaired"),
        ("sub01 EP01_05", "repaired"),
        ("sub01 EP01_06", "dropped"),
        ("sub01 EP09_99", "dropped"),
    ]


def test_copies_of_a_picture_are_told(tmp_path):
    trees.casme2(tmp_path)
    trees.casme2_pictures(tmp_path, "01", "EP01_01", 10, 12, form="img{:03d}.jpg")
    dataset = open_dataset("casme2", tmp_path)
    assert len(dataset.samples[0].source.frames) == 11
    assert "3 pictures" in dataset.problems[0].reason


def test_objective_classes_come_from_their_own_sheet(tmp_path):
    trees.casme2(tmp_path)
    rows = [("Subject", "Filename", "Objective Class"), ("01", "EP01_01", 6)]
    trees.write_xlsx(tmp_path / "CASME2-ObjectiveClasses.xlsx", rows)
    samples = open_dataset("casme2", tmp_path).samples
    classes = [(sample.objective_class, sample.objective_source) for sample in samples]
    assert classes == [(6, "objective sheet"), (None, "")]


def test_a_column_of_objective_classes_counts_where_their_own_sheet_has_none(tmp_path):
    trees.casme2(tmp_path)
    header = (*trees.CASME2_HEADER, "Objective Classes")
    rows = [
        (*trees.casme2_row("01", "EP01_01", 10, 14, 20), 3),
        (*trees.casme2_row("02", "EP03_02f", 30, 34, 40), 9),
    ]
    trees.write_xlsx(tmp_path / "CASME2-coding-20990101.xlsx", [header, *rows])
    samples = open_dataset("casme2", tmp_path).samples
    classes = [(sample.objective_class, sample.objective_source) for sample in samples]
    assert classes == [(3, "coding sheet"), (None, "")]


def test_of_two_sheets_the_newer_counts_and_is_told(tmp_path):
    trees.casme2(tmp_path)
    old = [trees.casme2_row("01", "EP01_01", 10, 15, 20, "sadness")]
    trees.casme2_sheet(tmp_path, old, "CASME2-coding-20000101.xlsx")
    dataset = open_dataset("casme2", tmp_path)
    assert dataset.samples[0].emotion == "happiness"
    assert actions(dataset) == [("CASME2-coding-20000101.xlsx", "noted")]


def test_a_csv_of_the_sheet_does_as_well(tmp_path):
    trees.casme2_pictures(tmp_path, "01", "EP01_01", 10, 20)
    header = ",".join(cell or "" for cell in trees.CASME2_HEADER)
    (tmp_path / "coding.csv").write_text(f"{header}\n01,EP01_01,,10,14,20,,12,Happiness\n")
    assert open_dataset("casme2", tmp_path).samples[0].emotion == "happiness"


def test_half_unpacked_pictures_are_refused(tmp_path):
    rows = [trees.casme2_row("01", f"EP01_0{n}", 10, 14, 20) for n in range(1, 6)]
    trees.casme2_sheet(tmp_path, rows)
    trees.casme2_pictures(tmp_path, "01", "EP01_01", 10, 20)
    with pytest.raises(SourceError, match=r"of 1 of the 5 clips.*5 rows of 1 subjects.*unpack"):
        open_dataset("casme2", tmp_path)


def test_another_sheet_is_refused_with_what_was_found(tmp_path):
    trees.casme2_pictures(tmp_path, "01", "EP01_01", 10, 20)
    with pytest.raises(SourceError, match=r"found no .xlsx or .csv"):
        open_dataset("casme2", tmp_path)
    trees.write_xlsx(tmp_path / "list.xlsx", [("Subject", "Filename"), ("01", "EP01_01")])
    with pytest.raises(SourceError, match=r"list.xlsx \(other columns\)"):
        open_dataset("casme2", tmp_path)
    trees.samm_sheet(tmp_path, [trees.samm_row("006", "006_9_1", 1, 2, 3)])
    with pytest.raises(SourceError, match=r"v9.xlsx \(of another data set\)"):
        open_dataset("casme2", tmp_path)
    for path in tmp_path.glob("*.xlsx"):
        path.unlink()
    (tmp_path / "CASME2_label.xls").write_bytes(b"old")
    with pytest.raises(SourceError, match=r"save it as .xlsx or .csv"):
        open_dataset("casme2", tmp_path)
