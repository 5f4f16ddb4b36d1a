"""Checks the zip of a submission and lists every rule of the competition that it breaks."""

import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from src.common.cores import count_cores
from src.common.errors import SubmissionError
from src.data import mask_files
from src.data.classes import Classes, count_values
from src.submission import archive
from src.submission.archive import LIMIT, MOST_SHOWN
from src.submission.names import name_predictions

NEEDLESS = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")  # files that macOS and Windows add to zips


def check_submission(
    path: Path,
    samples: pd.DataFrame,
    classes: Classes,
    limit: float = LIMIT,
    checksums: dict[str, int] | None = None,
) -> None:
    """Reads a zip and compares it with the Test frames.

    Args:
        path: the zip.
        samples: table of the Test frames.
        classes: the ids that may occur.
        limit: MB that the platform takes.
        checksums: CRC-32 of the masks' files by name, where the ids in them are known. A mask whose checksum
            is right is not unpacked.

    Raises:
        SubmissionError: a line for each rule that it breaks, the first MOST_SHOWN.
    """
    faults = find_faults(path, samples, classes, limit, checksums)
    if len(faults) > MOST_SHOWN:
        faults[MOST_SHOWN:] = [f"... and {len(faults) - MOST_SHOWN} more."]
    if faults:
        raise SubmissionError("\n".join(faults))


def find_faults(
    path: Path,
    samples: pd.DataFrame,
    classes: Classes,
    limit: float = LIMIT,
    checksums: dict[str, int] | None = None,
) -> list[str]:
    """Lists the rules that a zip breaks, one line each. The arguments are those of `check_submission`."""
    try:
        members = archive.list_members(path, limit)
        table = archive.read_table(path)
    except SubmissionError as error:
        return str(error).split("\n")
    names = name_predictions(samples)
    faults = _compare_names(path, members, names) + _compare_tables(path, table, samples, names, classes)
    ids: set[int] = set()
    mask_faults: list[tuple[str, str]] = []
    sizes = zip(samples["height"], samples["width"], strict=True)
    if checksums is None:
        checksums = {}
    known = [checksums.get(name) for name in names]
    wanted = [row for row in zip(names, sizes, known, strict=True) if f"data/{row[0]}" in members]
    with zipfile.ZipFile(path) as zipped, ThreadPoolExecutor(count_cores()) as pool:
        examined = pool.map(lambda row: _examine_mask(zipped, *row), wanted)
        for (name, *_), (found, fault) in zip(wanted, examined, strict=True):
            ids |= found
            mask_faults.append((name, fault))
    faults += archive.group_faults(path, mask_faults)
    unknown = sorted(ids - set(classes.mask.ids))
    if unknown:
        reason = (
            mask_files.guess_reason(ids, classes.mask)
            or f"the ids are {mask_files.shorten(classes.mask.ids)}"
        )
        faults.append(
            f"{path.name}: masks hold the ids {mask_files.shorten(unknown)}, which no class has; {reason}."
        )
    return faults


def _compare_names(path: Path, members: set[str], names: list[str]) -> list[str]:
    """Compares the files of a zip with those that the Test frames need."""
    expected = {"data.csv"} | {f"data/{name}" for name in names}
    faults = []
    surplus = sorted(members - expected)
    system = [name for name in surplus if set(PurePosixPath(name).parts) & set(NEEDLESS)]
    if system:
        faults.append(f"{path.name} holds {system[0]}, which the system put there; zip without such files.")
    if "metadata" in members:
        faults.append(
            f"{path.name} holds a file called metadata, which the platform takes for its own; drop it."
        )
    surplus = [name for name in surplus if name not in system and name != "metadata"]
    for word, found in (("lacks", sorted(expected - members)), ("holds the needless", surplus)):
        if found:
            faults.append(f"{path.name} {word} {_list_names(found)}; write it with Save_test.ipynb.")
    return faults


def _list_names(names: list[str]) -> str:
    """Lists the first five names, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _compare_tables(
    path: Path, table: pd.DataFrame, samples: pd.DataFrame, names: list[str], classes: Classes
) -> list[str]:
    """Compares the table of a zip with the Test frames."""
    faults = _compare_frames(path, table, samples)
    if not faults:
        faults = _compare_mask_names(path, table, names)
    labels = {str(id) for id in classes.label.ids}
    bad = table[~table["image_lvl_pred"].str.strip().str.removesuffix(".0").isin(labels)]
    if len(bad):
        faults.append(
            f"{path.name}: image_lvl_pred must be one of {classes.label.ids}, found "
            f"'{bad['image_lvl_pred'].iloc[0]}' in row {bad.index[0]} ({len(bad)} rows); write the id."
        )
    return faults


def _compare_frames(path: Path, table: pd.DataFrame, samples: pd.DataFrame) -> list[str]:
    """Compares which frames a zip's table lists, and in which order, with the Test frames."""
    listed = list(table["image_path"])
    wanted = list(samples["image_path"])
    counts = Counter(listed)
    expected = set(wanted)
    findings = {
        "lacks": [name for name in wanted if name not in counts],
        "holds the needless": [name for name in listed if name not in expected],
        "holds twice": sorted(name for name, count in counts.items() if count > 1),
    }
    faults = []
    for finding, frames in findings.items():
        if frames:
            faults.append(
                f"{path.name}: data.csv {finding} {_list_names(frames)}; one row a frame of Test/data.csv."
            )
    if not faults and listed != wanted:
        faults.append(f"{path.name}: data.csv must list the frames in the order of Test/data.csv; sort it.")
    return faults


def _compare_mask_names(path: Path, table: pd.DataFrame, names: list[str]) -> list[str]:
    """Compares the masks' names in a zip's table, whose rows are the Test frames', with `names`."""
    for (row, found), name in zip(table["pred_name"].items(), names, strict=True):
        if found != name:
            return [
                f"{path.name}: pred_name must be <image stem>_pred.png without a folder, found "
                f"'{found}' in row {row}; write {name}."
            ]
    return []


def _examine_mask(
    zipped: zipfile.ZipFile, name: str, size: tuple[int, int], checksum: int | None
) -> tuple[set[int], str]:
    """Examines one mask of an open zip.

    Args:
        zipped: the open zip.
        name: of the mask's file in `data/`.
        size: (height, width) of its photo.
        checksum: CRC-32 that the file should have; None where it is not known.

    Returns:
        The ids in it, none where the checksum is known; and what is wrong with it, "" for nothing.
    """
    try:
        found = archive.read_mask_size(zipped, name)
        ids = archive.read_mask(zipped, name) if checksum is None and found == size else None
    except SubmissionError as error:
        return set(), str(error)
    if checksum not in (None, zipped.getinfo(f"data/{name}").CRC):
        return set(), f"data/{name} has changed since it was written; write the zip again."
    if found != size:
        hint = "height and width are swapped" if found[::-1] == size else "resize it by nearest neighbour"
        words = f"{size[0]} x {size[1]} as its photo, found {found[0]} x {found[1]}"
        return set(), f"{name} must be {words}; {hint}."
    if ids is None:
        return set(), ""
    return set(np.flatnonzero(count_values(ids)).tolist()), ""
