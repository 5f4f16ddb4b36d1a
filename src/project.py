"""The data of a notebook: where they lie, what is in them, what is wrong with them."""

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
from src.data.location import RENDERED, holds_user_data
from src.data.samples import read_samples, refuse
from src.world import generate

SYNTHETIC = "synthetic world"  # stands in every figure of it
LAST = "data.txt"  # in runs/: the folder that was used last
EXAMINED = "examined"  # in runs/: what the data doctor found, by the fingerprint of the files


@dataclass(frozen=True, eq=False, repr=False)
class Project:
    """Train and Test, checked.

    Attributes:
        folder: holds Train and Test.
        diagnosis: what the data doctor found.
        classes: of both tasks.
        train: table of the Train frames, of `data.read_samples`.
        test: table of the Test frames; None where it was not asked for.
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
        """Finds the data, has every file of them looked at, and prints what is wrong.

        Args:
            folder: holds Train and Test; "." is the project's own, whose place the built-in world takes where
                both are empty; "" is the one that was used last.
            reference: folder with the truth of Test, if there is one.
            with_test: False leaves Test unread.

        Raises:
            DataError: something is wrong that would spoil the result, or `reference` holds no data.csv.
        """
        folder = find_data(_remember(folder))
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
        """Says what every figure must say of these data; "" where there is nothing to say."""
        return SYNTHETIC if (self.folder / "Train" / "world.json").exists() else ""

    def __repr__(self) -> str:
        return self.diagnosis.frames.to_string()

    def _repr_html_(self) -> str:
        """Shows a notebook how many frames of which kind there are."""
        return self.diagnosis.frames.to_html()


def _remember(folder: str | Path) -> str | Path:
    """Notes the folder for the notebooks that come later or, where none is named, gives the last one."""
    path = runs.RUNS / LAST
    if folder:
        files.write_atomically(path, lambda beside: beside.write_text(str(folder), encoding="utf-8"))
        return folder
    last = path.read_text(encoding="utf-8") if path.exists() else "."
    print(f"The data are those of DATA = '{last}', which was used last.")
    return last


def examine_cached(train: Path, test: Path | None) -> Diagnosis:
    """Examines Train and Test as `doctor.examine` does, or reads what it found of the same files before."""
    path = runs.RUNS / EXAMINED / f"{_fingerprint_files(train, test)}.pickle"
    if path.exists():
        return pickle.loads(path.read_bytes())
    diagnosis = examine(train, test)
    if all(problem.level != "error" for problem in diagnosis.problems):
        content = pickle.dumps(diagnosis)
        files.write_atomically(path, lambda beside: beside.write_bytes(content))
    return diagnosis


def _fingerprint_files(train: Path, test: Path | None) -> str:
    """Names the files of Train and Test, and the code that reads them, by 16 hex digits.

    Linked folders are followed, and a link that leads nowhere counts as itself.

    They change with the content of a table, and with the place, size or time of change of any other file.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    for folder in (train, test):
        digest.update(repr(folder and str(folder.resolve())).encode())
        for path in _list_files(folder) if folder else []:
            there = path.exists()
            content = path.read_bytes() if there and path.suffix == ".csv" else b""
            state = path.stat() if there else path.lstat()
            digest.update(repr((str(path), state.st_size, state.st_mtime_ns, content)).encode())
    return digest.hexdigest()[:16]


def _list_files(folder: Path) -> list[Path]:
    """Lists all files below a folder, also behind links; a folder that leads back to itself is taken once."""
    found: list[Path] = []
    known: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in known:
            folders.clear()
            continue
        known.add(real)
        found += [Path(place) / name for name in names]
    return sorted(found)


def find_data(folder: str | Path) -> Path:
    """Gives the folder that holds Train and Test: the user's, or the built-in world where both are empty.

    Args:
        folder: what the settings say; "." is the project's own folder, whose data the world stands in for.
    """
    folder = files.expand_home(folder)
    if folder != Path() or holds_user_data(folder):
        return folder
    if not (RENDERED / "reference" / "world.json").exists():  # what is written last
        print("Train/ and Test/ are empty, so the built-in world is rendered and used; it is synthetic.")
        generate.write_world(RENDERED)
    return RENDERED


def find_reference(reference: str | Path, folder: Path) -> Path | None:
    """Gives the folder with the truth of Test: what the settings say, the world's own, or None.

    Nothing in it is opened here, so that it can be asked for before the zip is written.

    Raises:
        DataError: what the settings say holds no data.csv.
    """
    if reference and not (files.expand_home(reference) / "data.csv").exists():
        raise DataError(
            f"REFERENCE must be a folder with data.csv and the true masks of Test, found '{reference}'."
        )
    if reference:
        return files.expand_home(reference)
    return folder / "reference" if (folder / "Test" / "world.json").exists() else None
