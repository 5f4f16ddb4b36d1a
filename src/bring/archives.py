"""Unpacks the zip that a data set comes in, and names archives that are not read."""

import zipfile
import zlib
from pathlib import Path

from src.common.errors import DataError

OTHERS = (".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")


def unpack(path: Path, folder: Path) -> Path:
    """Unpacks a zip into a folder, and returns that; returns the path itself if it is no archive.

    Raises:
        DataError: it is broken, is packed in a way that Python lacks, or is another archive.
    """
    ending = path.suffix.lower()
    if not path.is_file() or ending not in (".zip", *OTHERS):
        return path
    if ending in OTHERS:
        raise DataError(
            f"{path} must be a folder or a zip, found an archive of type {ending}; unpack it, and name the "
            "folder."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _extract(path, archive, member, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path} must be a zip, found a broken one ({error}); download it again.") from error
    return folder


def _extract(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Extracts one member of a zip, never outside of the folder.

    Raises:
        DataError: it has a password or a method of packing that Python lacks, or the system refuses its name.
    """
    name = member.filename
    member.filename = name.replace("\\", "/")  # some programs of Windows write these
    try:
        archive.extract(member, folder)
    except RuntimeError as error:  # of a password, or NotImplementedError of a method, as Deflate64
        found = "it has a password" if member.flag_bits & 1 else error
        raise DataError(
            f"{path} must be a zip that Python unpacks, found {name}: {found}; unpack it by another program, "
            "and name the folder."
        ) from error
    except OSError as error:
        raise DataError(
            f"{path} must be unpacked first, found {name}: {error.strerror}; unpack it by hand, and name the "
            "folder."
        ) from error
