"""Opens the zip of a submission, whoever wrote it: its names, its table and its masks."""

import csv
import io
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pandas as pd

from src.common.errors import DataError, SubmissionError
from src.data import image_files, mask_files

COLUMNS = ["image_path", "pred_name", "image_lvl_pred"]
LIMIT = 1000  # MB that a zip may have
MOST_UNPACKED = 4 * LIMIT  # MB that a zip may hold
MOST_EXPANSION = 200  # unpacked bytes for each byte in the zip; a PNG is compressed already and hardly grows
MOST_SHOWN = 20  # faults in one message
# zipfile raises RuntimeError for a password, and NotImplementedError for a compression that it does not know.
BROKEN = (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error, EOFError, struct.error)


def list_members(path: Path, limit: float = LIMIT) -> set[str]:
    """Checks that a zip can be unpacked without harm, and lists the files in it.

    Args:
        path: the zip.
        limit: MB that it may have; `np.inf` for a zip of our own, however large.

    Raises:
        SubmissionError: it is no zip, too large, or holds a name that leaves the folder, a link, an encrypted
            file, one that grows beyond measure, or a name twice.
    """
    if path.is_dir():
        raise SubmissionError(f"{path} must be a zip, found a folder; zip the files in it.")
    try:
        size = path.stat().st_size / 1e6
        with zipfile.ZipFile(path) as zipped:
            members = zipped.infolist()
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
    faults = group_faults(path, [(member.filename, _find_harm(member)) for member in members])
    total = sum(member.file_size for member in members) / 1e6
    if total > MOST_UNPACKED and limit < np.inf:
        faults.append(f"{path.name} would unpack to {total:.0f} MB, at most {MOST_UNPACKED} are read.")
    names = [member.filename for member in members]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    faults += [f"{path.name} holds {name} twice; write it once." for name in twice[:5]]
    if faults:
        raise SubmissionError("\n".join(faults[:MOST_SHOWN]))
    return {member.filename for member in members if not member.is_dir()}


def _find_harm(member: zipfile.ZipInfo) -> str:
    """Describes what is dangerous about a member of a zip; "" for nothing."""
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
        SubmissionError: data.csv is not at the root, is no table, or has other columns.
    """
    try:
        with zipfile.ZipFile(path) as zipped:
            text = zipped.read("data.csv").decode("utf-8-sig")
    except KeyError:
        with zipfile.ZipFile(path) as zipped:
            elsewhere = [name for name in zipped.namelist() if name.endswith("data.csv")]
        found = elsewhere[0] if elsewhere else "no data.csv"
        raise SubmissionError(
            f"{path} must have data.csv at its root, found {found}; zip the files, not their folder."
        ) from None
    except (*BROKEN, UnicodeDecodeError) as error:
        raise SubmissionError(
            f"{path}: data.csv must be a table in UTF-8, found {error}; write it again."
        ) from error
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise SubmissionError(f"{path}: data.csv must be a table, found {error}; write it again.") from error
    head = lines[0] if lines else []
    if head != COLUMNS:
        raise SubmissionError(
            f"{path}: data.csv must have the columns {COLUMNS}, found {head}; write it with Save_test.ipynb."
        )
    numbered = {number: row for number, row in enumerate(lines[1:], start=2) if any(row)}
    for number, row in numbered.items():
        if len(row) != len(COLUMNS):
            raise SubmissionError(
                f"{path}: data.csv must have three cells a row, row {number} has {len(row)}; write it with "
                "Save_test.ipynb."
            )
    return pd.DataFrame(list(numbered.values()), pd.Index(numbered, dtype=int), COLUMNS, dtype=str)


def read_mask(zipped: zipfile.ZipFile, name: str) -> np.ndarray:
    """Reads a mask of an open zip by its name in `data/`: uint8 ids, (height, width).

    Raises:
        SubmissionError: it is missing, or `mask_files.decode_ids` refuses it.
    """
    try:
        return mask_files.decode_ids(io.BytesIO(_read_member(zipped, name)), f"data/{name}")
    except DataError as error:
        raise SubmissionError(str(error)) from error


def read_mask_size(zipped: zipfile.ZipFile, name: str) -> tuple[int, int]:
    """Reads (height, width) of a mask of an open zip. zipfile compares its checksum on the way."""
    try:
        header = image_files.check_header(io.BytesIO(_read_member(zipped, name)), f"data/{name}", ("PNG",))
    except DataError as error:
        raise SubmissionError(str(error)) from error
    return header.height, header.width


def _read_member(zipped: zipfile.ZipFile, name: str) -> bytes:
    """Reads the bytes of a mask's file in an open zip."""
    try:
        return zipped.read(f"data/{name}")
    except (KeyError, *BROKEN) as error:
        raise SubmissionError(
            f"data/{name} must be an 8-bit PNG, found {str(error) or 'broken data'}; write the zip again."
        ) from error


def group_faults(path: Path, faults: list[tuple[str, str]]) -> list[str]:
    """Makes a line of all faults that differ only in names of files and in numbers.

    Args:
        path: of the zip.
        faults: name of each file, and what is wrong with it; "" for nothing.
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
