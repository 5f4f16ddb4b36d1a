"""Names, ids and colours of both tasks' classes; maps between a file's ids and the network's indices."""

from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from src.common.errors import DataError
from src.data.tables import Problem, explain_missing, is_blank, name_rows, read_number, read_table

IGNORE = 255  # network index of a mask pixel that counts in no loss and no metric
NO_LABEL = -1  # network index of a frame without an image-level label
UNKNOWN = 254  # result of encoding an id that no class has
MOST_MASK_CLASSES = 254  # number of network indices besides IGNORE and UNKNOWN
COLUMNS = ("task", "id", "name", "color")
# Colours of classes that have none in classes.csv; colour-blind eyes can distinguish those of a line.
# Sources: Okabe & Ito 2008, then Tol's muted, light and dark sets.
PALETTE = (
    *("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#000000"),
    *("#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255", "#aa4499"),
    *("#77aadd", "#99ddff", "#44bb99", "#bbcc33", "#aaaa00", "#eedd88", "#ee8866", "#ffaabb", "#dddddd"),
    *("#222255", "#225555", "#225522", "#666633", "#663333", "#555555"),
)
DEFAULT_MASK = (  # the competition's classes, named as the published figures suggest
    (0, "background", "#000000"),
    (1, "sidewalk", "#0072b2"),
    (2, "crosswalk", "#e69f00"),
    (3, "curb", "#cc79a7"),
    (4, "grass", "#009e73"),
    (5, "tactile paving", "#f0e442"),
)
DEFAULT_LABEL = ((0, "corner", "#d55e00"), (1, "crossing", "#e69f00"), (2, "sidewalk", "#0072b2"))


@dataclass(frozen=True)
class ClassList:
    """The classes of one task, in the order of the network's channels.

    Attributes:
        ids: the id of each class in files; gaps are allowed.
        names: one name per class.
        colors: one "#rrggbb" per class.
        ignore_id: the id in files of pixels that do not count, unless a class has it.
        lenient: whether ids that no class has are ignored, too, as in a reference with more classes.
    """

    ids: tuple[int, ...]
    names: tuple[str, ...]
    colors: tuple[str, ...]
    ignore_id: int = 255
    lenient: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def encode(self, ids: np.ndarray) -> np.ndarray:
        """Maps file ids (uint8, any shape) to network indices (uint8), or to IGNORE or UNKNOWN."""
        table = np.full(256, IGNORE if self.lenient else UNKNOWN, np.uint8)
        table[self.ignore_id] = IGNORE
        table[list(self.ids)] = np.arange(len(self))
        return cv2.LUT(ids, table).reshape(ids.shape)  # four times as fast as indexing by numpy

    def decode(self, indices: np.ndarray) -> np.ndarray:
        """Maps network indices (uint8, any shape, each below the number of classes) to file ids (uint8)."""
        table = np.zeros(256, np.uint8)
        table[: len(self)] = self.ids
        return cv2.LUT(indices, table).reshape(indices.shape)

    def count_ignored(self, counts: np.ndarray) -> int:
        """Counts the pixels that do not count, given the number of pixels of each id, (256,)."""
        return 0 if self.ignore_id in self.ids else int(counts[self.ignore_id])

    def paint(self, indices: np.ndarray) -> np.ndarray:
        """Colours a mask of network indices, (H, W) -> uint8 RGB (H, W, 3); ignored pixels are white."""
        table = np.full((256, 3), 255, np.uint8)
        for index, color in enumerate(self.colors):
            table[index] = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        return table[indices]


def count_values(mask: np.ndarray) -> np.ndarray:
    """Counts the pixels of each value, 0 to 255: uint8 (H, W) -> int64 (256,).

    Exact up to 16 million pixels of one value, above that to seven digits.
    """
    counts = cv2.calcHist([mask], [0], None, [256], [0, 256])  # three times as fast as numpy's bincount
    return counts[:, 0].astype(np.int64)


@dataclass(frozen=True)
class Classes:
    """The classes of both tasks."""

    mask: ClassList
    label: ClassList

    def ignore_unknown_ids(self) -> "Classes":
        """Returns these classes with lenient masks, for a reference with more classes than Train."""
        return Classes(replace(self.mask, lenient=True), self.label)


def read_classes(folder: str | Path) -> Classes:
    """Reads `classes.csv` (task, id, name, color) of a data folder; without it, returns the competition's.

    Args:
        folder: `Train/` or a reference folder.

    Raises:
        DataError: it is no table, a column is missing, a task is neither mask nor label or has no class or
            too many, an id is no whole number from 0 to 255, a color is no #rrggbb, or an id or a name occurs
            twice in a task.
    """
    classes, _ = inspect_classes(folder)
    return classes


