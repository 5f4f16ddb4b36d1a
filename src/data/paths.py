"""Finds the files that a table names, also where their spelling differs a little."""

import contextlib
import os
import unicodedata
from collections import Counter
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

import pandas as pd

from src.common.errors import DataError
from src.data.tables import MOST_SHOWN, Problem, report_rows


def find_files(folder: Path, table: pd.DataFrame, column: str) -> tuple[list[str], list[Problem]]:
    """Finds the files that a column names: absolute paths, "" where a cell names no file.

    A file is also found if case or accents of its name or folders are spelled differently, or if the name
    begins with the path of `folder` or the end of that path. Links are followed.

    Args:
        folder: names are relative to this folder, and may not leave it.
        table: with `row`, and perhaps with the column.
        column: "image_path", where every cell must name a file, or another.

    Raises:
        DataError: the folder's own path is not written in UTF-8.
    """
    if column not in table:
        return [""] * len(table), []
    base = folder.resolve()
    _require_utf8(base)
    listings: dict[Path, dict[str, list[str]]] = {}
    paths = []
    cells_by_kind: dict[str, list[tuple[int, str]]] = {}
    for row, name in zip(table["row"], table[column], strict=True):
        path, kind = _find_file(folder, base, name, listings)
        if not name:
            kind = "empty" if column == "image_path" else ""
        paths.append(path)
        kinds = _describe_path(base, name, path)
        if kind:
            kinds.insert(0, kind)
        for each in kinds:
            cells_by_kind.setdefault(each, []).append((row, name))
    return paths, [_report_paths(folder, column, kind, cells) for kind, cells in cells_by_kind.items()]


def _require_utf8(folder: Path) -> None:
    """Refuses a folder whose path is not written in UTF-8, as of a zip of Windows: libraries cannot open it.

    Raises:
        DataError: it is not.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise DataError(f"A folder's path must be UTF-8, found {str(folder)!r}; rename the folder.") from None


def _find_file(
    folder: Path, base: Path, name: str, listings: dict[Path, dict[str, list[str]]]
) -> tuple[str, str]:
    """Finds one file.

    Args:
        folder: as the user wrote it.
        base: the same folder, resolved.
        name: of the file, with forward slashes.
        listings: names in the folders that were searched before; it is filled.

    Returns:
        The absolute path, "" where there is no file, and the kind of problem or note that `_report_paths`
        reports: "" for a file that is named as usual.
    """
    if not name:
        return "", ""
    parts = PurePosixPath(name).parts
    if ".." in parts:
        return "", "outside"
    absolute_folder = Path(os.path.abspath(folder))  # noqa: PTH100 - removes .., but keeps links
    if name.startswith("/") or (PureWindowsPath(name).anchor and not _is_file(base / name)):
        remainders = _cut_absolute(absolute_folder, base, Path(name))
        problem = "missing" if Path(name).is_relative_to(absolute_folder) else "outside"
    else:
        if _is_file(base / name):
            return str(base / name), ""
        path = _find_by_spelling(base, parts, listings)
        if path:
            return path, "respelt"
        remainders = _cut_relative(absolute_folder, parts) + _cut_relative(base, parts)
        problem = "broken" if os.path.islink(base / name) else "missing"  # noqa: PTH114
    for remainder in remainders:
        path = _find_by_spelling(base, remainder, listings)
        if path:
            return path, "whole"
    return "", problem


def _cut_relative(folder: Path, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Cuts the end of `folder`, as "Train/", off the start of a relative path; lists the remainders."""
    own = [fold_name(part) for part in folder.parts]
    names = [fold_name(part) for part in parts]
    most = min(len(own), len(parts) - 1)
    return [parts[count:] for count in range(most, 0, -1) if names[:count] == own[-count:]]


def _cut_absolute(folder: Path, base: Path, path: Path) -> list[tuple[str, ...]]:
    """Cuts `folder` off an absolute path and lists the possible remainders.

    For a path of another machine, the remainder begins behind the last folder with the name of this one.
    """
    real = path.resolve() if _is_file(path) else path  # only an existing file can be resolved
    remainders = []
    for one, start in ((path, folder), (path, base), (real, base)):
        if one.is_relative_to(start):
            remainders.append(one.relative_to(start).parts)
    if remainders or _is_file(path):
        return remainders
    own_names = (fold_name(folder.name), fold_name(base.name))
    places = [place for place, part in enumerate(path.parts) if fold_name(part) in own_names]
    return [path.parts[places[-1] + 1 :]] if places else []


