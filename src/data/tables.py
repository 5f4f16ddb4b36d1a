"""Reads a table that was saved by hand or by a spreadsheet into cells of text, and reports problems."""

import csv
import io
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from src.common.errors import DataError
from src.data.encodings import find_encoding, name_no_text

MOST_SHOWN = 20  # problems in one error message

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LONGEST_CELL = 2**31 - 1  # characters; Python's own limit is 131,072, and outlines or run lengths have more
INVISIBLE = "\ufeff\u200b\u200e\u200f\u202a\u202c\u2060"  # marks that programs leave around what is copied
# What programs and people write for an unknown value, in small letters.
MISSING = ("nan", "nat", "na", "n/a", "n.a.", "#n/a", "<na>")
BLANKS = ("", "none", "null", "nil", "unknown", "?", "-", "--", *MISSING)
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
EUROPEAN = r"[+-]?\d+,\d+"  # a number with a decimal comma
SHOWN_ROWS = 20  # row numbers in one message


@dataclass(frozen=True)
class Problem:
    """An error, a warning or a note about the data.

    Attributes:
        level: "error" stops the work, "warning" does not, "note" is about what was corrected while reading.
        text: rule, finding and remedy in one line, with file and rows.
        rows: all affected rows in one line, if the text names only some of them; else "".
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
    """Makes one problem of all rows with the same fault; its text begins with the path and the rows."""
    all_rows = "" if len(rows) <= SHOWN_ROWS else f"rows {', '.join(map(str, rows))}"
    return Problem(level, f"{path}, {name_rows(rows)}{text}", all_rows)


def find_misnamed(path: Path) -> str:
    """Finds a table beside `path` that is only named a little differently, as Data.csv or data.csv.txt.

    `path` itself does not count, which may be a broken link or a folder.

    Returns:
        Its name; "" where there is none.
    """
    pattern = rf"{re.escape(path.stem)}\.(?:csv(?:\.csv|\.txt)?|tsv|xlsx?|ods)"
    names = sorted(other.name for other in path.parent.glob("*") if other != path)
    return next((name for name in names if re.fullmatch(pattern, name.casefold())), "")


def explain_missing(path: Path) -> str:
    """Explains a table that is not there, and says what to do; "" where nothing is in its place."""
    if path.is_symlink():
        return "a link to a file that is not there; fetch it (dvc pull, git annex get)"
    misnamed = find_misnamed(path)
    return f"'{misnamed}'; save it as CSV under this very name" if misnamed else ""


def is_blank(text: str) -> bool:
    """Returns whether a cell is empty or, in any case, one of BLANKS."""
    return text.casefold() in BLANKS


def read_number(text: str) -> float:
    """Reads a number with a decimal point or comma; NaN where the text is no number."""
    if re.fullmatch(EUROPEAN, text):
        text = text.replace(",", ".")
    return float(text) if re.fullmatch(NUMBER, text) else math.nan


def read_table(path: Path, expected: Collection[str]) -> tuple[pd.DataFrame, list[Problem]]:
    """Reads a table of text cells in any usual separator and encoding.

    Empty rows, and columns without a head, are left out; every cell and head is stripped. A head that differs
    from an expected one only in case, blanks or hyphens is replaced by it.

    Args:
        path: of the file.
        expected: heads that the table should have.

    Returns:
        The cells as str, "" where empty, and notes of what was corrected. The index numbers the rows as a
        spreadsheet does, where the head is row 1.

    Raises:
        DataError: it is no text, its quotes do not close, a head occurs twice, or a row has more cells than
            there are heads.
    """
    text, problems = _read_text(path)
    rows, separator = _read_rows(path, text, expected)
    if separator != ",":
        problems.append(Problem("note", f"{path} is separated by {SEPARATORS[separator]}; read as such."))
    heads, notes = _take_heads(path, rows, expected)
    problems += notes
    _check_head(path, heads, rows, expected)
    _check_shape(path, heads, rows)
    nameless = [place for place, head in enumerate(heads) if not head and _has_cells(rows, place)]
    if nameless:
        numbers = ", ".join(str(place + 1) for place in nameless)
        problems.append(
            Problem("note", f"{path}: the cells of column {numbers} are not read, it has no head.")
        )
    columns = {}
    for place, head in enumerate(heads):
        if head:
            columns[head] = [cells[place] if place < len(cells) else "" for cells in rows.values()]
    table = pd.DataFrame(columns, index=list(rows), columns=list(columns), dtype=str)
    return table, problems


def _take_heads(
    path: Path, rows: dict[int, list[str]], expected: Collection[str]
) -> tuple[list[str], list[Problem]]:
    """Takes the heads out of the rows, also where they are repeated, as after tables were put together.

    Args:
        path: of the table, for messages.
        rows: {number of the row: cells}; the heads' are removed.
        expected: heads that the table should have.

    Returns:
        The heads as `_spell_heads` spells them, and notes of what was corrected.
    """
    written = rows.pop(min(rows)) if rows else []
    heads = _spell_heads(written, expected)
    notes = []
    changed = [f"'{old}'" for old, new in zip(written, heads, strict=True) if old != new]
    if changed:
        notes.append(Problem("note", f"{path}: the heads {', '.join(changed)} are read in small letters."))
    repeated = [number for number, cells in rows.items() if cells == written]
    for number in repeated:
        del rows[number]
    if repeated and set(heads) & set(expected):
        notes.append(report_rows("note", path, repeated, ": the head is repeated; left out."))
    return heads, notes


def _read_rows(path: Path, text: str, expected: Collection[str]) -> tuple[dict[int, list[str]], str]:
    """Splits a text into rows of stripped cells, {number of the row: cells}, without empty rows.

    Returns:
        The rows, and their separator: a first line "sep=;", as Excel writes it, names it; else it is guessed.
    """
    first_line = re.match(r'"?sep=([,;\t|])"?[\r\n]+', text, re.IGNORECASE)
    if first_line:
        separator = first_line[1]
        text = text[first_line.end() :]
    else:
        separator = _find_separator(text, expected)
    rows = {}
    for number, cells in enumerate(_split_cells(path, text, separator), start=1):
        stripped = [_strip(cell) for cell in cells]
        if any(stripped):
            rows[number] = stripped
    return rows, separator


def _read_text(path: Path) -> tuple[str, list[Problem]]:
    """Reads a text file in the encoding that `find_encoding` finds, and notes any but plain UTF-8."""
    content = path.read_bytes()
    found = name_no_text(content)
    if found:
        raise DataError(f"{path} must be a table in UTF-8, found {found}.")
    encoding = find_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} must be a table in UTF-8, found {error}; save it as 'CSV UTF-8'.") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(
            f"{path} must be a table in UTF-8, found zero bytes in line {line}, as after a loss of power; "
            "copy, download or export it again."
        )
    if encoding == "utf-8":
        return text, []
    if encoding == "utf-8-sig":
        return text, [Problem("note", f"{path} begins with a byte order mark; it is left out.")]
    if encoding != "cp1252":
        return text, [Problem("note", f"{path} is written in {encoding.upper()}; read as such.")]
    warning = (
        f"{path} is not UTF-8 and is read as Windows-1252; letters with accents may be wrong, "
        "save it as 'CSV UTF-8'."
    )
    return text, [Problem("warning", warning)]


def _find_separator(text: str, expected: Collection[str]) -> str:
    """Finds the separator that splits the first line into the most expected heads, then the most cells."""
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip(" ,;\t|")]
    first_line = lines[0] if lines else ""

    def count_heads(separator: str) -> tuple[int, int]:
        written = [_strip(head.strip().strip('"')) for head in first_line.split(separator)]
        heads = _spell_heads(written, expected)
        return len(set(heads) & set(expected)), len(heads)

    return max(SEPARATORS, key=count_heads)


def _split_cells(path: Path, text: str, separator: str) -> list[list[str]]:
    """Splits a text into rows of cells.

    Raises:
        DataError: a quote does not close.
    """
    csv.field_size_limit(LONGEST_CELL)
    # A second try is made without blanks between a closing quote and a separator.
    blanks = re.compile(rf'" +(?=[{separator}\r\n]|$)')
    for candidate in (text, blanks.sub('"', text)):
        lines = csv.reader(
            io.StringIO(candidate, newline=""), delimiter=separator, skipinitialspace=True, strict=True
        )
        rows = []
        try:
            for cells in lines:
                rows.append(cells)  # one by one, so that the message can name the row
            return rows
        except csv.Error as error:
            found = f"found in row {len(rows) + 1}: {error}"
    raise DataError(
        f"{path} must be a table with one row a line, {found}; correct its quotes, or save it again "
        "as 'CSV UTF-8'."
    )


def _strip(cell: str) -> str:
    """Removes blanks and INVISIBLE marks around a cell; a line break within it becomes a blank.

    Some programs write a text as the formula ="007", so that Excel keeps its zeros.
    """
    stripped = re.sub(r"\s*[\r\n]\s*", " ", cell.strip().strip(INVISIBLE).strip())
    formula = re.fullmatch('="(.*)"', stripped)
    return formula[1] if formula else stripped


def _spell_heads(heads: list[str], expected: Collection[str]) -> list[str]:
    """Replaces heads that differ from an expected one only in case, blanks or hyphens."""
    spelled = []
    for head in heads:
        plain = re.sub(r"[\s-]+", "_", head.casefold())
        spelled.append(plain if plain in expected and plain not in heads else head)
    return spelled


def _check_head(path: Path, heads: list[str], rows: dict[int, list[str]], expected: Collection[str]) -> None:
    """Refuses a table whose head is not in its first row.

    Raises:
        DataError: the first row has no expected head, and one of the next rows has several.
    """
    if set(heads) & set(expected):
        return
    for number, cells in list(rows.items())[:SHOWN_ROWS]:
        if len(set(_spell_heads(cells, expected)) & set(expected)) > 1:
            raise DataError(
                f"{path} must begin with its head, found '{', '.join(filter(None, heads))}' above the head "
                f"in row {number}; delete the rows above it."
            )


def _check_shape(path: Path, heads: list[str], rows: dict[int, list[str]]) -> None:
    """Refuses heads that occur twice, and rows with more cells than there are heads.

    Raises:
        DataError: there is such a head or row.
    """
    twice = sorted({head for head in heads if head and heads.count(head) > 1})
    if twice:
        raise DataError(
            f"{path} must have each column once, found column {twice[0]} twice; rename or drop one."
        )
    too_long = [number for number, cells in rows.items() if any(cells[len(heads) :])]
    if too_long:
        raise DataError(
            f"{path} must have one cell a column in each row, found more cells than columns in "
            f"{name_rows(too_long)}; correct the rows, or put quotes around cells with a separator."
        )


def _has_cells(rows: dict[int, list[str]], place: int) -> bool:
    """Returns whether any row has a cell with text in a column."""
    return any(place < len(cells) and cells[place] != "" for cells in rows.values())
