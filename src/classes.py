"""Names, ids and colours of both tasks' classes; the map between a file's ids and the network's indices."""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

IGNORE = 255  # network index of a mask pixel that counts in no loss and no metric
NO_LABEL = -1  # network index of a frame without an image-level label
UNKNOWN = 254  # what encoding gives for an id that no class has
MOST_MASK_CLASSES = 254  # as many network indices as IGNORE and UNKNOWN leave
PALETTE = (  # Okabe & Ito 2008, then Tol's muted set: told apart by colour-blind eyes
    *("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#000000"),
    *("#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255", "#aa4499"),
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


class DataError(ValueError):
    """The user's data break a rule; the message names file, row or column, what was found and the way out."""


@dataclass(frozen=True)
class ClassList:
    """The classes of one task, in the order of the network's channels.

    Attributes:
        ids: the id that files use for each class; gaps are allowed.
        names: one name a class.
        colors: one "#rrggbb" a class.
        ignore_id: the id that files use for pixels that do not count.
        lenient: ids that no class has do not count either, as in a reference whose classes are others.
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
        return cv2.LUT(ids, table).reshape(ids.shape)  # a quarter of the time of numpy's indexing

    def decode(self, indices: np.ndarray) -> np.ndarray:
        """Maps network indices (uint8, any shape, each below the number of classes) to file ids (uint8)."""
        table = np.zeros(256, np.uint8)
        table[: len(self)] = self.ids
        return cv2.LUT(indices, table).reshape(indices.shape)

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
    found = cv2.calcHist([mask], [0], None, [256], [0, 256])  # a third of the time of numpy's bincount
    return found[:, 0].astype(np.int64)


@dataclass(frozen=True)
class Classes:
    """The classes of both tasks."""

    mask: ClassList
    label: ClassList

    def admit_others(self) -> "Classes":
        """Gives these classes for reading a reference, which may hold ids that Train does not know."""
        return Classes(replace(self.mask, lenient=True), self.label)


def read_classes(folder: str | Path) -> Classes:
    """Reads `classes.csv` (task, id, name, color) of a data folder; without it the competition's hold.

    Args:
        folder: `Train/` or a reference folder.

    Raises:
        DataError: it is no table, a column is missing, a task is neither mask nor label, an id is no whole
            number from 0 to 255, a color is no #rrggbb, or an id or a name occurs twice in a task.
    """
    path = Path(folder) / "classes.csv"
    if not path.exists():
        return Classes(_make_list(DEFAULT_MASK), _make_list(DEFAULT_LABEL))
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", keep_default_na=False, dtype=str).fillna("")
    except ValueError as error:  # of pandas, whatever is wrong with the text
        raise DataError(f"{path} must be a table in UTF-8, found {error}; save it as 'CSV UTF-8'.") from error
    if "color" not in table:
        table["color"] = ""
    _check_table(path, table)
    rows = {
        task: list(zip(part["id"].astype(int), part["name"], part["color"], strict=True))
        for task, part in table.groupby("task")
    }
    mask, label = rows.get("mask", DEFAULT_MASK), rows.get("label", DEFAULT_LABEL)
    return Classes(_make_list(mask), _make_list(label))


def _check_table(path: Path, table: pd.DataFrame) -> None:
    """Refuses a table of classes that breaks a rule of `read_classes`."""
    missing = {"task", "id", "name"} - set(table.columns)
    if missing:
        raise DataError(
            f"{path} must have the columns task, id, name and color; add {', '.join(sorted(missing))}."
        )
    bad = table["task"][~table["task"].isin(("mask", "label"))]
    if len(bad):
        raise DataError(f"{path}: a task must be mask or label, found '{bad.iloc[0]}'; correct it.")
    bad = table[~table["id"].str.fullmatch(r"\d{1,3}") | (pd.to_numeric(table["id"], errors="coerce") > 255)]
    if len(bad):
        raise DataError(
            f"{path}: an id must be a whole number from 0 to 255, found '{bad['id'].iloc[0]}'; change it."
        )
    bad = table["color"][~table["color"].str.fullmatch(r"(#[0-9a-fA-F]{6})?")]
    if len(bad):
        raise DataError(f"{path}: a color must be empty or #rrggbb, found '{bad.iloc[0]}'; write #1f77b4.")
    count = ((table["task"] == "mask") & (table["name"] != "ignore")).sum()
    if count > MOST_MASK_CLASSES:
        raise DataError(
            f"{path} must list at most {MOST_MASK_CLASSES} mask classes besides 'ignore', found {count}; "
            "leave some out, or give several one id in the masks."
        )
    for task, part in table.groupby("task"):
        for what, found in (("ids", part["id"].astype(int)), ("names", part["name"])):
            if found.duplicated().any() or (found == "").any():
                raise DataError(
                    f"{path}: the {what} of task {task} must differ and not be empty, found "
                    f"{found.tolist()}; give each class its own."
                )


def write_classes(folder: Path) -> None:
    """Writes the competition's classes as `classes.csv`, so that scores and figures name them."""
    tasks = (("mask", DEFAULT_MASK), ("label", DEFAULT_LABEL))
    rows = [(task, *row) for task, classes in tasks for row in classes]
    pd.DataFrame(rows, columns=["task", "id", "name", "color"]).to_csv(folder / "classes.csv", index=False)


def _make_list(rows: list[tuple[int, str, str]] | tuple) -> ClassList:
    ignore_id = next((row[0] for row in rows if row[1] == "ignore"), 255)
    rows = sorted(row for row in rows if row[1] != "ignore")
    colors = tuple(color or PALETTE[i % len(PALETTE)] for i, (_, _, color) in enumerate(rows))
    return ClassList(tuple(row[0] for row in rows), tuple(row[1] for row in rows), colors, ignore_id)
