"""Reads tables of classes: which value or colour of a mask is which class."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from src.bring.pixels import read_text, write_color
from src.common.errors import DataError
from src.data import tables

# Files in which data sets name the classes of their masks; the first one found is taken.
TABLES = (
    "classes.csv",
    "_classes.csv",
    "class_dict.csv",
    "label_colors.txt",
    "labelmap.txt",
    "codes.txt",
    "classes.txt",
)
HEADS = {  # what the columns of such tables are called
    "id": ("id", "value", "pixel value", "index", "class id", "train id"),
    "name": ("name", "class", "label", "category"),
    "color": ("color", "colour"),
    "red": ("r", "red"),
    "green": ("g", "green"),
    "blue": ("b", "blue"),
}


@dataclass(frozen=True)
class ClassTable:
    """The classes of masks.

    Attributes:
        ids: name of each id; empty if the table has no ids.
        colors: name and "#rrggbb" of each line, for a class may have several colours; empty if it has none.
    """

    ids: dict[int, str]
    colors: list[tuple[str, str]]


def find_table(folder: Path) -> Path | None:
    """Finds the table of classes in a folder or in the folders below it; None if there is none."""
    for name in TABLES:
        found = sorted(folder.rglob(name), key=lambda path: len(path.parts))
        if found:
            return found[0]
    return None


def read_table(path: Path) -> ClassTable:
    """Reads a table of classes, a CSV file or lines of text.

    Raises:
        DataError: it has neither ids nor colours, or a value cannot be read.
    """
    try:
        if path.suffix.lower() == ".csv":
            return _read_csv(path)
        return _read_lines([line.strip() for line in read_text(path).splitlines() if line.strip()])
    except (ValueError, KeyError, OSError) as error:
        raise DataError(
            f"{path} must have the columns id and name, name and color (#rrggbb), or name, r, g and b, found "
            f"{error}; correct it."
        ) from error


def _read_csv(path: Path) -> ClassTable:
    """Reads a CSV file with any of the heads of HEADS."""
    cells, _ = tables.read_table(path, [head for heads in HEADS.values() for head in heads])
    cells = cells.rename(columns=_name_column)
    if "task" in cells:
        cells = cells[cells["task"] == "mask"]
    if "name" not in cells:
        raise ValueError(f"the columns {', '.join(cells.columns)}")
    names = cells["name"]
    ids = {}
    if "id" in cells:
        ids = dict(zip(cells["id"].astype(float).astype(int), names, strict=True))
        if not all(0 <= id <= 255 for id in ids):
            raise ValueError(f"the ids {min(ids)} to {max(ids)}, where masks hold 0 to 255")
    colors = _read_colors(cells, names)
    if not ids and not colors:
        raise ValueError(f"the columns {', '.join(cells.columns)}")
    return ClassTable(ids, colors)


def _read_colors(cells: pd.DataFrame, names: pd.Series) -> list[tuple[str, str]]:
    """Reads name and colour, "#rrggbb", of each line, written so or as red, green and blue; [] without.

    Raises:
        ValueError: a colour is neither.
    """
    if "color" in cells:
        written = cells["color"].str.lower()
        colors = [(name, color) for name, color in zip(names, written, strict=True) if color]
        wrong = [color for _, color in colors if not re.fullmatch("#[0-9a-f]{6}", color)]
        if wrong:
            raise ValueError(f"the color '{wrong[0]}'")
        return colors
    if {"red", "green", "blue"} <= set(cells):
        rgb = cells[["red", "green", "blue"]].astype(int)
        return [(name, write_color(*row)) for name, row in zip(names, rgb.to_numpy(), strict=True)]
    return []


def _name_column(head: str) -> str:
    """Returns the key of HEADS that a column's head means; the head itself if it is none of them."""
    plain = re.sub(r"[_\s]+", " ", head.strip().lower())
    return next((name for name, spellings in HEADS.items() if plain in spellings), head)


def _read_lines(lines: list[str]) -> ClassTable:
    """Reads lines of "R G B NAME", "NAME: R,G,B" or names alone, whose ids are their places.

    Each line may begin with an id, as "3: NAME". Comments, "# TEXT", are left out.
    """
    lines = [line for line in lines if not line.startswith("# ")]
    ids, lines = _split_ids(lines)
    colors = []
    for line in lines:
        before = re.fullmatch(r"(\d+)[\s,]+(\d+)[\s,]+(\d+)[\s,]+(.+)", line)
        behind = re.fullmatch(r"(.+?)[\s,:]+(\d+)[\s,]+(\d+)[\s,]+(\d+)\b.*", line)
        if before:
            colors.append((before[4].strip(), write_color(*map(int, before.groups()[:3]))))
        elif behind:
            colors.append((behind[1].strip(), write_color(*map(int, behind.groups()[1:]))))
    if colors:
        names = [name for name, _ in colors]
        return ClassTable(dict(zip(ids, names, strict=True)) if len(names) == len(ids) else {}, colors)
    return ClassTable(dict(zip(ids or range(len(lines)), lines, strict=True)), [])


def _split_ids(lines: list[str]) -> tuple[list[int], list[str]]:
    """Splits the ids from lines if each begins with one, as "3: NAME"; ([], lines) where they do not.

    After a blank alone, as in "3 NAME", numbers are ids only if they count from 0 or 1: they may belong to
    the name.
    """
    found = [re.fullmatch(r"(\d{1,3})(?:\s*([:;,=.)])\s*|\s+)(\D.*)", line) for line in lines]
    if not lines or not all(found):
        return [], lines
    ids = [int(match[1]) for match in found]
    is_counted = ids in ([*range(len(ids))], [*range(1, len(ids) + 1)])
    is_separated = all(match[2] for match in found)
    if len(set(ids)) < len(ids) or max(ids) > 255 or not (is_counted or is_separated):
        return [], lines
    return ids, [match[3] for match in found]
