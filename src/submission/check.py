"""The zip of a submission, read without trust: each rule of the competition that it breaks, told at once."""

import csv
import io
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pandas as pd

from src.common.cores import count_cores
from src.common.errors import DataError, SubmissionError
from src.data import image_files, mask_files
from src.data.classes import Classes, count_values
from src.submission.names import name_predictions

COLUMNS = ["image_path", "pred_name", "image_lvl_pred"]
LIMIT = 1000  # MB that a zip may have
MOST_UNPACKED = 4 * LIMIT  # MB that a zip may hold
MOST_EXPANSION = 200  # bytes out of one; a mask is packed already, and hardly grows
NEEDLESS = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")  # what systems put into zips by themselves
MOST_SHOWN = 20  # faults in one message
# zipfile says RuntimeError to a password, NotImplementedError to a compression that it does not know
BROKEN = (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error, EOFError, struct.error)


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
        checksums: CRC-32 of each mask's file by its name, from whoever made it of known ids: those that
            are read back byte for byte are not unpacked again.

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
    """Lists the rules that a zip breaks, a line each; takes what `check_submission` takes, writes nothing."""
    try:
        members = list_members(path, limit)
        table = read_table(path)
    except SubmissionError as error:
        return str(error).split("\n")
    names = name_predictions(samples)
    faults = _compare_names(path, members, names) + _compare_tables(path, table, samples, names, classes)
    ids: set[int] = set()
    mask_faults: list[tuple[str, str]] = []
    sizes = zip(samples["height"], samples["width"], strict=True)
    known = map((checksums or {}).get, names)
    wanted = [row for row in zip(names, sizes, known, strict=True) if f"data/{row[0]}" in members]
    with zipfile.ZipFile(path) as archive, ThreadPoolExecutor(count_cores()) as pool:
        examined = pool.map(lambda row: _examine_mask(archive, *row), wanted)
        for (name, *_), (found, fault) in zip(wanted, examined, strict=True):
            ids |= found
            mask_faults.append((name, fault))
    faults += _group_faults(path, mask_faults)
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


def _group_faults(path: Path, faults: list[tuple[str, str]]) -> list[str]:
    """Makes a line of all faults that differ only in names of files and in numbers.

    Args:
        path: of the zip.
        faults: name of each file, and what is wrong with it ("": nothing).
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, fault in faults:
        if fault:
            pattern = re.sub(r"\d+", "", fault.replace(name, ""))
            groups.setdefault(pattern, []).append((name, fault))
    lines = []
    for group in groups.values():
        line = f"{path.name}: {group[0][1]}"
        if len(group) > 1:
            names = ", ".join(name for name, _ in group[:MOST_SHOWN])
            more = f" and {len(group) - MOST_SHOWN} more" if len(group) > MOST_SHOWN else ""
            line += f" ({len(group)} files: {names}{more}.)"
        lines.append(line)
    return lines


# The zip ----------------------------------------------
def list_members(path: Path, limit: float = LIMIT) -> set[str]:
    """Lists the names in a zip, once it is known that it can be unpacked without harm.

    Args:
        path: the zip.
        limit: MB that it may have; `np.inf` for a zip of our own, however large.

    Raises:
        SubmissionError: it is no zip, too large, or holds a name that leaves the folder, a link, an encrypted
            file, one that grows beyond measure, or a name twice.
    """
    try:
        size = path.stat().st_size / 1e6
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except FileNotFoundError as error:
        raise SubmissionError(f"{path} is not there; name a zip, as one in submissions/.") from error
    except BROKEN as error:
        raise SubmissionError(
            f"{path} must be a zip, it cannot be read ({error}); write it again."
        ) from error
    if size > limit:
        raise SubmissionError(
            f"{path.name} must have at most {limit:g} MB, found {size:.1f}; write PNGs with CHANNELS=1."
        )
    faults = _group_faults(path, [(member.filename, _find_harm(member)) for member in members])
    total = sum(member.file_size for member in members) / 1e6
    if total > MOST_UNPACKED and limit < np.inf:
        faults.append(f"{path.name} would unpack to {total:.0f} MB, at most {MOST_UNPACKED} are read.")
    names = [member.filename for member in members]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    faults += [f"{path.name} holds {name} twice; write it once." for name in twice[:5]]
    if faults:
        raise SubmissionError("\n".join(faults[:MOST_SHOWN]))
    return {member.filename for member in members if not member.is_dir()}


def _find_harm(member: zipfile.ZipInfo) -> str:
    """Says what is dangerous about a member of a zip; "" where nothing is."""
    name = member.filename
    if ".." in PurePosixPath(name).parts or PureWindowsPath(name).anchor or "\\" in name:
        return f"the name '{name}' leaves the folder or is of another system; zip plain names."
    if stat.S_ISLNK(member.external_attr >> 16):
        return f"{name} is a link; put the file itself into the zip."
    if member.flag_bits & 1:
        return f"{name} is encrypted; zip without a password."
    if member.file_size > MOST_EXPANSION * max(member.compress_size, 1) and member.file_size > 1e6:
        return f"{name} would grow {member.file_size // max(member.compress_size, 1)} times; zip it again."
    return ""


def read_table(path: Path) -> pd.DataFrame:
    """Reads the table of a zip as text; its index holds the rows' numbers in the file, from 2 on.

    Raises:
        SubmissionError: there is none at the root, it is no table, or has other columns.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read("data.csv").decode("utf-8-sig")
    except KeyError:
        with zipfile.ZipFile(path) as archive:
            found = [name for name in archive.namelist() if name.endswith("data.csv")] or ["no data.csv"]
        raise SubmissionError(
            f"{path} must have data.csv at its root, found {found[0]}; zip the files, not their folder."
        ) from None
    except (*BROKEN, UnicodeDecodeError) as error:
        raise SubmissionError(
            f"{path}: data.csv must be a table in UTF-8, found {error}; write it again."
        ) from error
    try:
        head, *rows = list(csv.reader(io.StringIO(text, newline=""), strict=True)) or [[]]
    except csv.Error as error:
        raise SubmissionError(f"{path}: data.csv must be a table, found {error}; write it again.") from error
    if head != COLUMNS:
        raise SubmissionError(
            f"{path}: data.csv must have the columns {COLUMNS}, found {head}; write it with Save_test.ipynb."
        )
    numbered = {number: row for number, row in enumerate(rows, start=2) if any(row)}
    for number, row in numbered.items():
        if len(row) != len(COLUMNS):
            raise SubmissionError(
                f"{path}: data.csv must have three cells a row, row {number} has {len(row)}; write it with "
                "Save_test.ipynb."
            )
    return pd.DataFrame(list(numbered.values()), pd.Index(numbered, dtype=int), COLUMNS, dtype=str)


