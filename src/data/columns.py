"""Converts cells of data.csv to labels, times, positions and robots."""

import re
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from src.data.classes import NO_LABEL, ClassList
from src.data.paths import fold_name
from src.data.tables import (
    EUROPEAN,
    MOST_SHOWN,
    NUMBER,
    Problem,
    is_blank,
    list_row_numbers,
    read_number,
    report_rows,
)

# Columns that `samples.read_samples` adds to the user's table.
ADDED = ("row", "image", "mask", "depth", "label", "robot", "time", "height", "width")

ROBOTS = ("kiwibot_id", "robot_id")
PLACES = ("lon", "lat", "gps_point")
# A point is written as "POINT (2.1 41.3)", "2.1, 41.3" or "SRID=4326;POINT Z (2.1 41.3 8)"; {n} stands for
# a number and {s} for a separator.
POINT = r"(?:SRID=\d+;)?\s*(?:POINT)?\s*[ZM]*\s*[(\[]?\s*({n})(?:\s*{s}\s*|\s+)({n})(?:[ ,;]+{n})*\s*[)\]]?"
# The first pattern reads "2,1 41,3", "2,1; 41,3" and "2,1, 41,3" as two numbers with decimal commas.
POINTS = (POINT.format(n=EUROPEAN, s=r"(?:;|,(?=\s))"), POINT.format(n=NUMBER, s="[,;]"))
# Degrees (about 100 m) around 0, 0 and -1, -1, which receivers write while they have no position.
NOWHERE = 0.001
FIRST_TIME = 631_152_000  # seconds since 1970; the year 1990
DAYS = (32_874, 73_051)  # days since 1900, by which spreadsheets count: the years 1990 to 2100
LAST_TIME = 4_102_444_800  # seconds since 1970; the year 2100
UNITS = {"seconds": 1, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}  # how many are a second
SECONDS_DIGITS = 10  # digits of a number of seconds since 1970, from the year 2001 on
UNKNOWN_LABELS = ("-1", "ignore")  # in small letters, besides what is blank
NO_TIME = r":[: ]*"  # EXIF's form of an unknown time, colons and blanks
EARLY = r"(?:(?:0\d|1[0-8])\d\d|19[0-8]\d)[-/:]"  # dates before 1990, as of clocks that were not set


def empty_blanks(
    path: Path, cells: pd.Series, is_unknown: Callable[[str], bool] = is_blank
) -> tuple[pd.Series, list[Problem]]:
    """Empties the cells of a column that hold a word for an unknown value, as "nan", and notes it."""
    blank = (cells != "") & cells.map(is_unknown)
    if not blank.any():
        return cells, []
    values = ", ".join(f"'{value}'" for value in sorted(set(cells[blank])))
    text = f"{path}, column {cells.name}: {blank.sum()} of {len(cells)} cells, with {values}, read as empty."
    return cells.mask(blank, ""), [Problem("note", text)]


def read_robots(table: pd.DataFrame) -> pd.Series:
    """Reads each frame's robot, "" where none is named; "7.0" becomes "7", as some programs save numbers.

    One robot in upper and lower case is one, or frames of one drive would be on both sides of the split.
    """
    robots = pd.Series("", index=table.index)
    for name in ROBOTS:
        if name in table:
            robots = robots.mask(robots == "", table[name])
    return unify_case(robots.str.replace(r"^(\d+)\.0+$", r"\1", regex=True))


def unify_case(cells: pd.Series) -> pd.Series:
    """Spells cells that differ only in case or in the number of blanks as the first of them, (str)."""
    folded = cells.map(lambda cell: " ".join(fold_name(cell).split()))
    return cells.groupby(folded).transform("first")


def read_labels(path: Path, table: pd.DataFrame, labels: ClassList) -> tuple[list[int], list[Problem]]:
    """Reads labels that are written as ids or as names of classes; NO_LABEL where none is given."""
    if "image_lvl_label" not in table:
        return [NO_LABEL] * len(table), []
    indices = {"": NO_LABEL, **_index_labels(labels)}
    is_unknown = partial(is_unknown_label, labels=labels)
    cells, problems = empty_blanks(path, table["image_lvl_label"], is_unknown)
    spelled = cells.map(_spell_label)
    named = spelled.isin(indices) & (spelled != "") & ~spelled.str.fullmatch(r"\d+")
    if named.any():
        text = (
            f"{path}: names of classes in image_lvl_label, as '{cells[named].iloc[0]}', are read as such "
            f"({named.sum()} of {len(cells)} labels)."
        )
        problems.append(Problem("note", text))
    wrong = ~spelled.isin(indices)
    if wrong.any():
        problems.append(_report_labels(path, table["row"][wrong], cells, wrong, labels))
    return [indices.get(label, NO_LABEL) for label in spelled], problems


