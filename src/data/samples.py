"""Reads data.csv into the table of samples, and lists every problem of the table and its files' headers."""

import difflib
import hashlib
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from src.common.cores import count_cores
from src.data import image_files
from src.data.classes import Classes
from src.data.columns import (
    ADDED,
    PLACES,
    ROBOTS,
    empty_blanks,
    read_labels,
    read_positions,
    read_robots,
    read_times,
)
from src.data.location import explain_no_table
from src.data.paths import find_duplicates, find_files
from src.data.tables import MOST_SHOWN, DataError, Problem, explain_missing, list_row_numbers, read_table

# Columns of data.csv with relative paths -> columns of the table of samples with absolute paths.
FILES = {"image_path": "image", "label_path": "mask", "depth_path": "depth"}
EXPECTED = (*FILES, "image_lvl_label", "timestamp", *ROBOTS, *PLACES)  # columns that the project reads

SYNONYMS = {  # heads of other programs -> columns that the project reads
    **dict.fromkeys(("long", "lng", "longitude", "gps_lon", "gps_longitude"), "lon"),
    **dict.fromkeys(("latitude", "gps_lat", "gps_latitude"), "lat"),
    **dict.fromkeys(("date", "datetime", "date_time"), "timestamp"),
}


def read_samples(folder: str | Path, classes: Classes) -> pd.DataFrame:
    """Reads `data.csv`, and the sizes of the photos from their headers.

    Args:
        folder: holds `data.csv`; the paths in it are relative to this folder.
        classes: the classes of both tasks.

    Returns:
        One row per frame, the columns of the file and: `row` (number in the file, whose head is row 1),
        `image`, `mask` and `depth` (absolute paths; "" where there is none), `label` (class index, NO_LABEL
        where there is none), `robot` (str), `time` (UTC, NaT where unknown), `lon` and `lat` (degrees, NaN
        where unknown), `height` and `width` (pixels, EXIF rotation applied).

    Raises:
        DataError: the table or its files have errors; one line per error.
    """
    samples, problems = inspect_samples(folder, classes)
    refuse(problems)
    return samples


def refuse(problems: list[Problem]) -> None:
    """Stops if there are errors among the problems.

    Raises:
        DataError: one line per error, at most MOST_SHOWN of them.
    """
    errors = [problem.text for problem in problems if problem.level == "error"]
    if len(errors) > MOST_SHOWN:
        rest = len(errors) - MOST_SHOWN
        errors[MOST_SHOWN:] = [f"... and {rest} more; python -m src doctor lists all."]
    if errors:
        raise DataError("\n".join(errors))


def inspect_samples(folder: str | Path, classes: Classes) -> tuple[pd.DataFrame, list[Problem]]:
    """Reads as much as possible, as `read_samples`, and lists every problem of table and files' headers.

    Returns:
        The samples, in which unreadable values are unknown ("", NO_LABEL, NaT, 0 px); the problems.

    Raises:
        DataError: there is no table with a column image_path and at least one row.
    """
    folder = Path(folder)
    path = folder / "data.csv"
    samples, problems = read_data_table(path)
    for column, name in FILES.items():
        samples[name], found = find_files(folder, samples, column)
        problems += found
    problems += find_duplicates(path, samples, "image")
    samples["label"], found = read_labels(path, samples, classes.label)
    problems += found
    samples["robot"] = read_robots(samples)
    samples["time"], found = read_times(path, samples)
    problems += found
    samples["lon"], samples["lat"], found = read_positions(path, samples)
    problems += found
    with ThreadPoolExecutor(count_cores()) as pool:
        photos = list(pool.map(_try_size, samples["image"]))
        masks = list(pool.map(lambda mask: _try_size(mask, ("PNG",)), samples["mask"]))
    errors = [photo.errors + mask.errors for photo, mask in zip(photos, masks, strict=True)]
    problems += group_problems("error", path, samples, errors)
    samples["height"] = [photo.size[0] for photo in photos]
    samples["width"] = [photo.size[1] for photo in photos]
    return samples, problems + _compare_sizes(path, samples, [mask.size for mask in masks])


