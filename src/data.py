"""data.csv -> table of samples, and all the rules that it breaks or that were mended while reading."""

import csv
import difflib
import hashlib
import io
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd

from src import pictures, split
from src.classes import NO_LABEL, Classes, ClassList, DataError
from src.cores import count_cores

# columns of data.csv that name files, and those of the samples' table with the files' whole paths
FILES = {"image_path": "image", "label_path": "mask", "depth_path": "depth"}
MOST_SHOWN = 20  # problems in one error message
NUMBER = r"-?\d+\.?\d*(?:[eE][-+]?\d+)?"


@dataclass(frozen=True)
class Problem:
    """Something about the data that the user should know.

    Attributes:
        level: "error" stops the work, "warning" does not, "note" says what was put right while reading.
        text: rule, finding and way out in one line, naming file and row.
    """

    level: str
    text: str


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
    samples["robot"] = next((samples[name] for name in ("kiwibot_id", "robot_id") if name in samples), "")
    samples["time"], found = _read_times(path, samples)
    problems += found
    samples["lon"], samples["lat"], found = _read_positions(path, samples)
    problems += found
    with ThreadPoolExecutor(count_cores()) as pool:
        sizes = list(pool.map(_try_size, samples["image"]))
        mask_sizes = list(pool.map(lambda path: _try_size(path, ("PNG",)), samples["mask"]))
    for row, size, mask_size in zip(samples.itertuples(), sizes, mask_sizes, strict=True):
        for found in (size, mask_size):
            if isinstance(found, str):
                problems.append(Problem("error", f"{path}, row {row.row}: {found}"))
        told = isinstance(size, tuple) and isinstance(mask_size, tuple) and (0, 0) not in (size, mask_size)
        if told and size != mask_size:
            text = (
                f"{path}, row {row.row}: {row.label_path} must have its photo's height and width, "
                f"{size[0]} x {size[1]} as {row.image_path}, found {mask_size[0]} x {mask_size[1]}; "
                f"{pictures.explain_size(row.image, mask_size)}."
            )
            problems.append(Problem("error", text))
    known = [(0, 0) if isinstance(size, str) else size for size in sizes]
    samples["height"], samples["width"] = zip(*known, strict=True)
    return samples, problems


def _try_size(path: str, formats: tuple[str, ...] = ("JPEG", "PNG")) -> tuple[int, int] | str:
    """Gives a picture's size, (0, 0) where there is none, or what is wrong with it."""
    try:
        return pictures.read_size(path, formats) if path else (0, 0)
    except DataError as error:
        return str(error)


# The table ----------------------------------------------


def _read_table(path: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Reads a data.csv as text cells, "" where empty, with the column `row`; notes what was put right."""
    text, separator, notes = _read_text(path)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise DataError(f"{path} must be a table with one row a frame: {error}; save it anew.") from error
    head = [name.strip() for name in lines[0]] if lines else []
    rows = [(number, cells) for number, cells in enumerate(lines[1:], start=2) if any(cells)]
    if "image_path" not in head or not rows:
        raise DataError(
            f"{path} must have a column image_path and at least one row; found {len(rows)} rows of {head}."
        )
    twice = sorted({name for name in head if name and head.count(name) > 1})
    long = [number for number, cells in rows if len(cells) > len(head)]
    if twice or long:
        found = f"column {twice[0]} twice" if twice else f"more cells than columns in row {long[0]}"
        raise DataError(f"{path} must have one cell a column in each row, found {found}; mend the table.")
    cells = [cells + [""] * (len(head) - len(cells)) for _, cells in rows]
    table = pd.DataFrame(cells, columns=head, dtype=str)
    for name in table.columns.intersection(list(FILES)):
        stripped = table[name].str.strip()
        table[name] = stripped.str.replace("\\", "/")
        if count := (table[name] != stripped).sum():
            notes.append(f"{path}, column {name}: {count} paths are written with \\; read as /.")
    problems = [Problem("note", note) for note in notes]
    if taken := table.columns.intersection(list(split.ADDED)).tolist():
        text = (
            f"{path}: the column {taken[0]} is not read, one of this name is filled here; masks belong in "
            "label_path, labels in image_lvl_label, times in timestamp."
        )
        problems.append(Problem("warning", text))
    table["row"] = [number for number, _ in rows]
    return table, problems


def _read_text(path: Path) -> tuple[str, str, list[str]]:
    """Reads a table's text, and finds what separates its columns; notes what is not as usual."""
    if not path.is_file():
        raise DataError(
            f"{path.parent} must hold a data.csv, one row a frame; Train/README.md says which columns it has."
        )
    content, notes = path.read_bytes(), []
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} must be UTF-8 text, found {error}; save it as 'CSV UTF-8'.") from error
    if content.startswith(b"\xef\xbb\xbf"):
        notes.append(f"{path} begins with a byte order mark; it is left out.")
    separator = max(",;\t", key=text.partition("\n")[0].count)
    if separator != ",":
        name = "tabs" if separator == "\t" else "semicolons"
        notes.append(f"{path} is separated by {name}; read as such.")
    return text, separator, notes