def read_mask(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Reads a mask of an open zip by its name in `data/`: uint8 ids, (height, width).

    Raises:
        SubmissionError: it is missing, or no mask as `mask_files.decode_ids` admits it.
    """
    try:
        return mask_files.decode_ids(io.BytesIO(_read_member(archive, name)), f"data/{name}")
    except DataError as error:
        raise SubmissionError(str(error)) from error


def read_mask_size(archive: zipfile.ZipFile, name: str) -> tuple[int, int]:
    """Reads (height, width) of a mask of an open zip, whose checksum zipfile compares."""
    try:
        header = image_files.check_header(io.BytesIO(_read_member(archive, name)), f"data/{name}", ("PNG",))
    except DataError as error:
        raise SubmissionError(str(error)) from error
    return header.height, header.width


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Reads the bytes of a mask's file in an open zip."""
    try:
        return archive.read(f"data/{name}")
    except (KeyError, *BROKEN) as error:
        raise SubmissionError(
            f"data/{name} must be an 8-bit PNG, found {str(error) or 'broken data'}; write the zip again."
        ) from error


# What is in it ----------------------------------------------
def _compare_names(path: Path, members: set[str], names: list[str]) -> list[str]:
    """Compares the files of a zip with those that the Test frames ask for."""
    expected, faults = {"data.csv"} | {f"data/{name}" for name in names}, []
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
    faults, listed, wanted = [], list(table["image_path"]), list(samples["image_path"])
    known, expected, counts = set(listed), set(wanted), Counter(listed)
    for word, found in (
        ("lacks", [name for name in wanted if name not in known]),
        ("holds the needless", [name for name in listed if name not in expected]),
        ("holds twice", sorted(name for name, count in counts.items() if count > 1)),
    ):
        if found:
            faults.append(
                f"{path.name}: data.csv {word} {_list_names(found)}; one row a frame of Test/data.csv."
            )
    if not faults and listed != wanted:
        faults.append(f"{path.name}: data.csv must list the frames in the order of Test/data.csv; sort it.")
    if not faults and list(table["pred_name"]) != names:
        row, found, wanted = next(
            (row, found, name)
            for (row, found), name in zip(table["pred_name"].items(), names, strict=True)
            if found != name
        )
        faults.append(
            f"{path.name}: pred_name must be <image stem>_pred.png without a folder, found "
            f"'{found}' in row {row}; write {wanted}."
        )
    labels = {str(id) for id in classes.label.ids}
    bad = table[~table["image_lvl_pred"].str.strip().str.removesuffix(".0").isin(labels)]
    if len(bad):
        faults.append(
            f"{path.name}: image_lvl_pred must be one of {classes.label.ids}, found "
            f"'{bad['image_lvl_pred'].iloc[0]}' in row {bad.index[0]} ({len(bad)} rows); write the id."
        )
    return faults


def _examine_mask(
    archive: zipfile.ZipFile, name: str, size: tuple[int, int], checksum: int | None
) -> tuple[set[int], str]:
    """Gives the ids of a mask (none where its checksum is known), and what is wrong with it ("": nothing)."""
    try:
        found = read_mask_size(archive, name)
        ids = read_mask(archive, name) if checksum is None and found == size else None
    except SubmissionError as error:
        return set(), str(error)
    if checksum not in (None, archive.getinfo(f"data/{name}").CRC):
        return set(), f"data/{name} must be as it was written, its bytes are others; write the zip again."
    if found != size:
        hint = "height and width are swapped" if found[::-1] == size else "resize it by nearest neighbour"
        words = f"{size[0]} x {size[1]} as its photo, found {found[0]} x {found[1]}"
        return set(), f"{name} must be {words}; {hint}."
    if ids is None:
        return set(), ""
    return set(np.flatnonzero(count_values(ids)).tolist()), ""
