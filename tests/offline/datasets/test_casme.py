import pytest

from offline.datasets.registry import open_dataset
from realtime_mer.errors import SourceError
from tests.offline.datasets import trees


def frame(sample, moment):
    return sample.source.frames[getattr(sample.source, moment)].name


def actions(dataset):
    return [(problem.where, problem.action) for problem in dataset.problems]


def test_the_sheets_of_both_sections_count_together(tmp_path):
    trees.casme(tmp_path)
    dataset = open_dataset("casme", tmp_path)
    first, second = dataset.samples
    assert (first.sample_id, first.group) == ("sub01_EP71_5", ("casme", "sub01"))
    assert (first.emotion, first.action_units) == ("tense", "4")
    assert (frame(first, "onset"), frame(first, "apex")) == ("EP71_5-8.jpg", "EP71_5-10.jpg")
    assert frame(second, "offset") == "EP72_1-103.jpg"
    assert first.source.time_s[0] == 8 / 60
    assert dataset.problems == ()


def test_sections_may_be_sheets_of_one_file_or_a_csv(tmp_path):
    trees.casme(tmp_path)
    for path in tmp_path.glob("*.xlsx"):
        path.unlink()
    rows = [
        trees.casme_row("01", "EP71_5", 8, 10, 12),
        trees.casme_row("20", "EP72_1", 98, 99, 103),
    ]
    both = [trees.CASME_HEADER, rows[0]], [("Section B",), trees.CASME_HEADER, rows[1]]
    trees.write_sheets(tmp_path / "casme.xlsx", both)
    assert len(open_dataset("casme", tmp_path).samples) == 2
    (tmp_path / "casme.xlsx").unlink()
    lines = [";".join("" if cell is None else str(cell) for cell in row) for row in both[1]]
    (tmp_path / "casme.csv").write_text("\n".join([*lines, ";".join(map(str, rows[0]))]))
    assert len(open_dataset("casme", tmp_path).samples) == 2


def test_an_old_excel_file_is_refused_alone_and_told_beside_another_section(tmp_path):
    trees.casme(tmp_path)
    for section, old in (("A", False), ("B", True)):
        (tmp_path / f"CASME_Section{section}.xls").write_bytes(b"old")
        if old:
            (tmp_path / f"CASME_Section{section}.xlsx").unlink()
    dataset = open_dataset("casme", tmp_path)
    assert actions(dataset) == [("CASME_SectionB.xls", "noted"), ("sub20 EP72_1", "dropped")]
    (tmp_path / "CASME_SectionA.xlsx").unlink()
    with pytest.raises(SourceError, match=r"SectionA.xls is an old Excel file; save it as .xlsx"):
        open_dataset("casme", tmp_path)


def test_emotions_lose_their_slips_and_a_second_apex_stands_in(tmp_path):
    rows = [
        trees.casme_row(1, "EP71_1", 1, None, 9, "comtempt", second=7),
        trees.casme_row(1, "EP71_2", 1, 5, 9, "Fear", second=7),
    ]
    trees.casme_sheet(tmp_path, rows)
    for clip in ("EP71_1", "EP71_2"):
        trees.casme_pictures(tmp_path, "01", clip, 1, 9)
    dataset = open_dataset("casme", tmp_path)
    assert [sample.emotion for sample in dataset.samples] == ["contempt", "fear"]
    assert [frame(sample, "apex") for sample in dataset.samples] == ["EP71_1-7.jpg", "EP71_2-5.jpg"]
    assert actions(dataset) == [("sub01 EP71_1", "repaired")]


def test_frames_without_pictures_snap_to_the_ends_of_the_clip_but_an_apex_does_not(tmp_path):
    rows = [
        trees.casme_row(1, "EP71_1", 1, 15, 90),
        trees.casme_row(1, "EP71_2", 200, 15, 22),
        trees.casme_row(1, "EP71_3", 11, 50, 20),
        trees.casme_row(1, "EP71_4", 11, 11, 20),
        trees.casme_row(1, "EP71_5", 11, 19, 16),
    ]
    trees.casme_sheet(tmp_path, rows)
    for row in rows:
        trees.casme_pictures(tmp_path, "01", row[1], 11, 20)
    dataset = open_dataset("casme", tmp_path)
    ends = [(frame(s, "onset"), frame(s, "offset")) for s in dataset.samples]
    assert ends == [(f"EP71_{n}-11.jpg", f"EP71_{n}-20.jpg") for n in (1, 2)]
    assert actions(dataset) == [
        *((f"sub01 EP71_{n}", "repaired") for n in (1, 2)),
        *((f"sub01 EP71_{n}", "dropped") for n in (3, 4, 5)),
    ]
    told = [problem.reason for problem in dataset.problems]
    assert "no picture 90: the last of its folder, 20, instead" in told[0]
    assert "no picture 200: the first of its folder, 11, instead" in told[1]
    assert "no picture 22: its neighbour 20 instead" in told[1]


def test_cropped_pictures_are_known_by_their_names(tmp_path):
    trees.casme_sheet(tmp_path, [trees.casme_row("7", "EP71_1_2", 1, 5, 9)])
    trees.casme_pictures(tmp_path, "07", "EP71_1_2", 1, 9, "Cropped/Cropped", "reg_{}-{}.jpg")
    assert open_dataset("casme", tmp_path).samples[0].source.cropped


def test_the_sheet_of_casme2_is_refused(tmp_path):
    trees.casme2(tmp_path)
    with pytest.raises(SourceError, match=r"no coding sheet of CASME in .*OnsetF.*other columns"):
        open_dataset("casme", tmp_path)
