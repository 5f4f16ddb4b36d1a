"""data.csv -> table of samples, and all the rules that it breaks or that were mended while reading."""

import difflib
import hashlib
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
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
from src.data.paths import find_duplicates, find_files
from src.data.tables import MOST_SHOWN, DataError, Problem, list_row_numbers, read_table

# columns of data.csv that name files, and those of the samples' table with the files' whole paths
FILES = {"image_path": "image", "label_path": "mask", "depth_path": "depth"}
KNOWN = (*FILES, "image_lvl_label", "timestamp", *ROBOTS, *PLACES)


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
        errors[MOST_SHOWN:] = [f"... and {rest} more; python -m src doctor lists all."]
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
        sizes = list(pool.map(_try_size, samples["image"]))
        mask_sizes = list(pool.map(lambda path: _try_size(path, ("PNG",)), samples["mask"]))
    texts = [
        [found for found in pair if isinstance(found, str)] for pair in zip(sizes, mask_sizes, strict=True)
    ]
    problems += group_problems("error", path, samples, texts)
    sizes = [(0, 0) if isinstance(size, str) else size for size in sizes]
    mask_sizes = [(0, 0) if isinstance(size, str) else size for size in mask_sizes]
    samples["height"], samples["width"] = zip(*sizes, strict=True)
    return samples, problems + _compare_sizes(path, samples, mask_sizes)


def _try_size(path: str, formats: tuple[str, ...] = ("JPEG", "PNG")) -> tuple[int, int] | str:
    """Gives a picture's size, (0, 0) where there is none, or what is wrong with it."""
    try:
        return image_files.read_size(path, formats) if path else (0, 0)
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
            f"{row.image_path}, found {mask[0]} x {mask[1]}; {image_files.explain_size(row.image, mask)}."
        )
        texts.append([text])
    return group_problems("error", path, samples, texts)


def group_problems(level: str, path: Path, samples: pd.DataFrame, texts: list[list[str]]) -> list[Problem]:
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
    return [_join_problems(level, path, found) for found in alike.values()]


def _join_problems(level: str, path: Path, found: list[tuple[int, str, str]]) -> Problem:
    """Makes one problem of (row, file, text) of one kind."""
    first, _, text = found[0]
    if len(found) == 1:
        return Problem(level, f"{path}, row {first}: {text}")
    every = ", ".join(f"row {row}: {file}" for row, file, _ in found)
    rows = list_row_numbers([row for row, _, _ in found])
    text = f"{len(found)} rows are wrong in the same way, the first is row {first}: {text} (Rows {rows}.)"
    return Problem(level, f"{path}, {text}", every)


# The table ----------------------------------------------
def read_data_table(path: Path) -> tuple[pd.DataFrame, list[Problem]]:
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
            table[name], found = empty_blanks(path, table[name])
            problems += found
    if taken := table.columns.intersection(list(ADDED)).tolist():
        text = (
            f"{path}: the column {taken[0]} is not read, one of this name is filled here; masks belong in "
            "label_path, labels in image_lvl_label, times in timestamp."
        )
        problems.append(Problem("warning", text))
    table["row"] = rows
    return table, problems


def require_masks(samples: pd.DataFrame) -> None:
    """Refuses a table without masks to learn from and to hold out.

    Raises:
        DataError: fewer than two rows have a `label_path`.
    """
    count = (samples["mask"] != "").sum()
    if count < 2:
        found = f"{count} of {len(samples)} cells filled"
        if "label_path" not in samples:
            told = [name for name in samples if name not in (*ADDED, "image_path")]
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
