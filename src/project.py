"""The data of a notebook: finds the folders, checks the files and reads the tables."""

import hashlib
import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from src import runs
from src.common import files
from src.common.errors import DataError
from src.data import classes as class_lists
from src.data.classes import Classes
from src.data.doctor import Diagnosis, examine
from src.data.location import RENDERED, holds_user_data, refuse_part
from src.data.samples import read_samples, refuse
from src.world import generate

SYNTHETIC = "synthetic world"  # note in every figure of the built-in world
LAST = "data.txt"  # file in runs/ with the data folder that was used last
EXAMINED = "examined"  # folder in runs/ with findings of the data doctor, by the fingerprint of the files


@dataclass(frozen=True, eq=False, repr=False)
class Project:
    """The checked data: Train and, where it is needed, Test.

    Attributes:
        folder: holds Train and Test.
        diagnosis: findings of the data doctor.
        classes: of both tasks.
        train: table of the Train frames, of `samples.read_samples`.
        test: table of the Test frames; None where Test was left out.
        reference: folder with the truth of Test, not opened yet; None where there is none.
    """

    folder: Path
    diagnosis: Diagnosis
    classes: Classes
    train: pd.DataFrame
    test: pd.DataFrame | None
    reference: Path | None

    @classmethod
    def open(cls, folder: str | Path, reference: str | Path = "", with_test: bool = True) -> "Project":
        """Finds the data, examines every file and prints the problems.

        Args:
            folder: holds Train and Test; "." is the project's own folder, which the built-in world replaces
                while both are empty; "" is the folder that was used last.
            reference: folder with the truth of Test, if there is one.
            with_test: False leaves Test out.

        Raises:
            DataError: the data have errors, or `reference` holds no data.csv.
        """
        named = folder or _recall()
        folder = find_data(named)
        if folder.is_dir():
            _remember(named)
        truth = find_reference(reference, folder)
        diagnosis = examine_cached(folder / "Train", folder / "Test" if with_test else None)
        refuse(diagnosis.problems)
        print(diagnosis.describe())
        classes = class_lists.read_classes(folder / "Train")
        train = read_samples(folder / "Train", classes)
        test = read_samples(folder / "Test", classes) if with_test else None
        return cls(folder, diagnosis, classes, train, test, truth)

    @property
    def note(self) -> str:
        """Returns the note that every figure of these data must carry; "" for real data."""
        return SYNTHETIC if (self.folder / "Train" / "world.json").exists() else ""

    def __repr__(self) -> str:
        return self.diagnosis.frames.to_string()

    def _repr_html_(self) -> str:
        """Shows in a notebook the table of the frames."""
        return self.diagnosis.frames.to_html()


def _remember(folder: str | Path) -> None:
    """Stores the folder as the one that was used last."""
    path = runs.RUNS / LAST
    files.write_atomically(path, lambda beside: beside.write_text(str(folder), encoding="utf-8"))


def _recall() -> str:
    """Returns the folder that was used last, and prints it; "." if there is none."""
    path = runs.RUNS / LAST
    last = path.read_text(encoding="utf-8") if path.exists() else "."
    print(f"The data are those of DATA = '{last}', which was used last.")
    return last


def examine_cached(train: Path, test: Path | None) -> Diagnosis:
    """Examines Train and Test as `doctor.examine` does, or reads its stored findings for unchanged files."""
    path = runs.RUNS / EXAMINED / f"{_fingerprint_files(train, test)}.pickle"
    if path.exists():
        return pickle.loads(path.read_bytes())
    diagnosis = examine(train, test)
    if all(problem.level != "error" for problem in diagnosis.problems):
        content = pickle.dumps(diagnosis)
        files.write_atomically(path, lambda beside: beside.write_bytes(content))
    return diagnosis


def _fingerprint_files(train: Path, test: Path | None) -> str:
    """Returns 16 hex digits that identify the files of Train and Test, and the code that reads them.

    They change with the content of a table, with path, size or modification time of any other file, and with
    the version of pandas, which may not read what another one stored. Linked folders are followed; a link
    that leads nowhere counts as itself.
    """
    digest = hashlib.sha256(f"{pd.__version__} {files.fingerprint_code()}".encode())
    for folder in (train, test):
        if folder is None:
            digest.update(b"None")
            continue
        digest.update(repr(str(folder.resolve())).encode())
        for path in _list_files(folder):
            exists = path.exists()
            content = path.read_bytes() if exists and path.suffix == ".csv" else b""
            state = path.stat() if exists else path.lstat()
            digest.update(repr((str(path), state.st_size, state.st_mtime_ns, content)).encode())
    return digest.hexdigest()[:16]


def _list_files(folder: Path) -> list[Path]:
    """Lists all files below a folder, also behind links; a folder that links to itself is listed once."""
    found: list[Path] = []
    visited: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        found += [Path(place) / name for name in names]
    return sorted(found)


def find_data(folder: str | Path) -> Path:
    """Returns the folder that holds Train and Test; renders the built-in world where it is needed.

    Args:
        folder: value of DATA; "." is the project's own folder, which the built-in world replaces while Train
            and Test are empty.

    Raises:
        DataError: the folder is Train or Test itself.
    """
    folder = files.expand_home(folder)
    refuse_part(folder)
    if folder != Path() or holds_user_data(folder):
        return folder
    if not (RENDERED / "reference" / "world.json").exists():  # this file is written last
        print("Train/ and Test/ are empty, so the built-in world is rendered and used; it is synthetic.")
        generate.write_world(RENDERED)
    return RENDERED


def find_reference(reference: str | Path, folder: Path) -> Path | None:
    """Returns the folder with the truth of Test: the value of REFERENCE, the built-in world's, or None.

    No file in it is opened, so that the truth stays unread until the zip is written.

    Raises:
        DataError: the value of REFERENCE holds no data.csv.
    """
    if reference:
        path = files.expand_home(reference)
        if not (path / "data.csv").exists():
            raise DataError(
                "REFERENCE must be a folder with data.csv and the true masks of Test, found no data.csv in "
                f"'{reference}'; name that folder, or set REFERENCE=''."
            )
        return path
    return folder / "reference" if (folder / "Test" / "world.json").exists() else None
