"""data.csv -> table of samples, and all the rules that it breaks or that were mended while reading."""

import contextlib
import difflib
import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pandas as pd

from src import pictures, split
from src.classes import NO_LABEL, Classes, ClassList
from src.cores import count_cores
from src.tables import (
    EUROPEAN,
    NUMBER,
    DataError,
    Problem,
    count_off,
    is_blank,
    read_number,
    read_table,
    report_rows,
)

# columns of data.csv that name files, and those of the samples' table with the files' whole paths
FILES = {"image_path": "image", "label_path": "mask", "depth_path": "depth"}
ROBOTS = ("kiwibot_id", "robot_id")
PLACES = ("lon", "lat", "gps_point")
KNOWN = (*FILES, "image_lvl_label", "timestamp", *ROBOTS, *PLACES)
MOST_SHOWN = 20  # problems in one error message
# as "POINT (2.1 41.3)", "2.1, 41.3" or "SRID=4326;POINT Z (2.1 41.3 8)"
POINT = r"(?:SRID=\d+;)?\s*(?:POINT)?\s*[ZM]*\s*[(\[]?\s*({n})(?:\s*{s}\s*|\s+)({n})(?:[ ,;]+{n})*\s*[)\]]?"
POINTS = (POINT.format(n=EUROPEAN, s=";"), POINT.format(n=NUMBER, s="[,;]"))  # "2,1 41,3" is of two numbers
NOWHERE = 0.001  # degrees: 0, 0 and -1, -1, to a hundred metres, are what receivers write before they know
FIRST_TIME, LAST_TIME = 631_152_000, 4_102_444_800  # seconds since 1970: the years 1990 and 2100
UNITS = {"seconds": 1, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}  # parts of a second
SECONDS_DIGITS = 10  # of a number of seconds since 1970, from 2001 on
EARLY = r"(?:0\d|1[0-8])\d\d-|19[0-8]\d-"  # dates before 1990, of clocks that were not set


def read_samples(folder: str | Path, classes: Classes) -> pd.DataFrame:
    """Reads `data.csv` and what the files' headers say.

    Args:
        folder: holds `data.csv`; the paths in it are relative to this folder.
        classes: the classes of both tasks.

    Returns:
        One row a frame, the columns of the file and: `row` (as a spreadsheet counts, the head is 1), `image`,
        `mask` and `depth` (absolute paths; "" where there is none), `label` (class index, NO_LABEL where
        there is none), `robot` (str), `time` (UTC, NaT where unknown), `lon` and `lat` (degrees, NaN where
        unknown), `height` and `width` (pixels, EXIF rotation applied).

    Raises:
        DataError: the table or files of it break the data contract; a line for each problem.
    """
    samples, problems = inspect_samples(folder, classes)
    refuse(problems)
    return samples


def refuse(problems: list[Problem]) -> None:
    """Stops where there are errors.

    Raises:
        DataError: a line for each error, the first MOST_SHOWN of them.
    """
    errors = [problem.text for problem in problems if problem.level == "error"]
    if len(errors) > MOST_SHOWN:
        rest = len(errors) - MOST_SHOWN
        errors[MOST_SHOWN:] = [f"... and {rest} more; python -m src.doctor lists all."]
    if errors:
        raise DataError("\n".join(errors))


def inspect_samples(folder: str | Path, classes: Classes) -> tuple[pd.DataFrame, list[Problem]]:
    """Reads what can be read, as `read_samples`, and lists every problem of the table and of files' headers.

    Returns:
        The samples, in which what cannot be read is unknown ("", NO_LABEL, NaT, 0 px); the problems.

    Raises:
        DataError: there is no table with a column image_path and a row.
    """
    folder = Path(folder)
    path = folder / "data.csv"
    samples, problems = _read_table(path)
    for column, name in FILES.items():
        samples[name], found = find_files(folder, samples, column)
        problems += found
    problems += _find_twins(path, samples, "image")
    samples["label"], found = _read_labels(path, samples, classes.label)
    problems += found
    samples["robot"] = _read_robots(samples)
    samples["time"], found = _read_times(path, samples)
    problems += found
    samples["lon"], samples["lat"], found = _read_positions(path, samples)
    problems += found
    with ThreadPoolExecutor(count_cores()) as pool:
        sizes = list(pool.map(_try_size, samples["image"]))
        mask_sizes = list(pool.map(lambda path: _try_size(path, ("PNG",)), samples["mask"]))
    texts = [
        [found for found in pair if isinstance(found, str)] for pair in zip(sizes, mask_sizes, strict=True)
    ]
    problems += gather_alike("error", path, samples, texts)
    sizes = [(0, 0) if isinstance(size, str) else size for size in sizes]
    mask_sizes = [(0, 0) if isinstance(size, str) else size for size in mask_sizes]
    samples["height"], samples["width"] = zip(*sizes, strict=True)
    return samples, problems + _compare_sizes(path, samples, mask_sizes)


