import pytest

from src.common.errors import DataError
from src.data import tables

KNOWN = ("image_path", "label_path", "robot_id")
PLAIN = "image_path,label_path,robot_id\na.jpg,a.png,7\nb.jpg,,8\n"
CELLS = [["a.jpg", "a.png", "7"], ["b.jpg", "", "8"]]
SAME = {  # written otherwise, and read the same
    "commas": PLAIN.encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "bars": PLAIN.replace(",", "|").encode(),
    "a line sep=;": ("sep=;\r\n" + PLAIN.replace(",", ";")).encode(),
    "a byte order mark": PLAIN.encode("utf-8-sig"),
    "two byte order marks": ("\ufeff" + PLAIN).encode("utf-8-sig"),
    "UTF-16": PLAIN.replace(",", "\t").encode("utf-16"),
    "UTF-16 big end first": PLAIN.encode("utf-16-be"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "UTF-32": PLAIN.encode("utf-32"),
    "line ends of Windows": PLAIN.replace("\n", "\r\n").encode(),
    "line ends of old Macs": PLAIN.replace("\n", "\r").encode(),
    "blanks around all": PLAIN.replace(",", " , ").replace("\n", " \n ").encode(),
    "fixed blanks": PLAIN.replace("a.png", "\u00a0a.png\u00a0").encode(),
    "quotes": PLAIN.replace("a.png", '"a.png"').replace("robot_id", '"robot_id"').encode(),
    "formulas of texts": PLAIN.replace("a.png", '="a.png"').replace(",7", ',"=""7"""').encode(),
    "quotes with blanks around": PLAIN.replace("a.png", ' "a.png" ').encode(),
    "empty rows": PLAIN.replace("b.jpg", "\n,,\n , , \nb.jpg").encode(),
    "an empty row above": (",,\n" + PLAIN).encode(),
    "empty columns": PLAIN.replace("\n", ",,\n").encode(),
    "an index without a head": b",image_path,label_path,robot_id\n0,a.jpg,a.png,7\n1,b.jpg,,8\n",
    "heads in capitals": PLAIN.replace("image_path,label_path", "IMAGE_PATH,Label-Path").encode(),
    "heads with blanks": PLAIN.replace("image_path", "Image path").encode(),
    "a repeated head": (PLAIN + PLAIN.split("\n")[0] + "\n").encode(),
    "marks that are not seen": PLAIN.replace("a.jpg", "\u202aa.jpg\u202c")
    .replace("robot_id", "robot_id\u200e")
    .encode(),
    "no last line end": PLAIN.rstrip().encode(),
}


def read(tmp_path, content, known=KNOWN):
    (tmp_path / "data.csv").write_bytes(content)
    return tables.read_table(tmp_path / "data.csv", known)


@pytest.mark.parametrize("how", SAME)
def test_a_table_is_read_however_it_was_saved(tmp_path, how):
    table, problems = read(tmp_path, SAME[how])
    assert list(table.columns) == list(KNOWN)
    assert table.to_numpy().tolist() == CELLS
    assert all(problem.level == "note" and "data.csv" in problem.text for problem in problems)


def test_letters_of_windows_are_read_with_a_warning(tmp_path):
    table, problems = read(tmp_path, "image_path,robot_id\nMedellín.jpg,7\n".encode("cp1252"))
    assert table["image_path"].tolist() == ["Medellín.jpg"]
    assert [problem.level for problem in problems] == ["warning"] and "CSV UTF-8" in problems[0].text


def test_rows_are_numbered_as_in_a_spreadsheet(tmp_path):
    table, _ = read(tmp_path, b'image_path,note\na.jpg,"two\nlines"\n\n,\nb.jpg,\n')
    assert table.index.tolist() == [2, 5]


def test_what_separates_is_not_counted_in_a_note(tmp_path):
    table, _ = read(tmp_path, b'image_path,"a; b; c; d"\na.jpg,1\n')
    assert table["image_path"].tolist() == ["a.jpg"]


def test_a_head_of_another_case_is_left_where_the_known_one_is_there(tmp_path):
    table, _ = read(tmp_path, b"image_path,Image_Path,City\na.jpg,x,Cali\n")
    assert list(table.columns) == ["image_path", "Image_Path", "City"]


def test_a_repeated_head_is_left_out_with_a_note(tmp_path):
    table, (note,) = read(tmp_path, b"image_path,note\na.jpg,x\nimage_path,note\nb.jpg,y\n")
    assert table.index.tolist() == [2, 4]
    assert note.level == "note" and "data.csv, row 3: the head is repeated" in note.text


def test_a_cell_may_be_longer_than_pythons_limit(tmp_path):
    lengths = "1, " * 50_000  # 150,000 characters, as of an outline
    table, problems = read(tmp_path, f'image_path,outline\na.jpg,"{lengths}"\n'.encode())
    assert table["image_path"].tolist() == ["a.jpg"] and not problems


def test_a_column_without_a_head_is_noted_as_not_read(tmp_path):
    _, (note,) = read(tmp_path, b"image_path,,robot_id\na.jpg,x,7\n")
    assert "the cells of column 2 are not read" in note.text


@pytest.mark.parametrize(
    "content, words",
    [
        (b'image_path\n"a.jpg\n', "data.csv must be a table with one row a line"),
        (
            b"image_path,robot_id\na.jpg,7,8\nb.jpg,7\nc.jpg,7,8\n",
            r"more cells than columns in 2 rows \(2, 4\)",
        ),
        (b"image_path,robot_id,robot_id\na.jpg,7,8\n", "column robot_id twice"),
        (b"PK\x03\x04", "found a workbook; save it as 'CSV UTF-8'"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer .* git lfs pull"),
        (b"/annex/objects/SHA256E-s9--00.csv\n", "a git-annex pointer .* git annex get"),
        (b"\n<!DOCTYPE html>\n<title>Sign in, please</title>", "a web page in its place; download the table"),
        (b"\x1f\x8b\x08\0image_path", r"a packed file \(gzip\); unpack it"),
        (b"BZh91AY&SY", r"a packed file \(bzip2\); unpack it"),
        (b"\x28\xb5\x2f\xfd\x04", r"a packed file \(zstd\); unpack it"),
        (b"PAR1\x15\x04", "a Parquet file; save it as CSV"),
        (b"SQLite format 3\0", "a database; export the table"),
        (b"%PDF-1.4\n", "a PDF; export the table"),
        (b"\x89PNG\r\n\x1a\n", "an image; put the table in its place"),
        (b"{\\rtf1\\ansi image_path,robot_id\\\n}", r"a formatted text \(RTF\); save it as plain text"),
        (b'<?xml version="1.0"?>\n<Workbook/>', "a workbook or another XML file; save it as 'CSV UTF-8'"),
        (b'[\n {\n  "image_path": "a.jpg"\n }\n]', "JSON; save it as CSV"),
        (b'{"image_path": "a.jpg"}\n', "JSON; save it as CSV"),
        (bytes(4000), "nothing but zeros, as after a loss of power; copy"),
        (b"image_path\na.jpg\nb.j" + bytes(9), "found zero bytes in line 3, as after a loss of power; copy"),
        ("image_path\na.jpg\n".encode("utf-32-le"), "found zero bytes in line 1"),
        (b"image_path\n\x81\n", "must be a table in UTF-8"),
        (b"Frames of May\n\nimage_path,robot_id\na.jpg,7\n", "found 'Frames of May' above the head in row 3"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content, words):
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text, number", [("2", 2), ("2.0", 2), ("-1", -1), ("2,5", 2.5), ("+1.5e3", 1500), (".5", 0.5)]
)
def test_numbers_are_read_as_they_are_written(text, number):
    assert tables.read_number(text) == number


@pytest.mark.parametrize("text", ["", "nan", "1_000", "1,2,3", "0x10", "two", "1 2"])
def test_what_is_no_number_is_none(text):
    assert tables.read_number(text) != tables.read_number(text)  # NaN


def test_rows_are_named_up_to_twenty():
    assert tables.name_rows([5]) == "row 5"
    assert tables.name_rows([5, 7]) == "2 rows (5, 7)"
    assert tables.name_rows(range(2, 62)).startswith("60 rows (2, 3, 4")
    assert tables.name_rows(range(2, 62)).endswith("21 and 40 more)")