def _find_by_spelling(base: Path, parts: tuple[str, ...], listings: dict[Path, dict[str, list[str]]]) -> str:
    """Finds a file below a folder, part by part; case and the spelling of accents may differ.

    Args:
        base: folder to begin in.
        parts: names of the folders and, at the end, of the file.
        listings: names in the folders that were searched before; it is filled.

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
        candidates = listings[path].get(fold_name(part), [])
        same_case = [name for name in candidates if compose_accents(name) == compose_accents(part)]
        if same_case:
            candidates = same_case
        if len(candidates) != 1:
            return ""
        path /= candidates[0]
    return str(path) if _is_file(path) else ""


def _list_folder(path: Path) -> dict[str, list[str]]:
    """Lists the names in a folder by their `fold_name`; none where it is no folder or cannot be read."""
    found = {}
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(path)):  # noqa: PTH208 - names are wanted
            found.setdefault(fold_name(name), []).append(name)
    return found


def compose_accents(name: str) -> str:
    """Spells accents in one way: a letter with an accent is one character."""
    return unicodedata.normalize("NFC", name)


def name_frames(samples: pd.DataFrame) -> pd.Series:
    """Names frames by their photos, without ending, and by as many folders as tell them from others."""
    parts = [PurePosixPath(path).with_suffix("").parts for path in samples["image_path"]]
    names = [part[-1] for part in parts]
    for depth in range(2, max(map(len, parts), default=0) + 1):
        counts = Counter(names)
        longer = ["/".join(part[-depth:]) for part in parts]
        names = [new if counts[name] > 1 else name for name, new in zip(names, longer, strict=True)]
    return pd.Series(names, samples.index, dtype=object)


def fold_name(name: str) -> str:
    """Spells a name so that case and the spelling of accents make no difference."""
    return compose_accents(compose_accents(name).casefold())


def _is_file(path: Path) -> bool:
    """Returns whether a path is a file."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises an error if a name is too long


def _describe_path(base: Path, name: str, path: str) -> list[str]:
    """Lists the kinds of notes about the path of an existing file."""
    kinds = []
    if path and (" " in name or not name.isascii() or Path(name).suffix.isupper()):
        kinds.append("odd")
    if path and not Path(os.path.realpath(path)).is_relative_to(base):
        kinds.append("linked")
    return kinds


def _report_paths(folder: Path, column: str, kind: str, found: list[tuple[int, str]]) -> Problem:
    """Makes one problem of all cells with the same kind of path.

    Args:
        folder: of the table.
        column: of the table.
        kind: a key of `errors` or `notes` below.
        found: row number and path of each cell.
    """
    path = folder / "data.csv"
    rows = [row for row, _ in found]
    name = found[0][1]
    remedy = "drop the row" if column == "image_path" else "empty the cell"
    near = _find_same_name(folder, name, column) if kind in ("missing", "outside") else ""
    add = f"add it or {remedy}"
    link = f"copy or link the file into {folder} and write its path from there"
    if near:
        change = f"write {near}"
        if "\\" in near or near != near.strip() or not near.isprintable():
            change = f"rename {near!r} on the disk, which a table cannot name"
        add = f"{change}, if that is meant, or {add}"
        link = f"{change}, if that is meant, else {link}"
    errors = {
        "outside": f"a path may not leave the folder, found '{name}'; {link}.",
        "missing": f"there is no file '{name}'; {add}.",
        "broken": f"'{name}' is a link to a file that is not there; fetch it (dvc pull, git annex get) or "
        f"{remedy}.",
        "empty": "a photo must be named, found an empty cell; name it or drop the row.",
    }
    if kind in errors:
        level = "warning" if column == "depth_path" and kind != "outside" else "error"
        return report_rows(level, path, rows, f", column {column}: {errors[kind]}")
    notes = {
        "respelt": "are spelled differently on the disk (case or accents); found all the same",
        "odd": "have spaces, accents or an upper-case ending; read as they are",
        "whole": f"begin with the path of {folder} or its end; read as paths within it",
        "linked": "are links to files elsewhere; the links are followed",
    }
    return Problem("note", f"{path}, column {column}: names like '{name}' ({len(found)}) {notes[kind]}.")


def _find_same_name(folder: Path, name: str, column: str) -> str:
    """Finds a file of this name anywhere below a folder; "" where there is none.

    One with the ending of `name` comes first; another one must be a PNG where the column is one of PNGs.
    """
    stem = fold_name(PurePosixPath(name).stem)
    stems = {stem, fold_name(unquote(stem))} - {""}  # some programs write a blank as %20
    found = []
    for place, _, files in os.walk(folder):
        for file in sorted(files):
            if fold_name(PurePosixPath(file).stem) in stems:
                found.append((Path(place) / file).relative_to(folder))
    ending = fold_name(PurePosixPath(name).suffix)
    same = [path for path in found if fold_name(path.suffix) == ending]
    others = [path for path in found if column == "image_path" or fold_name(path.suffix) == ".png"]
    return next((path.as_posix() for path in same + others), "")


def find_duplicates(path: Path, table: pd.DataFrame, column: str) -> list[Problem]:
    """Finds images that have several rows.

    Args:
        path: of the table.
        table: with `row` and `image_path`.
        column: holds a path per image, "" for none; photos of one name in different folders are different.
    """
    groups = [group for image, group in table.groupby(column) if len(group) > 1 and image]
    if not groups:
        return []
    rows = [", ".join(map(str, group["row"])) for group in groups]
    shown = "; ".join(rows[:MOST_SHOWN])
    all_rows = ""
    if len(groups) > MOST_SHOWN:
        shown += f" and {len(groups) - MOST_SHOWN} more groups"
        all_rows = "; ".join(f"rows {numbers}" for numbers in rows)
    names = ", ".join(groups[0]["image_path"].unique())
    text = f"{path}, rows {shown}: one image may not have two rows, found {names}; drop all but one."
    return [Problem("error", text, all_rows)]