def is_unknown_label(cell: str, labels: ClassList) -> bool:
    """Returns whether a label is empty or means "unknown", as -1 or what is ignored, and is no class."""
    label = _spell_label(cell)
    is_unknown = is_blank(cell) or label in (*UNKNOWN_LABELS, str(labels.ignore_id))
    return is_unknown and label not in _index_labels(labels)


def _report_labels(
    path: Path, rows: pd.Series, cells: pd.Series, wrong: pd.Series, labels: ClassList
) -> Problem:
    """Reports all labels that are no class, and guesses the reason.

    Args:
        path: of the table.
        rows: numbers of the rows with a wrong label.
        cells: all labels as they are written.
        wrong: which of the cells are wrong, bool.
        labels: the label classes.
    """
    shown = ", ".join(f"'{cell}'" for cell, _ in Counter(cells[wrong]).most_common(5))
    numbers = cells[cells != ""].map(read_number)
    remedy = "correct it, or add the class to classes.csv"
    if cells[wrong].map(read_number).isna().all():
        remedy = "if these are names of classes, add them to classes.csv, with an id each"
    elif set(numbers - 1) <= set(labels.ids):
        remedy = "every label may be one too high: correct the ids in classes.csv, or the labels"
    classes = [f"{id} {name}" for id, name in zip(labels.ids, labels.names, strict=True)]
    if len(classes) > MOST_SHOWN:
        classes = [*classes[:MOST_SHOWN], "..."]
    listed = ", ".join(classes)
    rule = (
        f": image_lvl_label must be an id or a name of a class ({listed}) or empty, found {shown}; {remedy}."
    )
    return report_rows("error", path, rows.tolist(), rule)


@cache
def _index_labels(labels: ClassList) -> dict[str, int]:
    """Maps ids and names of labels, in the spelling of `_spell_label`, to indices.

    A name that two classes share is left out, and an id takes precedence over an equal name.
    """
    names = [_spell_label(name) for name in labels.names]
    counts = Counter(names)
    indices = {name: index for index, name in enumerate(names) if counts[name] == 1}
    for index, id in enumerate(labels.ids):
        indices[str(id)] = index
    return indices


def _spell_label(cell: str) -> str:
    """Spells a label so that ids and names can be compared: "2.0" becomes "2", "Red_Box " "red box"."""
    number = read_number(cell)
    if np.isfinite(number) and number == number // 1:
        return str(int(number))
    return " ".join(fold_name(cell).replace("_", " ").split())


def read_times(path: Path, table: pd.DataFrame) -> tuple[pd.Series, list[Problem]]:
    """Reads times in ISO 8601, as EXIF writes them, or as numbers since 1970.

    They are NaT where unknown or from an unset clock.
    """
    cells = table["timestamp"] if "timestamp" in table else pd.Series("", index=table.index)
    cells = cells.mask(cells.str.fullmatch(NO_TIME), "")
    is_date_of_digits = cells.str.fullmatch(r"(?:19|20)\d{6}")  # as 20260203
    is_number = cells.str.fullmatch(rf"{NUMBER}|{EUROPEAN}") & ~is_date_of_digits
    numbers = cells.where(is_number, "").map(read_number).astype(float)
    unset = cells.str.match(EARLY) | (numbers < FIRST_TIME)
    numbers = numbers.mask((numbers >= FIRST_TIME) & cells.map(_is_rounded))
    dates = cells.mask(is_number | unset, "").str.replace(r"(:\d\d),(\d)", r"\1.\2", regex=True)
    dates = dates.str.replace(r" ?(?:UTC|GMT)$", "Z", regex=True)  # as databases write them
    dates = dates.str.replace(r"^(\d{4}):(\d\d):(\d\d)", r"\1-\2-\3", regex=True)  # as EXIF writes them
    times = pd.to_datetime(dates, utc=True, errors="coerce", format="ISO8601")
    problems = []
    for unit, per_second in UNITS.items():
        inside = numbers.between(FIRST_TIME * per_second, LAST_TIME * per_second)
        if inside.any():
            microseconds = (numbers[inside] / (per_second / 1e6)).round().astype("int64")
            times[inside] = pd.to_datetime(microseconds, unit="us", utc=True)
            count = f"{inside.sum()} of {len(cells)} timestamps"
            text = f"{path}: numbers are read as {unit} since 1970, UTC ({count})."
            problems.append(Problem("note", text))
    unset |= times < pd.Timestamp(FIRST_TIME, unit="s", tz="UTC")
    unreadable = times.isna() & (cells != "") & ~unset
    return times.mask(unset), problems + _report_times(path, table["row"], cells, unset, unreadable)


