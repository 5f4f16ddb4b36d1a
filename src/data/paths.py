"""Names in a table -> files on this machine, however people spell them."""

import contextlib
import os
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd

from src.data.tables import MOST_SHOWN, Problem, report_rows


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
    return paths, [_report_paths(folder, column, kind, found) for kind, found in kinds.items()]


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
    elif path := _find_by_spelling(base, parts, listings):
        return path, "respelt"
    else:
        rests = _cut_relative(whole, parts) + _cut_relative(base, parts)
        lost = "broken" if os.path.islink(base / name) else "missing"  # noqa: PTH114
    found = [path for rest in rests if (path := _find_by_spelling(base, rest, listings))]
    return (found[0], "whole") if found else ("", lost)


def _cut_relative(folder: Path, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Gives what is left of a relative path behind the folders that lead to `folder`, as "Train/"."""
    own = folder.parts
    counts = range(min(len(own), len(parts) - 1), 0, -1)
    return [
        parts[count:]
        for count in counts
        if [fold_name(part) for part in parts[:count]] == [fold_name(part) for part in own[-count:]]
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
    names = [fold_name(part) for part in path.parts]
    places = [
        place for place, name in enumerate(names) if name in (fold_name(folder.name), fold_name(base.name))
    ]
    return [path.parts[places[-1] + 1 :]] if places else []


def _find_by_spelling(base: Path, parts: tuple[str, ...], listings: dict[Path, dict[str, list[str]]]) -> str:
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
        cases = listings[path].get(fold_name(part), [])
        accents = [name for name in cases if _compose(name) == _compose(part)]
        fitting = accents or cases
        if len(fitting) != 1:
            return ""
        path /= fitting[0]
    return str(path) if _is_file(path) else ""


def _list_folder(path: Path) -> dict[str, list[str]]:
    """Lists what lies in a folder by `fold_name`; nothing where it is none, or may not be read."""
    found = {}
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(path)):  # noqa: PTH208 - names are wanted
            found.setdefault(fold_name(name), []).append(name)
    return found


def _compose(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def fold_name(name: str) -> str:
    """Spells a name so that case and the spelling of accents make no difference."""
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


def _report_paths(folder: Path, column: str, kind: str, found: list[tuple[int, str]]) -> Problem:
    """Tells of all paths of one kind in one line."""
    path, rows, name = folder / "data.csv", [row for row, _ in found], found[0][1]
    remedy = "drop the row" if column == "image_path" else "empty the cell"
    near = _find_same_name(folder, name) if kind in ("missing", "outside") else ""
    lost = f"add it or {remedy}"
    left = f"copy or link the file into {folder} and write its path from there"
    if near:
        lost = f"write {near}, if that is meant, or {lost}"
        left = f"write {near}, if that is meant, else {left}"
    errors = {
        "outside": f"a path may not leave the folder, found '{name}'; {left}.",
        "missing": f"there is no file '{name}'; {lost}.",
        "broken": f"'{name}' is a link to a file that is not there; fetch it (dvc pull, git annex get) or "
        f"{remedy}.",
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


def _find_same_name(folder: Path, name: str) -> str:
    """Finds a file of this name, or with another ending, elsewhere below a folder; "" where there is none."""
    stem = fold_name(PurePosixPath(name).stem)
    for place, _, files in os.walk(folder):
        for file in sorted(files):
            if stem and fold_name(PurePosixPath(file).stem) == stem:
                return (Path(place) / file).relative_to(folder).as_posix()
    return ""


def find_duplicates(path: Path, table: pd.DataFrame, column: str) -> list[Problem]:
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
