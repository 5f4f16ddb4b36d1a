"""Cells of data.csv -> labels, times, positions and robots."""

import re
from collections import Counter
from collections.abc import Callable
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

ADDED = ("row", "image", "mask", "depth", "label", "robot", "time", "height", "width")  # by data.read_samples

ROBOTS = ("kiwibot_id", "robot_id")
PLACES = ("lon", "lat", "gps_point")
# as "POINT (2.1 41.3)", "2.1, 41.3" or "SRID=4326;POINT Z (2.1 41.3 8)"
POINT = r"(?:SRID=\d+;)?\s*(?:POINT)?\s*[ZM]*\s*[(\[]?\s*({n})(?:\s*{s}\s*|\s+)({n})(?:[ ,;]+{n})*\s*[)\]]?"
POINTS = (POINT.format(n=EUROPEAN, s=";"), POINT.format(n=NUMBER, s="[,;]"))  # "2,1 41,3" is of two numbers
NOWHERE = 0.001  # degrees: 0, 0 and -1, -1, to a hundred metres, are what receivers write before they know
FIRST_TIME, LAST_TIME = 631_152_000, 4_102_444_800  # seconds since 1970: the years 1990 and 2100
UNITS = {"seconds": 1, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}  # parts of a second
SECONDS_DIGITS = 10  # of a number of seconds since 1970, from 2001 on
EARLY = r"(?:0\d|1[0-8])\d\d-|19[0-8]\d-"  # dates before 1990, of clocks that were not set


def empty_blanks(
    path: Path, cells: pd.Series, is_unknown: Callable[[str], bool] = is_blank
) -> tuple[pd.Series, list[Problem]]:
    """Empties the cells of a column that say that nothing is known, and notes it."""
    blank = (cells != "") & cells.map(is_unknown)
    if not blank.any():
        return cells, []
    words = ", ".join(f"'{word}'" for word in sorted(set(cells[blank])))
    text = f"{path}, column {cells.name}: {blank.sum()} of {len(cells)} cells, with {words}, read as empty."
    return cells.mask(blank, ""), [Problem("note", text)]


def read_robots(table: pd.DataFrame) -> pd.Series:
    """Reads each frame's robot, "" where none is named; 7.0 is 7, as tables of numbers are saved."""
    robots = pd.Series("", index=table.index)
    for name in ROBOTS:
        if name in table:
            robots = robots.mask(robots == "", table[name])
    return robots.str.replace(r"^(\d+)\.0+$", r"\1", regex=True)


def read_labels(path: Path, table: pd.DataFrame, labels: ClassList) -> tuple[list[int], list[Problem]]:
    """Reads labels that are written as ids or as names of classes; NO_LABEL where none is known."""
    if "image_lvl_label" not in table:
        return [NO_LABEL] * len(table), []
    known = {"": NO_LABEL} | _index_labels(labels)
    cells, problems = empty_blanks(
        path,
        table["image_lvl_label"],
        lambda cell: _spell_label(cell) not in known and (is_blank(cell) or _spell_label(cell) == "-1"),
    )
    keys = cells.map(_spell_label)
    named = keys.isin(known) & (keys != "") & ~keys.str.fullmatch(r"\d+")
    if named.any():
        text = (
            f"{path}: names of classes in image_lvl_label, as '{cells[named].iloc[0]}', are read as such "
            f"({named.sum()} of {len(cells)} labels)."
        )
        problems.append(Problem("note", text))
    bad = ~keys.isin(known)
    if bad.any():
        problems.append(_report_labels(path, table["row"][bad], cells, bad, labels))
    return [known.get(key, NO_LABEL) for key in keys], problems


def _report_labels(
    path: Path, rows: pd.Series, cells: pd.Series, bad: pd.Series, labels: ClassList
) -> Problem:
    """Tells of all labels that are no class, and guesses why."""
    shown = ", ".join(f"'{cell}'" for cell, _ in Counter(cells[bad]).most_common(5))
    numbers = cells[cells != ""].map(read_number)
    remedy = "correct it, or add the class to classes.csv"
    if cells[bad].map(read_number).isna().all():
        remedy = "if these are names of classes, add them to classes.csv, with an id each"
    elif set(numbers - 1) <= set(labels.ids):
        remedy = "every label may be one too high: correct the ids in classes.csv, or the labels"
    names = [f"{id} {name}" for id, name in zip(labels.ids, labels.names, strict=True)]
    names = ", ".join(names[:MOST_SHOWN]) + (", ..." if len(names) > MOST_SHOWN else "")
    rule = (
        f": image_lvl_label must be an id or a name of a class ({names}) or empty, found {shown}; {remedy}."
    )
    return report_rows("error", path, rows.tolist(), rule)


def _index_labels(labels: ClassList) -> dict[str, int]:
    """Maps labels' ids and names, as `_spell_label` writes them, to indices; not a name that two have."""
    spelt = Counter(_spell_label(name) for name in labels.names)
    names = {_spell_label(name): index for index, name in enumerate(labels.names)}
    ids = {str(id): index for index, id in enumerate(labels.ids)}
    return {name: index for name, index in names.items() if spelt[name] == 1} | ids


def _spell_label(cell: str) -> str:
    """Writes a label as ids and names are compared: "2.0" as "2", "Red_Box " as "red box"."""
    number = read_number(cell)
    if np.isfinite(number) and number == number // 1:
        return str(int(number))
    return " ".join(fold_name(cell).replace("_", " ").split())