def inspect_classes(folder: str | Path) -> tuple[Classes, list[Problem]]:
    """Reads `classes.csv` as `read_classes` does, and returns notes of what was corrected as well."""
    path = Path(folder) / "classes.csv"
    if not path.exists():
        _refuse_misnamed(path)
        return Classes(_make_list(DEFAULT_MASK), _make_list(DEFAULT_LABEL)), []
    table, problems = read_table(path, COLUMNS)
    missing = [name for name in COLUMNS[:3] if name not in table]
    if missing:
        raise DataError(
            f"{path} must have the columns task, id, name and color, found {', '.join(table) or 'none'}; "
            f"add {', '.join(missing)}."
        )
    if not len(table):
        raise DataError(f"{path} must list the classes, found a head alone; add rows, or move the file away.")
    if "color" not in table:
        table["color"] = ""
    table["color"] = table["color"].mask(table["color"].map(is_blank), "")
    table["task"] = table["task"].str.lower()
    table["name"] = table["name"].mask(table["name"].str.lower() == "ignore", "ignore")
    table["id"] = _read_ids(path, table["id"])
    _check_table(path, table)
    problems += _find_shared_colors(path, table)
    rows = {"mask": DEFAULT_MASK, "label": DEFAULT_LABEL}
    for task, part in table.groupby("task"):
        rows[task] = list(zip(part["id"], part["name"], part["color"], strict=True))
    return Classes(_make_list(rows["mask"]), _make_list(rows["label"])), problems


def _refuse_misnamed(path: Path) -> None:
    """Refuses a folder without `classes.csv` that has a table of nearly this name, or a broken link.

    Raises:
        DataError: there is such a table or link.
    """
    found = explain_missing(path)
    if found:
        raise DataError(
            f"{path.parent} must list its classes in classes.csv, found {found}, or move it away if the "
            "classes are the competition's."
        )


def _read_ids(path: Path, cells: pd.Series) -> pd.Series:
    """Reads ids of classes, written as "2" or "2.0".

    Raises:
        DataError: a cell is no whole number from 0 to 255.
    """
    numbers = cells.map(read_number).astype(float)
    wrong = cells[~(numbers.between(0, 255) & (numbers % 1 == 0))]
    if len(wrong):
        remedy = "change it"
        if wrong.iloc[0].startswith("-"):
            remedy = "drop the row, because in data.csv an empty cell or -1 means no label"
        raise DataError(
            f"{path}: an id must be a whole number from 0 to 255, found '{wrong.iloc[0]}' in "
            f"{name_rows(wrong.index)}; {remedy}."
        )
    return numbers.astype(int)


def _check_table(path: Path, table: pd.DataFrame) -> None:
    """Refuses a table of classes that breaks a rule of `read_classes`."""
    wrong = table["task"][~table["task"].isin(("mask", "label"))]
    if len(wrong):
        raise DataError(
            f"{path}: a task must be mask or label, found '{wrong.iloc[0]}' in {name_rows(wrong.index)}; "
            "correct it."
        )
    wrong = table["color"][~table["color"].str.fullmatch(r"(#[0-9a-fA-F]{6})?")]
    if len(wrong):
        raise DataError(
            f"{path}: a color must be empty or #rrggbb, found '{wrong.iloc[0]}' in {name_rows(wrong.index)}; "
            "write for example #1f77b4."
        )
    count = ((table["task"] == "mask") & (table["name"] != "ignore")).sum()
    if count > MOST_MASK_CLASSES:
        raise DataError(
            f"{path} must list at most {MOST_MASK_CLASSES} mask classes besides 'ignore', found {count}; "
            "drop some, or merge several into one id in the masks."
        )
    for task, part in table.groupby("task"):
        _require_different(path, f"ids of task {task}", part["id"])
        _require_different(path, f"names of task {task}", part["name"])
        if (part["name"] == "ignore").all():
            raise DataError(f"{path}: task {task} must have a class besides 'ignore', found none; add some.")


def _find_shared_colors(path: Path, table: pd.DataFrame) -> list[Problem]:
    """Warns of classes of a task with the same color."""
    problems = []
    colored = table[(table["color"] != "") & (table["name"] != "ignore")]
    for (task, color), part in colored.groupby(["task", colored["color"].str.lower()]):
        if len(part) > 1:
            text = (
                f"{path}, {name_rows(part.index)}: {len(part)} classes of task {task} have the color "
                f"{color}, so figures show them alike; change it, or empty the cells."
            )
            problems.append(Problem("warning", text))
    return problems


def _require_different(path: Path, what: str, cells: pd.Series) -> None:
    """Refuses cells that are empty or occur more than once."""
    wrong = cells[cells.duplicated(keep=False) | (cells == "")]
    if len(wrong):
        value = wrong.iloc[0]
        rows = name_rows(cells.index[cells == value])
        raise DataError(
            f"{path}: the {what} must differ and not be empty, found '{value}' in {rows}; "
            "give each class its own."
        )


def write_classes(folder: Path) -> None:
    """Writes the competition's classes as `classes.csv`, so that scores and figures name them."""
    rows = [("mask", *row) for row in DEFAULT_MASK]
    rows += [("label", *row) for row in DEFAULT_LABEL]
    pd.DataFrame(rows, columns=["task", "id", "name", "color"]).to_csv(folder / "classes.csv", index=False)


def _make_list(rows: list[tuple[int, str, str]] | tuple) -> ClassList:
    """Makes the classes of a task from rows of (id, name, color).

    An empty color is the first one of PALETTE that no class has, so that no two classes look alike.
    """
    ignore_id = 255
    classes = []
    for id, name, color in rows:
        if name == "ignore":
            ignore_id = id
        else:
            classes.append((id, name, color))
    ids = []
    names = []
    colors = []
    given = {color.lower() for _, _, color in classes}
    free = cycle([color for color in PALETTE if color not in given] or PALETTE)
    for id, name, color in sorted(classes):
        ids.append(id)
        names.append(name)
        colors.append(color if color else next(free))
    return ClassList(tuple(ids), tuple(names), tuple(colors), ignore_id)
