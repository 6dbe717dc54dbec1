import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.sheets import header_key, integer, read_table
from realtime_mer.errors import SourceError
from tests.offline.datasets.trees import write_xlsx

MUST = ("subject", "filename")


def test_ids_stay_text_with_their_zeros(tmp_path):
    write_xlsx(tmp_path / "a.xlsx", [("Subject", "Filename"), ("006", "006_1_2"), (7, 46.0)])
    table = read_table(tmp_path / "a.xlsx", MUST)
    assert table.rows == (
        {"subject": "006", "filename": "006_1_2"},
        {"subject": "7", "filename": "46"},
    )
    assert table.lines == (2, 3)


def test_the_header_is_found_below_a_preamble_and_on_another_sheet(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(("nothing", "here"))
    sheet = book.create_sheet("MICRO")
    for row in [("Micro-expressions",)] * 13 + [("SUBJECT ", None, "File name"), ("01", "x", "a")]:
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    book.close()
    table = read_table(tmp_path / "a.xlsx", MUST)
    assert table.rows == ({"subject": "01", "filename": "a"},)
    assert table.lines == (15,)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_csv_in_any_of_the_usual_spellings(tmp_path, delimiter, encoding):
    rows = [["Subject", "Filename", "Note"], ["01", "a", "é"], ["", "", ""], ["02", "b"]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "a.csv", MUST)
    assert [row["subject"] for row in table.rows] == ["01", "02"]
    assert [row["note"] for row in table.rows] == ["é", ""]
    assert table.lines == (2, 4)


def test_no_header_is_no_table(tmp_path):
    write_xlsx(tmp_path / "a.xlsx", [("Name", "Age"), ("x", 3)])
    assert read_table(tmp_path / "a.xlsx", MUST) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [("a.xls", "save it as .xlsx or .csv"), ("a.xlsx", "cannot read"), ("a.txt", "no table")],
)
def test_what_cannot_be_read_says_what_to_do(tmp_path, name, says):
    (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0 no zip archive")
    with pytest.raises(SourceError, match=says):
        read_table(tmp_path / name, MUST)


@given(st.integers(-999_999_999, 999_999_999), st.sampled_from(["", ".0", ".000"]))
def test_whole_numbers_are_read_however_excel_wrote_them(number, tail):
    assert integer(f" {number}{tail} ") == number


@given(st.text())
def test_no_text_breaks_the_parsers(text):
    number = integer(text)
    assert number is None or abs(number) < 10**9
    assert header_key(text) == header_key(header_key(text))


@pytest.mark.parametrize("text", ["/", "?", "", "4.5", "12a", "1e3", "nan", "9" * 30, "٣"])
def test_what_is_no_whole_number_is_none(text):
    assert integer(text) is None
