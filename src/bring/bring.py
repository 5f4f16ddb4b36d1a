"""Brings a data set of another tool into the project's layout: `python -m src bring SOURCE OUT`."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np

from src.bring import cityscapes, coco, folders, label_studio, labelme_files, video, vistas, voc, yolo
from src.bring.archives import unpack
from src.bring.drives import name_drives
from src.bring.labels import make_labeller, read_rule
from src.bring.pixels import read_json
from src.bring.source import BACKGROUND, Options, Source, SourceClass, SourceFrame, is_background
from src.bring.strangers import name_strangers
from src.bring.write import Writer, Written
from src.common.errors import DataError, MissingError, SettingsError, UserError
from src.data import classes as class_lists
from src.data.classes import IGNORE, Classes

# In the order in which a source is compared with them: a plain folder of photos matches nearly everything.
READERS = (cityscapes, vistas, voc, yolo, label_studio, labelme_files, coco, video, folders)
FORMATS = {reader.NAME: reader for reader in READERS}


@dataclass(frozen=True)
class Labels:
    """Where image-level labels come from.

    Attributes:
        table: "folders", the path of a table, or "" for what the source itself says.
        rule: on the masks, or "".
    """

    table: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Brought:
    """What was brought.

    Attributes:
        format: of the source, for people.
        written: rows of Train, Test and reference.
        left: sentences that say what was left out, and why.
    """

    format: str
    written: Written
    left: list[str]

    def describe(self) -> str:
        """Says what was found, written and left out."""
        written = self.written
        masks = sum("label_path" in row.cells for row in written.train)
        labels = Counter(row.label for row in written.train if row.label)
        lines = [f"Format: {self.format}."]
        lines.append(
            f"Train: {len(written.train)} frames, {masks} with a mask, {labels.total()} with a label."
        )
        if labels:
            lines.append("Labels: " + ", ".join(f"{name} {labels[name]}" for name in written.labels) + ".")
        if written.test:
            lines.append(f"Test: {len(written.test)} frames; {self._describe_truth()}.")
        lines += [f"Note: {text}" for text in self.left]
        return "\n".join(lines)

    def _describe_truth(self) -> str:
        known = len(self.written.truth)
        return f"the truth of {known} is in reference/" if known else "their truth is not known"


def bring(
    source: Path,
    out: Path,
    test: Path | None = None,
    name: str = "",
    options: Options | None = None,
    labels: Labels | None = None,
    link: bool = False,
) -> Brought:
    """Writes the frames of a source as `Train/`, and those of another one, or of its test part, as `Test/`.

    Args:
        source: folder, zip or file.
        out: folder to make.
        test: folder, zip or video with the frames of Test; None takes the test part of the source.
        name: of the format, a key of FORMATS; "" finds it.
        options: how the source is read; its `work` is replaced.
        labels: where the image-level labels come from.
        link: True links photos, False copies them.

    Raises:
        DataError: the source cannot be read, or `out` holds something; nothing is written then.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(
            f"{out} must be a new or an empty folder, found files in it; delete it, or name another."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    read_json.cache_clear()  # files may have changed since an earlier call
    with tempfile.TemporaryDirectory(prefix=".bring-", dir=out.parent) as folder:
        work = Path(folder) / "work"
        work.mkdir()
        options = replace(options or Options(work), work=work)
        with _name_zips({work / "source": source, work / "test": test}):
            found = _read("SOURCE", source, name, options, work / "source")
            options = replace(options, table=found.table)
            other = _read("--test", test, "", options, work / "test") if test else None
            brought = _write(found, other, Path(folder) / "out", options, labels or Labels(), link)
        if out.exists():
            out.rmdir()
        (Path(folder) / "out").replace(out)
    return brought


@contextmanager
def _name_zips(unpacked: dict[Path, Path | None]) -> Iterator[None]:
    """Names the zip in a message in place of the folder that it was unpacked to, which is gone by then."""
    try:
        yield
    except UserError as error:
        text = str(error)
        for folder, path in unpacked.items():
            text = text.replace(str(folder), str(path))
        raise type(error)(text) from error


def _read(what: str, path: Path, name: str, options: Options, unpacked: Path) -> Source:
    """Reads a source of a named format, or of the first one that fits.

    Raises:
        MissingError: there is no such path.
        SettingsError: the format is unknown.
        DataError: no format fits.
    """
    if not path.exists():
        raise MissingError(
            f"{what} must be a folder, a zip or a video, found nothing at {path}; correct the path."
        )
    if name and name not in FORMATS:
        raise SettingsError(f"--format must be one of {', '.join(FORMATS)}, found '{name}'.")
    folder = _enter(unpack(path, unpacked))
    reader = FORMATS[name] if name else _find_reader(folder)
    if reader is None or not reader.is_source(folder):
        wanted = f"of the format {name}" if name else f"of one of the formats {', '.join(FORMATS)}"
        text = f"{path} must be {wanted}, found another; docs/your-data.md says what each one holds."
        raise DataError(" ".join([text, *name_strangers(folder)]))
    is_test = what == "--test"
    work = options.work / unpacked.name
    source = reader.read(folder, replace(options, work=work, photos_suffice=is_test))
    source.frames = _name_apart(source.frames)
    # If every frame is of the test part, the whole source is what the user gives it as.
    if all(frame.is_test for frame in source.frames):
        source.frames = [replace(frame, is_test=False) for frame in source.frames]
    if options.drive:
        name_drives(source, options.drive, folder, is_test)
    return source


def _enter(path: Path) -> Path:
    """Enters folders that hold nothing but one folder, as zips often do."""
    while path.is_dir():
        inside = [entry for entry in path.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
        if len(inside) != 1 or not inside[0].is_dir() or _find_reader(path) not in (None, folders):
            break
        path = inside[0]
    return path


def _find_reader(folder: Path) -> ModuleType | None:
    """Finds the first format that fits."""
    return next((reader for reader in READERS if reader.is_source(folder)), None)


def _name_apart(frames: list[SourceFrame]) -> list[SourceFrame]:
    """Gives each frame a name of its own, also where A and a are the same: a number follows a taken name."""
    taken: set[str] = set()
    apart = []
    for frame in frames:
        name = frame.name
        number = 2
        while name.casefold() in taken:
            name = f"{frame.name}-{number}"
            number += 1
        taken.add(name.casefold())
        apart.append(replace(frame, name=name))
    return apart


def _write(
    source: Source, test: Source | None, out: Path, options: Options, labels: Labels, link: bool
) -> Brought:
    """Writes Train of the source, and Test of the other one or of the source's test part."""
    left = list(source.left)
    known = _read_classes(options.classes)
    if known is not None:
        listed = zip(known.mask.names, known.mask.colors, strict=True)
        classes = [SourceClass(name, color) for name, color in listed]
        source.frames = _match_classes(source, classes, left, "the source")
        source.classes = classes
    names = [one.name for one in source.classes]
    train = [
        frame for frame in source.frames if not frame.is_test or (test and (frame.read_mask or frame.label))
    ]
    tests = [frame for frame in source.frames if frame.is_test]
    if test:
        tests = _match_classes(test, source.classes, left, "Test's truth")
        left += [f"(Test) {text}" for text in test.left if text not in source.left]
    labeller, unmatched = make_labeller(labels.table, labels.rule, names, train, tests)
    left += unmatched
    writer = Writer(out, source.classes, labeller, link, options.work, known)
    first = [label for label, _ in read_rule(labels.rule, names)] if labels.rule else []
    written = writer.write(train, tests, first)
    if not written.train:
        remedy = "say where its masks lie by --masks, or give labels by --labels"
        if source.format == video.NAME:
            remedy = "a video has none, so it can be --test only"
        found = "; ".join([f"found {len(train)} photos without", *(text.rstrip(".") for text in left[:1])])
        raise DataError(f"SOURCE must hold masks or labels, {found}; {remedy}.")
    strange = [] if known is None else [name for name in written.labels if name not in known.label.names]
    if strange:
        left.append(f"labels that --classes does not have: {', '.join(strange)}.")
    if written.useless:
        left.append(
            f"{len(written.useless)} of {len(train)} photos have neither a mask in which a pixel counts nor "
            f"a label, the first is {min(written.useless)}."
        )
    return Brought(source.format, written, left)


def _read_classes(folder: Path | None) -> Classes | None:
    """Reads the classes that the frames are to have; None for the source's own.

    Raises:
        MissingError: there is no such folder.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise MissingError(
            f"--classes must be a folder with classes.csv, as Train, found nothing at {folder}; correct it."
        )
    return class_lists.read_classes(folder)


def _match_classes(
    source: Source, classes: list[SourceClass], left: list[str], what: str
) -> list[SourceFrame]:
    """Returns a source's frames with masks that hold the indices of other classes, found by name.

    Args:
        source: whose frames are returned.
        classes: whose indices the masks are to hold.
        left: a sentence is added if the source has further classes; their pixels do not count.
        what: names the source in that sentence.
    """
    indices = {_spell(one.name): index for index, one in enumerate(classes)}
    found = [indices.get(_spell(one.name), IGNORE) for one in source.classes]
    table = np.full(256, IGNORE, np.uint8)
    table[: len(found)] = found
    others = [one.name for one, index in zip(source.classes, found, strict=True) if index == IGNORE]
    if others:
        left.append(f"pixels of classes that only {what} has: {', '.join(others)}.")
    frames = []
    for frame in source.frames:
        read_mask = partial(_translate, frame, table) if frame.read_mask else None
        frames.append(replace(frame, read_mask=read_mask))
    return frames


def _spell(name: str) -> str:
    """Spells the background as all readers do; other names stay."""
    return BACKGROUND if is_background(name) else name


def _translate(frame: SourceFrame, table: np.ndarray) -> np.ndarray:
    return table[frame.read_mask()]