@dataclass(frozen=True)
class _SizeReading:
    """What the header of a file holds.

    Attributes:
        size: (height, width) in px; (0, 0) without a file, or where it cannot be read.
        errors: messages.
    """

    size: tuple[int, int] = (0, 0)
    errors: list[str] = field(default_factory=list)


def _try_size(path: str, formats: tuple[str, ...] = ("JPEG", "PNG")) -> _SizeReading:
    """Reads the size of a photo or mask; "" is no file."""
    if not path:
        return _SizeReading()
    try:
        return _SizeReading(image_files.read_size(path, formats))
    except DataError as error:
        return _SizeReading(errors=[str(error)])


def _compare_sizes(path: Path, samples: pd.DataFrame, mask_sizes: list[tuple[int, int]]) -> list[Problem]:
    """Finds masks whose size differs from their photo's; a size of (0, 0) is unknown."""
    texts = []
    for row, mask in zip(samples.itertuples(), mask_sizes, strict=True):
        photo = (row.height, row.width)
        if (0, 0) in (photo, mask) or photo == mask:
            texts.append([])
            continue
        text = (
            f"{row.label_path} must have its photo's height and width, {photo[0]} x {photo[1]} as "
            f"{row.image_path}, found {mask[0]} x {mask[1]}; {image_files.explain_size(row.image, mask)}."
        )
        texts.append([text])
    return group_problems("error", path, samples, texts)


def group_problems(level: str, path: Path, samples: pd.DataFrame, texts: list[list[str]]) -> list[Problem]:
    """Makes one problem of all texts that differ only in names of files and in numbers.

    Args:
        level: of the problems.
        path: of the table.
        samples: its rows.
        texts: for each row, messages about its files.
    """
    groups: dict[str, list[_FileProblem]] = {}
    for row, row_texts in zip(samples.itertuples(), texts, strict=True):
        for text in row_texts:
            files = _list_files(row, text)
            pattern = text
            for file in files:
                pattern = pattern.replace(file, "")
            pattern = re.sub(r"\d+(?:, \d+)*", "", pattern)
            name = Path(files[0]).name if files else ""
            groups.setdefault(pattern, []).append(_FileProblem(row.row, name, text))
    return [_join_problems(level, path, group) for group in groups.values()]


@dataclass(frozen=True)
class _FileProblem:
    """A message about a file of one row.

    Attributes:
        row: number in the file of the table.
        name: of the file, without its folder.
        text: the message.
    """

    row: int
    name: str
    text: str


def _list_files(row: tuple, text: str) -> list[str]:
    """Lists the files of a row that occur in a text, by relative or absolute path."""
    files = []
    for relative, absolute in FILES.items():
        for column in (relative, absolute):
            file = getattr(row, column, "")
            if file and file in text:
                files.append(file)
    return files


def _join_problems(level: str, path: Path, group: list[_FileProblem]) -> Problem:
    """Makes one problem of similar messages about several rows."""
    first = group[0]
    if len(group) == 1:
        return Problem(level, f"{path}, row {first.row}: {first.text}")
    all_rows = ", ".join(f"row {one.row}: {one.name}" for one in group)
    rows = list_row_numbers([one.row for one in group])
    text = (
        f"{path}, {len(group)} rows are wrong in the same way, the first is row {first.row}: {first.text} "
        f"(Rows {rows}.)"
    )
    return Problem(level, text, all_rows)


