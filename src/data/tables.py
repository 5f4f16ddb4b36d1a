"""A table as people save it, by hand or from a spreadsheet -> cells of text under known heads."""

import codecs
import csv
import io
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from src.common.errors import DataError

MOST_SHOWN = 20  # problems in one error message

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MARKS = (  # that a file begins with; UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # what .xlsx, .ods and .xls begin with
BLANKS = (  # what programs and people write where they know nothing, in small letters
    *("", "nan", "none", "null", "nil", "na", "n/a", "#n/a", "<na>", "nat", "?", "-", "--", "unknown"),
)
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
EUROPEAN = r"[+-]?\d+,\d+"  # a number with a decimal comma
SHOWN_ROWS = 20  # row numbers in one message


@dataclass(frozen=True)
class Problem:
    """Something about the data that the user should know.

    Attributes:
        level: "error" stops the work, "warning" does not, "note" says what was put right while reading.
        text: rule, finding and remedy in one line, naming file and rows.
        rows: all rows that it tells of, in one line, where the text cannot name them; "": it does.
    """

    level: str
    text: str
    rows: str = ""


def name_rows(rows: Collection[int]) -> str:
    """Names rows for a message: "row 5", "3 rows (5, 6, 9)", "90 rows (2, 3, ... and 70 more)"."""
    if len(rows) == 1:
        return f"row {next(iter(rows))}"
    return f"{len(rows)} rows ({list_row_numbers(rows)})"


def list_row_numbers(rows: Collection[int]) -> str:
    """Lists the first SHOWN_ROWS row numbers, and how many more there are."""
    shown = ", ".join(map(str, list(rows)[:SHOWN_ROWS]))
    rest = len(rows) - SHOWN_ROWS
    return f"{shown} and {rest} more" if rest > 0 else shown


def report_rows(level: str, path: Path, rows: Collection[int], text: str) -> Problem:
    """Makes one problem of all rows of a kind: `text` follows "<path>, <rows>"."""
    every = "" if len(rows) <= SHOWN_ROWS else f"rows {', '.join(map(str, rows))}"
    return Problem(level, f"{path}, {name_rows(rows)}{text}", every)


def is_blank(text: str) -> bool:
    """True where a cell says nothing: it is empty, or one of BLANKS in any case."""
    return text.casefold() in BLANKS


def read_number(text: str) -> float:
    """Reads a number, with a decimal comma, too; NaN where the text is none."""
    if re.fullmatch(EUROPEAN, text):
        text = text.replace(",", ".")
    return float(text) if re.fullmatch(NUMBER, text) else math.nan


def read_table(path: Path, known: Collection[str]) -> tuple[pd.DataFrame, list[Problem]]:
    """Reads a table of text cells, whatever separates, encodes and surrounds them.

    Empty rows, and columns without a name, are left out; every cell and head is stripped. A head that is a
    known one but for case, blanks or hyphens becomes that one.

    Args:
        path: of the file.
        known: heads that are asked for.

    Returns:
        The cells as str, "" where empty; the index numbers the rows as a spreadsheet does, where the head is
        row 1. Notes of what was put right.

    Raises:
        DataError: it is no text, its quotes do not close, a head occurs twice, or a row has more cells than
            there are heads.
    """
    text, problems = _read_text(path)
    told = re.match(r'"?sep=([,;\t|])"?[\r\n]+', text, re.IGNORECASE)
    text = text[told.end() :] if told else text
    separator = told[1] if told else _find_separator(text, known)
    if separator != ",":
        problems.append(Problem("note", f"{path} is separated by {SEPARATORS[separator]}; read as such."))
    lines = [[_strip(cell) for cell in cells] for cells in _split_cells(path, text, separator)]
    rows = {number: cells for number, cells in enumerate(lines, start=1) if any(cells)}
    head = rows.pop(min(rows)) if rows else []
    names = _spell_heads(head, known)
    changed = [f"'{old}'" for old, new in zip(head, names, strict=True) if old != new]
    if changed:
        problems.append(Problem("note", f"{path}: the heads {', '.join(changed)} are read in small letters."))
    _check_head(path, names, rows, known)
    _check_shape(path, names, rows)
    nameless = [place for place, name in enumerate(names) if not name and _holds(rows, place)]
    if nameless:
        places = ", ".join(str(place + 1) for place in nameless)
        text = f"{path}: what stands in column {places} is not read, it has no head."
        problems.append(Problem("note", text))
    named = [place for place, name in enumerate(names) if name]
    cells = [[row[place] if place < len(row) else "" for place in named] for row in rows.values()]
    columns = [names[place] for place in named]
    return pd.DataFrame(cells, index=list(rows), columns=columns, dtype=str), problems


def _read_text(path: Path) -> tuple[str, list[Problem]]:
    """Reads a text in the encoding that its first bytes tell, else in UTF-8, else in Windows' own."""
    content = path.read_bytes()
    if content.startswith(WORKBOOKS):
        raise DataError(f"{path} must be a table in UTF-8, found a workbook; save it as 'CSV UTF-8'.")
    encoding = _find_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} must be a table in UTF-8, found {error}; save it as 'CSV UTF-8'.") from error
    if encoding == "utf-8":
        return text, []
    if encoding == "utf-8-sig":
        return text, [Problem("note", f"{path} begins with a byte order mark; it is left out.")]
    if encoding != "cp1252":
        return text, [Problem("note", f"{path} is written in {encoding.upper()}; read as such.")]
    words = (
        "is not UTF-8 and is read as Windows-1252; letters with accents may be wrong, save it as 'CSV UTF-8'."
    )
    return text, [Problem("warning", f"{path} {words}")]