def find_files(folder: Path, table: pd.DataFrame, column: str) -> tuple[list[str], list[Problem]]:
    """Finds the files that a column names: absolute paths, "" where the cell is empty or names none.

    A name is also found where only the case of its ending or the spelling of its accents differs.

    Args:
        folder: that the names are relative to, and may not leave.
        table: with `row`, and the column or not.
        column: "image_path" (every cell must name a file) or another.
    """
    if column not in table:
        return [""] * len(table), []
    paths, problems, listings, respelt, odd = [], [], {}, [], []
    way_out = "drop the row" if column == "image_path" else "empty the cell"
    for row, name in zip(table["row"], table[column], strict=True):
        where, path = f"{folder / 'data.csv'}, row {row}, column {column}", ""
        if _leaves(folder, name):
            text = f"{where}: a path may not leave the folder, found '{name}'; copy the file into {folder}."
            problems.append(Problem("error", text))
        elif name and _is_file(folder / name):
            path = str((folder / name).resolve())
        elif name or column == "image_path":
            path = _find_respelt(folder / name, listings) if name else ""
            if path:
                respelt.append(name)
            else:
                text = f"{where}: there is no file '{name}'; add it or {way_out}."
                problems.append(Problem("warning" if column == "depth_path" else "error", text))
        if path and (" " in name or not name.isascii() or Path(name).suffix.isupper()):
            odd.append(name)
        paths.append(path)
    for names, what in (
        (respelt, "are spelt otherwise on the disk (ending or accents) and were found"),
        (odd, "have spaces, accents or an upper-case ending; read as they are"),
    ):
        if names:
            text = f"{folder / 'data.csv'}, column {column}: {len(names)} names, as '{names[0]}', {what}."
            problems.append(Problem("note", text))
    return paths, problems


def _leaves(folder: Path, name: str) -> bool:
    """True where a path is absolute, climbs or, through a link, lies outside of the folder."""
    if ".." in Path(name).parts or Path(name).is_absolute() or PureWindowsPath(name).anchor:
        return True
    return _is_file(folder / name) and not (folder / name).resolve().is_relative_to(folder.resolve())


def _find_respelt(path: Path, listings: dict[Path, dict[str, str]]) -> str:
    """Finds a file whose ending's case or whose accents' spelling differs; "" where there is none."""
    if path.parent not in listings:
        there = sorted(path.parent.iterdir()) if os.path.isdir(path.parent) else []  # noqa: PTH112
        listings[path.parent] = {_spell(file.name): file.name for file in there}
    name = listings[path.parent].get(_spell(path.name), "")
    return str((path.parent / name).resolve()) if name else ""


def _spell(name: str) -> str:
    path = Path(unicodedata.normalize("NFC", name))
    return path.stem + path.suffix.lower()


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises where a name is too long


def _find_twins(path: Path, table: pd.DataFrame, column: str) -> list[Problem]:
    """Finds rows with one image, by a column that names it; one name in several folders is no fault."""
    problems = []
    for image, part in table.groupby(column):
        if len(part) > 1 and image:
            rows, names = ", ".join(map(str, part["row"])), ", ".join(part["image_path"].unique())
            text = f"{path}, rows {rows}: one image may not have two rows, found {names}; drop all but one."
            problems.append(Problem("error", text))
    return problems