# The table ----------------------------------------------
def read_data_table(path: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Reads a data.csv as text cells, "" where a value is unknown, and adds the column `row`.

    Raises:
        DataError: there is no table with a column image_path and at least one row.
    """
    if not path.is_file():
        none = "none; make one with one row a frame, Train/README.md lists the columns"
        found = explain_missing(path) or explain_no_table(path.parent) or none
        raise DataError(f"{path.parent} must hold a data.csv, found {found}.")
    table, problems = read_table(path, EXPECTED)
    if "image_path" not in table or not len(table):
        raise DataError(
            f"{path} must have a column image_path and at least one row, found {len(table)} rows of "
            f"{list(table)[:MOST_SHOWN]}; Train/README.md shows a table."
        )
    rows = table.index.tolist()
    table = table.reset_index(drop=True)
    for name in table:
        if name in FILES:
            table[name], found = _replace_backslashes(path, table[name])
            problems += found
        else:  # `find_files` compares names of files in each spelling of accents
            table[name] = table[name].map(lambda cell: unicodedata.normalize("NFC", cell))
        if name in EXPECTED and name not in ("image_path", "image_lvl_label"):
            table[name], found = empty_blanks(path, table[name])
            problems += found
    problems += _find_similar_heads(path, table)
    reserved = table.columns.intersection(list(ADDED)).tolist()
    if reserved:
        text = (
            f"{path}: the column {reserved[0]} is not read, because the project fills a column of this name; "
            "masks belong in label_path, labels in image_lvl_label, times in timestamp."
        )
        problems.append(Problem("warning", text))
    table["row"] = rows
    return table, problems


def _find_similar_heads(path: Path, table: pd.DataFrame) -> list[Problem]:
    """Warns of columns that are not read, but whose heads mean or resemble one that the table lacks."""
    problems = []
    for head in table.columns.difference(EXPECTED, sort=False):
        without_unit = re.sub(r"[(\[].*", "", head.casefold())
        plain = re.sub(r"[\W_]+", "_", without_unit).strip("_")
        near = difflib.get_close_matches(
            plain, [name for name in EXPECTED if len(name) > 7], n=1, cutoff=0.85
        )
        meant = plain if plain in EXPECTED else SYNONYMS.get(plain, near[0] if near else "")
        if meant and meant not in table:
            text = f"{path}: the column {head} is not read; rename it to {meant} if that is what it holds."
            problems.append(Problem("warning", text))
        elif plain in EXPECTED:
            text = f"{path}: the column {head} is not read, because there is also {plain}; drop one of them."
            problems.append(Problem("warning", text))
    return problems


def _replace_backslashes(path: Path, cells: pd.Series) -> tuple[pd.Series, list[Problem]]:
    """Replaces backslashes in paths by slashes, and notes it."""
    has_backslash = cells.str.contains("\\", regex=False)
    if not has_backslash.any():
        return cells, []
    text = f"{path}, column {cells.name}: \\ is read as / in {has_backslash.sum()} of {len(cells)} paths."
    return cells.str.replace("\\", "/"), [Problem("note", text)]


def require_masks(samples: pd.DataFrame) -> None:
    """Refuses a table with fewer than two masks: one to learn from, one to hold out.

    Raises:
        DataError: fewer than two rows have a `label_path`.
    """
    count = (samples["mask"] != "").sum()
    if count < 2:
        found = f"{count} of {len(samples)} cells filled"
        if "label_path" not in samples:
            found = "no such column"
            columns = [name for name in samples if name not in (*ADDED, "image_path")]
            near = difflib.get_close_matches("label_path", columns, n=1)
            if near:
                found += f", but {near[0]}"
        raise DataError(
            f"Train/data.csv must name two masks or more in label_path, found {found}; add masks."
        )


def fingerprint_data(samples: pd.DataFrame, classes: Classes) -> str:
    """Returns 8 hex digits that identify the data.

    They change with any cell of the table, any mask, the size in bytes of any photo or depth map, and the
    classes. Colours of classes do not count, because only figures use them.
    """
    photos = [Path(path).stat().st_size for path in samples["image"]]
    depths = [Path(path).stat().st_size if path else 0 for path in samples["depth"]]
    masks = [_hash_file(path) for path in samples["mask"]]
    cells = samples.drop(columns=["image", "mask", "depth"]).astype(str).to_csv(index=False)
    names = [(part.ids, part.names, part.ignore_id) for part in (classes.mask, classes.label)]
    return hashlib.sha256(repr((cells, photos, depths, masks, names)).encode()).hexdigest()[:8]


def _hash_file(path: str) -> str:
    """Returns the SHA-256 of a file in hex digits; "" without a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""