def _try_size(path: str, formats: tuple[str, ...] = ("JPEG", "PNG")) -> tuple[int, int] | str:
    """Gives a picture's size, (0, 0) where there is none, or what is wrong with it."""
    try:
        return pictures.read_size(path, formats) if path else (0, 0)
    except DataError as error:
        return str(error)


def _compare_sizes(path: Path, samples: pd.DataFrame, mask_sizes: list[tuple[int, int]]) -> list[Problem]:
    """Finds masks of another size than their photo has."""
    texts = []
    for row, mask in zip(samples.itertuples(), mask_sizes, strict=True):
        photo = (row.height, row.width)
        if (0, 0) in (photo, mask) or photo == mask:
            texts.append([])
            continue
        text = (
            f"{row.label_path} must have its photo's height and width, {photo[0]} x {photo[1]} as "
            f"{row.image_path}, found {mask[0]} x {mask[1]}; {pictures.explain_size(row.image, mask)}."
        )
        texts.append([text])
    return gather_alike("error", path, samples, texts)


def gather_alike(level: str, path: Path, samples: pd.DataFrame, texts: list[list[str]]) -> list[Problem]:
    """Makes one problem of all texts that differ in files' names and numbers alone.

    Args:
        level: of the problems.
        path: of the table.
        samples: its rows.
        texts: of each row, what is wrong with its files.
    """
    alike = {}
    for row, told in zip(samples.itertuples(), texts, strict=True):
        for text in told:
            kind, named = text, ""
            for name in (name for pair in FILES.items() for name in pair):
                file = getattr(row, name, "")
                named = named or (file if file and file in text else "")
                kind = kind.replace(file, "") if file else kind
            kind = re.sub(r"\d+(?:, \d+)*", "", kind)
            alike.setdefault(kind, []).append((row.row, Path(named).name, text))
    return [_join_alike(level, path, found) for found in alike.values()]


def _join_alike(level: str, path: Path, found: list[tuple[int, str, str]]) -> Problem:
    """Makes one problem of (row, file, text) of one kind."""
    first, _, text = found[0]
    if len(found) == 1:
        return Problem(level, f"{path}, row {first}: {text}")
    every = ", ".join(f"row {row}: {file}" for row, file, _ in found)
    rows = count_off([row for row, _, _ in found])
    text = f"{len(found)} rows are wrong in the same way, the first is row {first}: {text} (Rows {rows}.)"
    return Problem(level, f"{path}, {text}", every)


# The table ----------------------------------------------