def _find_encoding(content: bytes) -> str:
    """Names the encoding of a text."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return encoding
    # letters of the Latin alphabet have a zero byte in UTF-16, before or behind
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = content[start:200:2]
        if half and half.count(0) > len(half) / 2:
            return encoding
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _find_separator(text: str, known: Collection[str]) -> str:
    """Finds what cuts the first line into the most known heads, and into the most cells."""
    line = next((line for line in re.split(r"[\r\n]+", text) if line.strip(" ,;\t|")), "")

    def count_heads(separator: str) -> tuple[int, int]:
        heads = _spell_heads([_strip(head.strip().strip('"')) for head in line.split(separator)], known)
        return len(set(heads) & set(known)), len(heads)

    return max(SEPARATORS, key=count_heads)


def _split_cells(path: Path, text: str, separator: str) -> list[list[str]]:
    """Splits a text to rows of cells."""
    behind = re.compile(rf'" +(?=[{separator}\r\n]|$)')  # blanks between a quote and what separates
    for candidate in (text, behind.sub('"', text)):
        lines = csv.reader(
            io.StringIO(candidate, newline=""), delimiter=separator, skipinitialspace=True, strict=True
        )
        try:
            return list(lines)
        except csv.Error as error:
            found = error
    raise DataError(f"{path} must be a table with one row a line: {found}; save it anew.")


def _strip(cell: str) -> str:
    """Takes off blanks, and marks that are not seen, around a cell."""
    return cell.strip().strip("\ufeff\u200b").strip()


def _spell_heads(head: list[str], known: Collection[str]) -> list[str]:
    """Spells heads as the known ones, where only case, blanks or hyphens differ."""
    names = []
    for name in head:
        plain = re.sub(r"[\s-]+", "_", name.casefold())
        names.append(plain if plain in known and plain not in head else name)
    return names


def _check_head(path: Path, names: list[str], rows: dict[int, list[str]], known: Collection[str]) -> None:
    """Refuses a table whose head is not its first row."""
    if set(names) & set(known):
        return
    for number, cells in list(rows.items())[:SHOWN_ROWS]:
        if len(set(_spell_heads(cells, known)) & set(known)) > 1:
            raise DataError(
                f"{path} must begin with its head, found '{', '.join(filter(None, names))}' above the head "
                f"in row {number}; drop what stands above it."
            )


def _check_shape(path: Path, names: list[str], rows: dict[int, list[str]]) -> None:
    """Refuses heads that occur twice, and rows that are longer than the head."""
    twice = sorted({name for name in names if name and names.count(name) > 1})
    long = [number for number, cells in rows.items() if any(cells[len(names) :])]
    if twice or long:
        found = f"column {twice[0]} twice" if twice else f"more cells than columns in {name_rows(long)}"
        raise DataError(f"{path} must have one cell a column in each row, found {found}; mend the table.")


def _holds(rows: dict[int, list[str]], place: int) -> bool:
    """True where any row has something in a column."""
    return any(cells[place : place + 1] not in ([], [""]) for cells in rows.values())