def _report_times(
    path: Path, rows: pd.Series, cells: pd.Series, unset: pd.Series, unreadable: pd.Series
) -> list[Problem]:
    """Reports times of clocks that were not set, and those that cannot be read.

    Args:
        path: of the table.
        rows: number of each row.
        cells: all times as they are written.
        unset: which times are before 1990, bool.
        unreadable: which cells are no times, bool.
    """
    problems = []
    if unset.any():
        remedy = "if it counts from the start of a drive, write date and time"
        if cells[unset].map(read_number).between(*DAYS).all():
            remedy += (
                "; if it is a spreadsheet's number of a day, show the column as date and time, and export"
            )
        text = (
            f": timestamp '{cells[unset].iloc[0]}' is before 1990, as of a clock that was not set, and "
            f"counts as unknown; {remedy}."
        )
        problems.append(report_rows("warning", path, rows[unset].tolist(), text))
    if unreadable.any():
        found = cells[unreadable].iloc[0]
        remedy = "write it like 2026-02-03T09:30:00Z"
        if re.fullmatch(NUMBER, found.replace(",", ".")) and _is_rounded(found):
            remedy = "a spreadsheet has rounded it, so export the times again, as text or with all digits"
        text = (
            ": timestamp must be ISO 8601, a number of seconds (milli-, micro-, nanoseconds) since 1970 or "
            f"empty, found '{found}'; {remedy}."
        )
        problems.append(report_rows("error", path, rows[unreadable].tolist(), text))
    return problems


def _is_rounded(text: str) -> bool:
    """Returns whether a number, as 1.60912E+12, has too few digits for the seconds since 1970."""
    mantissa, exponent_sign, _ = text.lower().partition("e")
    digits = sum(map(str.isdigit, mantissa))
    return exponent_sign == "e" and digits < SECONDS_DIGITS


def read_positions(path: Path, table: pd.DataFrame) -> tuple[pd.Series, pd.Series, list[Problem]]:
    """Reads longitude and latitude in degrees, NaN where unknown.

    They come from the columns `lon` and `lat`, or else from `gps_point`, written as "POINT (lon lat)".
    """
    written = table.reindex(columns=list(PLACES)).fillna("")
    written["gps_point"] = written["gps_point"].mask(written["gps_point"].map(_is_nowhere), "")
    place = written[["lon", "lat"]].map(read_number).astype(float)
    for pattern in POINTS:
        point = written["gps_point"].str.extract(rf"^{pattern}$", flags=re.IGNORECASE)
        point = point.fillna("").map(read_number)
        missing = place.isna().any(axis=1) & point.notna().all(axis=1)
        place.loc[missing] = point.loc[missing].to_numpy(float)
    place["lon"] = place["lon"].where(place["lon"].abs() <= 180)
    place["lat"] = place["lat"].where(place["lat"].abs() <= 90)
    unset = ((place.abs() < NOWHERE) | ((place + 1).abs() < NOWHERE)).all(axis=1)
    place.loc[unset] = np.nan
    unreadable = written.ne("").any(axis=1) & place.isna().any(axis=1) & ~unset
    problems = []
    if unset.any():
        text = ": the position 0, 0 (or -1, -1), as of a receiver without a fix, counts as unknown."
        problems.append(report_rows("note", path, table["row"][unset].tolist(), text))
    if unreadable.any():
        problems.append(_report_positions(path, table["row"][unreadable].tolist(), written, unreadable))
    return place["lon"], place["lat"], problems


def _report_positions(path: Path, rows: list[int], written: pd.DataFrame, unreadable: pd.Series) -> Problem:
    """Reports positions that cannot be read.

    Args:
        path: of the table.
        rows: numbers of the rows with such a position.
        written: the cells of all positions, columns PLACES.
        unreadable: which of them cannot be read, bool.
    """
    found = ", ".join(cell for cell in written[unreadable].iloc[0] if cell)
    text = (
        f"{path}: the position of {len(rows)} of {len(written)} frames cannot be read, first in row "
        f"{rows[0]}, found '{found}', and does not count; write degrees, lon from "
        f"-180 to 180 and lat from -90 to 90. (Rows {list_row_numbers(rows)}.)"
    )
    return Problem("warning", text)


def _is_nowhere(point: str) -> bool:
    """Returns whether a point holds nothing that could be a number, as "POINT EMPTY"."""
    parts = re.sub(r"SRID=\d+;|[(),;\[\]]", " ", point).split()
    return all(is_blank(part) or part.upper() in ("POINT", "EMPTY", "Z", "M") for part in parts)