def _read_table(path: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Reads a data.csv as text cells, "" where they say nothing, with the column `row`."""
    if not path.is_file():
        raise DataError(
            f"{path.parent} must hold a data.csv, one row a frame; Train/README.md says which columns it has."
        )
    table, problems = read_table(path, KNOWN)
    if "image_path" not in table or not len(table):
        raise DataError(
            f"{path} must have a column image_path and at least one row; found {len(table)} rows of "
            f"{list(table)[:MOST_SHOWN]}."
        )
    rows = table.index.tolist()
    table = table.reset_index(drop=True)
    for name in table:
        if name not in FILES:  # a file's name is searched for in either spelling
            table[name] = table[name].map(lambda cell: unicodedata.normalize("NFC", cell))
        elif (back := table[name].str.contains("\\", regex=False)).any():
            text = f"{path}, column {name}: \\ is read as / in {back.sum()} of {len(table)} paths."
            problems.append(Problem("note", text))
            table[name] = table[name].str.replace("\\", "/")
        if name in KNOWN and name not in ("image_path", "image_lvl_label"):
            table[name], found = _empty_blanks(path, table[name])
            problems += found
    if taken := table.columns.intersection(list(split.ADDED)).tolist():
        text = (
            f"{path}: the column {taken[0]} is not read, one of this name is filled here; masks belong in "
            "label_path, labels in image_lvl_label, times in timestamp."
        )
        problems.append(Problem("warning", text))
    table["row"] = rows
    return table, problems


def _empty_blanks(
    path: Path, cells: pd.Series, is_unknown: Callable[[str], bool] = is_blank
) -> tuple[pd.Series, list[Problem]]:
    """Empties the cells of a column that say that nothing is known, and notes it."""
    blank = (cells != "") & cells.map(is_unknown)
    if not blank.any():
        return cells, []
    words = ", ".join(f"'{word}'" for word in sorted(set(cells[blank])))
    text = f"{path}, column {cells.name}: {blank.sum()} of {len(cells)} cells, with {words}, read as empty."
    return cells.mask(blank, ""), [Problem("note", text)]


def _read_robots(table: pd.DataFrame) -> pd.Series:
    """Reads each frame's robot, "" where none is named; 7.0 is 7, as tables of numbers are saved."""
    robots = pd.Series("", index=table.index)
    for name in ROBOTS:
        if name in table:
            robots = robots.mask(robots == "", table[name])
    return robots.str.replace(r"^(\d+)\.0+$", r"\1", regex=True)


def find_files(folder: Path, table: pd.DataFrame, column: str) -> tuple[list[str], list[Problem]]:
    """Finds the files that a column names: absolute paths, "" where the cell is empty or names none.

    A name is also found where only its case or the spelling of its accents differs, in folders too, and
    where it begins with folders that lead to this one. Links are followed to where they lead.

    Args:
        folder: that the names are relative to, and may not leave.
        table: with `row`, and the column or not.
        column: "image_path" (every cell must name a file) or another.
    """
    if column not in table:
        return [""] * len(table), []
    base, listings, paths, kinds = folder.resolve(), {}, [], {}
    for row, name in zip(table["row"], table[column], strict=True):
        path, kind = _find_file(folder, base, name, listings)
        if not name:
            kind = "empty" if column == "image_path" else ""
        paths.append(path)
        for said in filter(None, (kind, *_describe_path(base, name, path))):
            kinds.setdefault(said, []).append((row, name))
    return paths, [_tell_paths(folder, column, kind, found) for kind, found in kinds.items()]


def _find_file(
    folder: Path, base: Path, name: str, listings: dict[Path, dict[str, list[str]]]
) -> tuple[str, str]:
    """Finds one file: its absolute path, "" where there is none, and what was unusual.

    Args:
        folder: as the user wrote it.
        base: the same, resolved.
        name: of the file, with forward slashes.
        listings: of the folders that were searched before; it is filled.
    """
    if not name:
        return "", ""
    parts = PurePosixPath(name).parts
    if ".." in parts:
        return "", "outside"
    whole = Path(os.path.abspath(folder))  # noqa: PTH100 - without .. and with its links
    if name.startswith("/") or (PureWindowsPath(name).anchor and not _is_file(base / name)):
        rests = _cut_absolute(whole, base, Path(name))
        lost = "missing" if Path(name).is_relative_to(whole) else "outside"
    elif _is_file(base / name):
        return str(base / name), ""
    elif path := _find_respelt(base, parts, listings):
        return path, "respelt"
    else:
        rests = _cut_relative(whole, parts) + _cut_relative(base, parts)
        lost = "broken" if os.path.islink(base / name) else "missing"  # noqa: PTH114
    found = [path for rest in rests if (path := _find_respelt(base, rest, listings))]
    return (found[0], "whole") if found else ("", lost)


def _cut_relative(folder: Path, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Gives what is left of a relative path behind the folders that lead to `folder`, as "Train/"."""
    own = folder.parts
    counts = range(min(len(own), len(parts) - 1), 0, -1)
    return [
        parts[count:]
        for count in counts
        if [_spell(part) for part in parts[:count]] == [_spell(part) for part in own[-count:]]
    ]


def _cut_absolute(folder: Path, base: Path, path: Path) -> list[tuple[str, ...]]:
    """Gives what is left of an absolute path below `folder`.

    Of one that is not on this machine, it is what stands behind the last folder of this one's name.
    """
    real = path.resolve() if _is_file(path) else path  # a path that is none cannot be resolved
    pairs = ((path, folder), (path, base), (real, base))
    rests = [one.relative_to(start).parts for one, start in pairs if one.is_relative_to(start)]
    if rests or _is_file(path):
        return rests
    names = [_spell(part) for part in path.parts]
    places = [place for place, name in enumerate(names) if name in (_spell(folder.name), _spell(base.name))]
    return [path.parts[places[-1] + 1 :]] if places else []


def _find_respelt(base: Path, parts: tuple[str, ...], listings: dict[Path, dict[str, list[str]]]) -> str:
    """Finds a file below a folder, part by part, where case or the spelling of accents may differ.

    Returns:
        Its path; "" where there is none, or where two fit equally.
    """
    path = base
    for part in parts:
        if os.path.lexists(path / part):
            path /= part
            continue
        if path not in listings:
            listings[path] = _list_folder(path)
        cases = listings[path].get(_spell(part), [])
        accents = [name for name in cases if _compose(name) == _compose(part)]
        fitting = accents or cases
        if len(fitting) != 1:
            return ""
        path /= fitting[0]
    return str(path) if _is_file(path) else ""


def _list_folder(path: Path) -> dict[str, list[str]]:
    """Lists what lies in a folder by `_spell`; nothing where it is none, or may not be read."""
    found = {}
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(path)):  # noqa: PTH208 - names are wanted
            found.setdefault(_spell(name), []).append(name)
    return found


def _compose(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _spell(name: str) -> str:
    return _compose(_compose(name).casefold())


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises where a name is too long


def _describe_path(base: Path, name: str, path: str) -> list[str]:
    """Names what is worth a note about a file that was found."""
    kinds = []
    if path and (" " in name or not name.isascii() or Path(name).suffix.isupper()):
        kinds.append("odd")
    if path and not Path(os.path.realpath(path)).is_relative_to(base):
        kinds.append("linked")
    return kinds


def _tell_paths(folder: Path, column: str, kind: str, found: list[tuple[int, str]]) -> Problem:
    """Tells of all paths of one kind in one line."""
    path, rows, name = folder / "data.csv", [row for row, _ in found], found[0][1]
    way_out = "drop the row" if column == "image_path" else "empty the cell"
    near = _find_namesake(folder, name) if kind in ("missing", "outside") else ""
    lost = f"add it or {way_out}"
    left = f"copy or link the file into {folder} and write its path from there"
    if near:
        lost = f"write {near}, if that is meant, or {lost}"
        left = f"write {near}, if that is meant, else {left}"
    errors = {
        "outside": f"a path may not leave the folder, found '{name}'; {left}.",
        "missing": f"there is no file '{name}'; {lost}.",
        "broken": f"'{name}' is a link to a file that is not there; fetch it (dvc pull, git annex get) or "
        f"{way_out}.",
        "empty": "a photo must be named, the cell is empty; name it or drop the row.",
    }
    if kind in errors:
        level = "warning" if column == "depth_path" and kind != "outside" else "error"
        return report_rows(level, path, rows, f", column {column}: {errors[kind]}")
    notes = {
        "respelt": "are spelt otherwise on the disk (case or accents) and were found",
        "odd": "have spaces, accents or an upper-case ending; read as they are",
        "whole": f"begin with folders that lead to {folder}; read from there on",
        "linked": "are links to files elsewhere; read there",
    }
    return Problem("note", f"{path}, column {column}: names like '{name}' ({len(found)}) {notes[kind]}.")


def _find_namesake(folder: Path, name: str) -> str:
    """Finds a file of this name, or with another ending, elsewhere below a folder; "" where there is none."""
    stem = _spell(PurePosixPath(name).stem)
    for place, _, files in os.walk(folder):
        for file in sorted(files):
            if stem and _spell(PurePosixPath(file).stem) == stem:
                return (Path(place) / file).relative_to(folder).as_posix()
    return ""


def _find_twins(path: Path, table: pd.DataFrame, column: str) -> list[Problem]:
    """Finds rows with one image, by a column that names it; one name in several folders is no fault."""
    parts = [part for image, part in table.groupby(column) if len(part) > 1 and image]
    if not parts:
        return []
    rows = "; ".join(", ".join(map(str, part["row"])) for part in parts[:MOST_SHOWN])
    more = f" and {len(parts) - MOST_SHOWN} more groups" if len(parts) > MOST_SHOWN else ""
    names = ", ".join(parts[0]["image_path"].unique())
    text = f"{path}, rows {rows}{more}: one image may not have two rows, found {names}; drop all but one."
    every = "; ".join("rows " + ", ".join(map(str, part["row"])) for part in parts)
    return [Problem("error", text, every if more else "")]


def _read_labels(path: Path, table: pd.DataFrame, labels: ClassList) -> tuple[list[int], list[Problem]]:
    """Reads labels that are written as ids or as names of classes; NO_LABEL where none is known."""
    if "image_lvl_label" not in table:
        return [NO_LABEL] * len(table), []
    known = {"": NO_LABEL} | _index_labels(labels)
    cells, problems = _empty_blanks(
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
        problems.append(_tell_labels(path, table["row"][bad], cells, bad, labels))
    return [known.get(key, NO_LABEL) for key in keys], problems


def _tell_labels(path: Path, rows: pd.Series, cells: pd.Series, bad: pd.Series, labels: ClassList) -> Problem:
    """Tells of all labels that are no class, and guesses why."""
    shown = ", ".join(f"'{cell}'" for cell, _ in Counter(cells[bad]).most_common(5))
    numbers = cells[cells != ""].map(read_number)
    way_out = "correct it, or add the class to classes.csv"
    if cells[bad].map(read_number).isna().all():
        way_out = "if these are names of classes, add them to classes.csv, with an id each"
    elif set(numbers - 1) <= set(labels.ids):
        way_out = "every label may be one too high: correct the ids in classes.csv, or the labels"
    names = [f"{id} {name}" for id, name in zip(labels.ids, labels.names, strict=True)]
    names = ", ".join(names[:MOST_SHOWN]) + (", ..." if len(names) > MOST_SHOWN else "")
    rule = (
        f": image_lvl_label must be an id or a name of a class ({names}) or empty, found {shown}; {way_out}."
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
    return " ".join(_spell(cell).replace("_", " ").split())


def _read_times(path: Path, table: pd.DataFrame) -> tuple[pd.Series, list[Problem]]:
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
    return times.mask(unset), problems + _tell_times(path, table["row"], text, unset, bad)


def _tell_times(
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
        way_out = "write it like 2026-02-03T09:30:00Z"
        if re.fullmatch(NUMBER, found) and _is_rounded(found):
            way_out = "a spreadsheet has rounded it, so export the times again, as text or with all digits"
        words = (
            ": timestamp must be ISO 8601, seconds since 1970 (or thousandths and so on) or empty, found "
            f"'{found}'; {way_out}."
        )
        problems.append(report_rows("error", path, rows[bad].tolist(), words))
    return problems


def _is_rounded(text: str) -> bool:
    """True for a number like 1.60912E+12, whose digits do not reach the seconds since 1970."""
    mantissa, exponent, _ = text.lower().partition("e")
    return bool(exponent) and sum(map(str.isdigit, mantissa)) < SECONDS_DIGITS


def _read_positions(path: Path, table: pd.DataFrame) -> tuple[pd.Series, pd.Series, list[Problem]]:
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
            f"-180 to 180 and lat from -90 to 90. (Rows {count_off(table['row'][lost].tolist())}.)"
        )
        problems.append(Problem("warning", words))
    return place["lon"], place["lat"], problems


def _is_nowhere(point: str) -> bool:
    """True where a point holds no number and nothing else that could be one, as "POINT EMPTY"."""
    words = re.sub(r"SRID=\d+;|[(),;\[\]]", " ", point).split()
    return all(is_blank(word) or word.upper() in ("POINT", "EMPTY", "Z", "M") for word in words)


def require_masks(samples: pd.DataFrame) -> None:
    """Refuses a table without masks to learn from and to hold out.

    Raises:
        DataError: fewer than two rows have a `label_path`.
    """
    count = (samples["mask"] != "").sum()
    if count < 2:
        found = f"{count} of {len(samples)} cells filled"
        if "label_path" not in samples:
            told = [name for name in samples if name not in (*split.ADDED, "image_path")]
            near = difflib.get_close_matches("label_path", told, n=1)
            found = "there is no such column" + (f", but {near[0]}" if near else "")
        raise DataError(f"Train/data.csv must name two masks or more in label_path, {found}; add masks.")


def fingerprint_data(samples: pd.DataFrame, classes: Classes) -> str:
    """Names data by 8 hex digits that change with any cell of the table, masks, photos' sizes and classes.

    Colours of classes may change: they are for figures alone.
    """
    photos = [Path(path).stat().st_size for path in samples["image"]]
    depths = [Path(path).stat().st_size if path else 0 for path in samples["depth"]]
    masks = [_hash_file(path) for path in samples["mask"]]
    cells = samples.drop(columns=["image", "mask", "depth"]).astype(str).to_csv(index=False)
    names = [(part.ids, part.names, part.ignore_id) for part in (classes.mask, classes.label)]
    return hashlib.sha256(repr((cells, photos, depths, masks, names)).encode()).hexdigest()[:8]


def _hash_file(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""


def check_reference(reference: Path, test: Path) -> None:
    """Refuses a folder that is no truth of a Test folder; only names and columns are looked at, no truth.

    Args:
        reference: folder with `data.csv`, whose rows are frames of Test, all or some.
        test: folder of the Test frames.

    Raises:
        DataError: a table is missing, names no truth, or lists a frame that Test lacks.
    """
    told, _ = _read_table(reference / "data.csv")
    asked, _ = _read_table(test / "data.csv")
    path = reference / "data.csv"
    if not {"label_path", "image_lvl_label"} & set(told):
        raise DataError(
            f"{path} must have a column label_path or image_lvl_label, found {list(told.columns[:-1])}; "
            "REFERENCE is the folder with the truth of Test."
        )
    strange = told.loc[~told["image_path"].isin(asked["image_path"]), "image_path"]
    if len(strange):
        way_out = "name the truth of these very frames as REFERENCE"
        near = asked["image_path"][asked["image_path"].map(_name_photo) == _name_photo(strange.iloc[0])]
        if len(near):
            way_out = f"write it as there, '{near.iloc[0]}'"
        raise DataError(
            f"{path} must list frames of {test / 'data.csv'}, found {len(strange)} that are not there, as "
            f"'{strange.iloc[0]}'; {way_out}."
        )


def _name_photo(path: str) -> str:
    return _spell(PurePosixPath(path).name)


def find_truth(reference: str | Path) -> dict[str, str]:
    """Finds the masks of a reference as `find_files` does: {label_path: its file, "" where there is none}."""
    table, _ = _read_table(Path(reference) / "data.csv")
    paths, _ = find_files(Path(reference), table, "label_path")
    return dict(zip(table["label_path"], paths, strict=True)) if "label_path" in table else {}


def add_truth(samples: pd.DataFrame, reference: str | Path, classes: Classes) -> pd.DataFrame:
    """Gives Test's table with the truth of a reference folder in `mask` and `label`, as `read_samples` does.

    Args:
        samples: table of the Test frames, or some of its rows.
        reference: folder with `data.csv`; a label in it that is no class counts as unknown.
        classes: of both tasks.
    """
    reference = Path(reference)
    path = reference / "data.csv"
    table, _ = _read_table(path)
    refuse(_find_twins(path, table, "image_path"))
    found = find_truth(reference)
    names = table["label_path"] if "label_path" in table else [""] * len(table)
    # one that is not there is refused by name when it is opened
    paths = [(found[name] or str(reference / name)) if name else "" for name in names]
    labels, _ = _read_labels(path, table, classes.label)
    truth = pd.DataFrame({"mask": paths, "label": labels}, index=table["image_path"])
    truth = truth.reindex(samples["image_path"])
    mask, label = truth["mask"].fillna(""), truth["label"].fillna(NO_LABEL).astype(int)
    return samples.assign(mask=mask.tolist(), label=label.tolist())