def read_times(path: Path, table: pd.DataFrame) -> tuple[pd.Series, list[Problem]]:
    """Reads times in ISO 8601, or as numbers since 1970; NaT where unknown, or before clocks were set."""
    text = table["timestamp"] if "timestamp" in table else pd.Series("", index=table.index)
    number = text.str.fullmatch(rf"{NUMBER}|{EUROPEAN}") & ~text.str.fullmatch(r"(?:19|20)\d{6}")
    values = text.where(number, "").map(read_number).astype(float)
    unset = (text.str.match(EARLY)) | (values < FIRST_TIME)
    values = values.mask((values >= FIRST_TIME) & text.map(_is_rounded))
    dates = text.mask(number | unset, "").str.replace(r"(:\d\d),(\d)", r"\1.\2", regex=True)
    times = pd.to_datetime(dates, utc=True, errors="coerce", format="ISO8601")
    problems = []
    for unit, parts in UNITS.items():
        inside = values.between(FIRST_TIME * parts, LAST_TIME * parts)
        if inside.any():
            steps = (values[inside] / (parts / 1e6)).round().astype("int64")
            times[inside] = pd.to_datetime(steps, unit="us", utc=True)
            words = f"numbers are read as {unit} since 1970, UTC ({inside.sum()} of {len(text)} timestamps)."
            problems.append(Problem("note", f"{path}: {words}"))
    unset |= times < pd.Timestamp(FIRST_TIME, unit="s", tz="UTC")
    bad = times.isna() & (text != "") & ~unset
    return times.mask(unset), problems + _report_times(path, table["row"], text, unset, bad)


def _report_times(
    path: Path, rows: pd.Series, text: pd.Series, unset: pd.Series, bad: pd.Series
) -> list[Problem]:
    """Tells of times of clocks that were not set, and of those that cannot be read."""
    problems = []
    if unset.any():
        words = (
            f": timestamp '{text[unset].iloc[0]}' is before 1990, as of a clock that was not set, and counts "
            "as unknown; if it counts from the start of a drive, write date and time."
        )
        problems.append(report_rows("warning", path, rows[unset].tolist(), words))
    if bad.any():
        found = text[bad].iloc[0]
        remedy = "write it like 2026-02-03T09:30:00Z"
        if re.fullmatch(NUMBER, found) and _is_rounded(found):
            remedy = "a spreadsheet has rounded it, so export the times again, as text or with all digits"
        words = (
            ": timestamp must be ISO 8601, seconds since 1970 (or thousandths and so on) or empty, found "
            f"'{found}'; {remedy}."
        )
        problems.append(report_rows("error", path, rows[bad].tolist(), words))
    return problems


def _is_rounded(text: str) -> bool:
    """True for a number like 1.60912E+12, whose digits do not reach the seconds since 1970."""
    mantissa, exponent, _ = text.lower().partition("e")
    return bool(exponent) and sum(map(str.isdigit, mantissa)) < SECONDS_DIGITS


def read_positions(path: Path, table: pd.DataFrame) -> tuple[pd.Series, pd.Series, list[Problem]]:
    """Longitude and latitude in degrees, of the columns `lon` and `lat` or of points "POINT (lon lat)"."""
    written = table.reindex(columns=list(PLACES)).fillna("")
    written["gps_point"] = written["gps_point"].mask(written["gps_point"].map(_is_nowhere), "")
    place = written[["lon", "lat"]].map(read_number).astype(float)
    for pattern in POINTS:
        point = written["gps_point"].str.extract(rf"^{pattern}$", flags=re.IGNORECASE)
        point = point.fillna("").map(read_number)
        use = place.isna().any(axis=1) & point.notna().all(axis=1)
        place.loc[use] = point.loc[use].to_numpy(float)
    place["lon"] = place["lon"].where(place["lon"].abs() <= 180)
    place["lat"] = place["lat"].where(place["lat"].abs() <= 90)
    unset = ((place.abs() < NOWHERE) | ((place + 1).abs() < NOWHERE)).all(axis=1)
    place.loc[unset] = np.nan
    lost = written.ne("").any(axis=1) & place.isna().any(axis=1) & ~unset
    problems = []
    if unset.any():
        words = ": the position 0, 0 (or -1, -1), as a receiver writes until it knows, counts as unknown."
        problems.append(report_rows("note", path, table["row"][unset].tolist(), words))
    if lost.any():
        found = ", ".join(cell for cell in written[lost].iloc[0] if cell)
        words = (
            f"{path}: the position of {lost.sum()} of {len(table)} frames cannot be read, first in row "
            f"{table['row'][lost].iloc[0]}, found '{found}', and does not count; write degrees, lon from "
            f"-180 to 180 and lat from -90 to 90. (Rows {list_row_numbers(table['row'][lost].tolist())}.)"
        )
        problems.append(Problem("warning", words))
    return place["lon"], place["lat"], problems


def _is_nowhere(point: str) -> bool:
    """True where a point holds no number and nothing else that could be one, as "POINT EMPTY"."""
    words = re.sub(r"SRID=\d+;|[(),;\[\]]", " ", point).split()
    return all(is_blank(word) or word.upper() in ("POINT", "EMPTY", "Z", "M") for word in words)
