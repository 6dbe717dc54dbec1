"""The quirks of the real sheets, cell by cell."""

import openpyxl
import pytest

from offline.synthesis.layouts.layout import TreeSettings
from offline.synthesis.layouts.registry import LAYOUTS
from offline.synthesis.layouts.workbook import write_workbook
from realtime_mer.errors import OutputError


def sheets(name, root, **settings):
    """Write a layout's sheets without its pictures; return the clips."""
    layout = LAYOUTS[name]
    settled = layout.settled(TreeSettings(**settings))
    clips = [truth for job in layout.plan(settled) for truth in job.truths]
    layout.sheets(root, clips, settled)
    return clips


def rows(path, sheet=0):
    book = openpyxl.load_workbook(path)
    found = [[cell.value for cell in row] for row in book.worksheets[sheet].iter_rows()]
    names = book.sheetnames
    book.close()
    return found, names


def test_equal_rows_give_equal_bytes(tmp_path):
    for name in ("a.xlsx", "b.xlsx"):
        write_workbook(tmp_path / name, [("One", [("01", 1, None, 2.5)]), ("Two", [])])
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    found, names = rows(tmp_path / "a.xlsx")
    assert found == [["01", 1, None, 2.5]]
    assert names == ["One", "Two"]
    with pytest.raises(OutputError, match="give another --out"):
        write_workbook(tmp_path / "missing" / "a.xlsx", [("One", [])])


def test_casme2_has_blank_columns_text_subjects_and_numbers_for_single_units(tmp_path):
    clips = sheets("casme2", tmp_path, subjects=4, clips=5)
    found, names = rows(tmp_path / "CASME2-coding-20190701.xlsx")
    assert names == ["Sheet1", "Sheet2", "Sheet3"]
    assert [found[0][2], found[0][6]] == [None, None]
    assert found[1][:2] == ["01", clips[0].clip]
    assert {type(row[7]) for row in found[1:]} == {int, str}
    assert len(found) == 21
    classes, _ = rows(tmp_path / "CASME2-ObjectiveClasses.xlsx")
    assert classes[0] == ["Subject", "Filename", "Objective Class"]
    assert {row[2] for row in classes[1:]} <= set(range(1, 8))


def test_samm_has_a_preamble_a_formula_and_stray_spaces(tmp_path):
    sheets("samm", tmp_path, subjects=4, clips=5)
    found, names = rows(tmp_path / "SAMM_Micro_FACS_Codes_v2.xlsx")
    assert names == ["MICRO_ONLY"]
    assert found[13][:2] == ["Subject", "Filename"]
    assert found[14][6] == "=SUM(F15-D15)+1"
    assert found[14][0] == "006"
    assert [row[0] for row in found[14::5]] == ["006", "007", "009", "010"]
    assert any(str(row[8]).endswith(" ") for row in found[14:])


def test_casme_comes_in_two_sections_with_a_misspelling(tmp_path):
    sheets("casme", tmp_path, subjects=12, clips=12)
    words = []
    for section in ("A", "B"):
        found, _ = rows(tmp_path / f"CASME_Section{section}.xlsx")
        assert [found[0][2], found[0][7]] == [None, None]
        words += [row[9] for row in found[1:]]
        assert {row[0] % 2 for row in found[1:]} == {int(section == "A")}
    assert "comtempt" in words
    assert "contempt" not in words


def test_casme3_has_roman_classes_and_others_with_and_without_a_capital(tmp_path):
    sheets("casme3", tmp_path, subjects=8, clips=12)
    found, names = rows(tmp_path / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx")
    assert names == ["label", "Sheet1", "Sheet3"]
    assert {row[6] for row in found[1:]} <= {"I", "II", "III", "IV", "V", "VI", "VII"}
    assert {"others", "Others"} <= {row[7] for row in found[1:]}


def test_fourdme_knows_two_emotions_at_once(tmp_path):
    sheets("fourdme", tmp_path, subjects=8, clips=12)
    found, _ = rows(tmp_path / "4DME_Labelling_Micro_release v1.xlsx")
    head = found[0]
    both = [row for row in found[1:] if row[2] == "Negative+Repression"]
    assert both
    for row in both:
        cells = dict(zip(head, row, strict=True))
        assert (cells["Negative"], cells["Repression"], cells["Total"]) == (1, 1, 2)
        assert cells["AU15"] or cells["AU17"]


def test_casme_sq_has_no_header_and_numbers_its_people_anew(tmp_path):
    clips = sheets("casme-sq", tmp_path, subjects=3, clips=2)
    found, names = rows(tmp_path / "CAS(ME)^2code_final.xlsx")
    assert names == ["CASFEcode_final", "naming rule1", "naming rule2"]
    assert found[0][:2] == [1, "disgust1_1"]
    people, _ = rows(tmp_path / "CAS(ME)^2code_final.xlsx", 1)
    assert people == [[None, "s15", 1], [None, "s16", 2], [None, "s19", 3]]
    assert clips[0].folder == "rawpic/s15/15_0101disgustingteeth"


def test_smic_e_writes_the_second_expression_behind_the_first(tmp_path):
    clips = sheets("smic-e", tmp_path, subjects=4, clips=4)
    found, _ = rows(tmp_path / "SMIC-HS-E_annotation.xlsx")
    seconds = [row[5] for row in found[1:17]]
    assert [second is not None for second in seconds] == [len(clip.marks) == 2 for clip in clips]
    assert [row[10] for row in found[1:17]] == [clip.numbers[0] for clip in clips]
    assert "in all" in found[-1][0]
