"""Reads a table of photos and image-level labels, and finds the frame that each row names."""

from pathlib import Path, PurePosixPath

import pandas as pd

from src.bring.source import SourceFrame
from src.common.errors import DataError
from src.data.columns import UNKNOWN_LABELS, unify_case
from src.data.paths import compose_accents
from src.data.tables import is_blank, read_table

PHOTO_HEADS = ("photo", "image", "image_path", "file", "filename", "file_name", "name", "path")
LABEL_HEADS = ("label", "class", "category", "image_lvl_label")


def read_labels(path: Path, frames: list[SourceFrame]) -> tuple[dict[Path, str], list[str]]:
    """Reads the labels of a table, whose head names the columns of photos and of labels.

    A photo is written as its name or the end of its path, with or without ending.

    Args:
        path: CSV file in any usual separator and encoding.
        frames: that may be named.

    Returns:
        Labels by photo, because a frame of Train and one of Test may have the same name; sentences about rows
        and photos that have no match.

    Raises:
        DataError: the table cannot be read, no row names a photo, or a row names several; or two rows give a
            photo different labels.
    """
    table, notes = _read_table(path)
    by_stem: dict[str, list[SourceFrame]] = {}
    for frame in frames:
        by_stem.setdefault(compose_accents(frame.photo.stem), []).append(frame)
    labels: dict[Path, str] = {}
    unknown = []
    for photo, label in table.itertuples(index=False):
        frame = _find_frame(path, photo, by_stem)
        if frame is None:
            unknown.append(photo)
            continue
        if labels.setdefault(frame.photo, label) != label:
            raise DataError(
                f"{path} must give a photo one label, found '{labels[frame.photo]}' and '{label}' for "
                f"{photo}; correct it."
            )
    if not labels:
        raise DataError(
            f"{path} must name photos of the data set, as {frames[0].photo.name}, found none of its "
            f"{len(table)} rows, the first is {unknown[0] if unknown else 'missing'}; correct the names."
        )
    return labels, notes + _describe_unmatched(path.name, len(table), unknown, len(frames), len(labels))


def _describe_unmatched(name: str, rows: int, unknown: list[str], photos: int, labelled: int) -> list[str]:
    """Describes the rows of a table that name no photo, and the photos that no row names."""
    notes = []
    if unknown:
        notes.append(f"{len(unknown)} of {rows} rows of {name} name no photo, the first is {unknown[0]}.")
    if labelled < photos:
        notes.append(f"{photos - labelled} of {photos} photos have no row in {name}, so no label.")
    return notes


def _read_table(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Reads the columns of photos and labels, as text; labels as `columns.read_labels` compares them.

    Returns:
        The two columns; "" where a label is unknown, and a sentence that says so.

    Raises:
        DataError: the file is no table, or its head names no such columns.
    """
    table, _ = read_table(path, [*PHOTO_HEADS, *LABEL_HEADS])
    columns = {head.lower(): head for head in table.columns}
    found = []
    for kind, heads in (("photo", PHOTO_HEADS), ("label", LABEL_HEADS)):
        named = [columns[head] for head in heads if head in columns]
        if not named:
            raise DataError(
                f"{path} must begin with a head that names a column {kind} ({', '.join(heads)}), found "
                f"{', '.join(table.columns)}; name it."
            )
        found.append(named[0])
    table = table.loc[table[found[0]] != "", found]
    labels = table[found[1]].str.replace(r"^(\d+)\.0+$", r"\1", regex=True)  # as some programs save numbers
    unknown = labels.map(is_blank) | labels.str.lower().isin(UNKNOWN_LABELS)
    table[found[1]] = unify_case(labels).mask(unknown, "")
    words = sorted(set(labels[unknown]) - {""})
    unknown &= labels != ""
    notes = [f"{unknown.sum()} labels of {path.name} are unknown ({', '.join(words)})."] if words else []
    return table, notes


def _find_frame(path: Path, photo: str, by_stem: dict[str, list[SourceFrame]]) -> SourceFrame | None:
    """Finds the frame whose photo's path ends as it is written in the table; None for none.

    Raises:
        DataError: there are several.
    """
    written = PurePosixPath(compose_accents(photo.replace("\\", "/")))
    found = []
    for stem in {written.stem, written.name}:  # a name without ending may hold a point
        for frame in by_stem.get(stem, []):
            parts = (*map(compose_accents, frame.photo.parent.parts), stem)
            if parts[-len(written.parts) :] == (*written.parts[:-1], stem):
                found.append(frame)
    if len(found) > 1:
        raise DataError(
            f"{path} must name one photo a row, found {len(found)} for '{photo}'; write more of its path, as "
            f"{found[0].photo.parent.name}/{found[0].photo.name}."
        )
    return found[0] if found else None