def _read_labels(path: Path, table: pd.DataFrame, labels: ClassList) -> tuple[list[int], list[Problem]]:
    if "image_lvl_label" not in table:
        return [NO_LABEL] * len(table), []
    index = {"": NO_LABEL} | {id: position for position, id in enumerate(labels.ids)}
    found, problems = [], []
    for row, text in zip(table["row"], table["image_lvl_label"].str.strip(), strict=True):
        number = pd.to_numeric(text, errors="coerce")
        key = int(number) if text and np.isfinite(number) and number == number // 1 else text
        if key not in index:
            rule = f"image_lvl_label must be one of {labels.ids} or empty, found '{text}'"
            text = f"{path}, row {row}: {rule}; correct it, or add the class to classes.csv."
            problems.append(Problem("error", text))
        found.append(index.get(key, NO_LABEL))
    return found, problems


def _read_times(path: Path, table: pd.DataFrame) -> tuple[pd.Series, list[Problem]]:
    text = table["timestamp"].str.strip() if "timestamp" in table else pd.Series("", index=table.index)
    times = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")
    bad = table[times.isna() & (text != "")]
    rule = "timestamp must be ISO 8601 or empty"
    return times, [
        Problem("error", f"{path}, row {row}: {rule}, found '{found}'; write it like 2026-02-03T09:30:00Z.")
        for row, found in zip(bad["row"], bad.get("timestamp", []), strict=True)
    ]


def _read_positions(path: Path, table: pd.DataFrame) -> tuple[pd.Series, pd.Series, list[Problem]]:
    """Longitude and latitude in degrees, of the columns `lon` and `lat` or of points "POINT (lon lat)"."""
    if "gps_point" in table and not {"lon", "lat"} <= set(table):
        parts = table["gps_point"].str.extract(rf"({NUMBER})[ ,;]+({NUMBER})")
    else:
        parts = table.reindex(columns=["lon", "lat"])
    lon, lat = (pd.to_numeric(parts[name], errors="coerce") for name in parts)
    lon, lat = lon.where(lon.abs() <= 180), lat.where(lat.abs() <= 90)
    names = [name for name in ("lon", "lat", "gps_point") if name in table]
    lost = table[names].ne("").any(axis=1) & (lon.isna() | lat.isna())
    if not lost.any():
        return lon, lat, []
    row = table[lost].iloc[0]
    text = (
        f"{path}: the position of {lost.sum()} frames cannot be read, first in row {row['row']}, found "
        f"'{', '.join(row[names])}', and does not count; write degrees with a point, lon from -180 to 180 "
        "and lat from -90 to 90."
    )
    return lon, lat, [Problem("warning", text)]


def require_masks(samples: pd.DataFrame) -> None:
    """Refuses a table without masks to learn from and to hold out.

    Raises:
        DataError: fewer than two rows have a `label_path`.
    """
    count = (samples["mask"] != "").sum()
    if count < 2:
        found = f"{count} cells are filled"
        if "label_path" not in samples:
            told = samples.columns[: samples.columns.get_loc("row")]  # what follows was added here
            near = difflib.get_close_matches("label_path", told.drop(["image_path"]), n=1)
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
        raise DataError(
            f"{path} must list frames of {test / 'data.csv'}, found {len(strange)} that are not there, as "
            f"'{strange.iloc[0]}'; name the truth of these very frames as REFERENCE."
        )


def add_truth(samples: pd.DataFrame, reference: str | Path, classes: Classes) -> pd.DataFrame:
    """Gives Test's table with the truth of a reference folder in `mask` and `label`, as `read_samples` does.

    Args:
        samples: table of the Test frames, or some of its rows.
        reference: folder with `data.csv`; a label in it that is no class counts as unknown.
        classes: of both tasks.
    """
    path = Path(reference) / "data.csv"
    table, _ = _read_table(path)
    refuse(_find_twins(path, table, "image_path"))
    table = table.set_index("image_path")
    table = table.reindex(samples["image_path"]).reindex(columns=["label_path", "image_lvl_label"]).fillna("")
    masks = [str(Path(reference) / name) if name else "" for name in table["label_path"]]
    number = pd.to_numeric(table["image_lvl_label"], errors="coerce")
    index = {id: position for position, id in enumerate(classes.label.ids)}
    return samples.assign(mask=masks, label=[index.get(id, NO_LABEL) for id in number])
