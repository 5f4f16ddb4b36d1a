"""Writes the frames of a source as `Train/`, `Test/` and `reference/`."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from src.bring.labels import Labeller
from src.bring.pixels import AS_THEY_ARE, READ_ERRORS, read_photo_size
from src.bring.place import read_place
from src.bring.source import SourceClass, SourceFrame
from src.common.cores import count_cores
from src.common.errors import DataError
from src.common.progress import show_progress
from src.data.classes import IGNORE, Classes
from src.data.image_files import explain_size

COLUMNS = ("image_path", "label_path", "image_lvl_label", "timestamp", "robot_id", "lon", "lat")
MOST_ERRORS = 5  # in one message


@dataclass
class Row:
    """A frame that was written.

    Attributes:
        cells: of data.csv.
        label: name of the image-level label; "" for none.
    """

    cells: dict[str, str]
    label: str = ""


@dataclass
class Written:
    """What was written.

    Attributes:
        train: rows of Train.
        test: rows of Test.
        truth: rows of the reference; none where Test's truth is unknown.
        labels: names of the image-level labels, in the order of their ids.
        useless: names of frames of Train that were left out, because they teach nothing.
    """

    train: list[Row] = field(default_factory=list)
    test: list[Row] = field(default_factory=list)
    truth: list[Row] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    useless: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Writer:
    """Writes frames into the project's layout.

    Attributes:
        out: folder that is to hold Train, Test and reference.
        classes: mask classes, whose indices the masks hold.
        label: gives a frame's label.
        link: True links the photos, False copies them.
        work: folder of photos that are gone afterwards, so that they are never linked.
        known: classes of both tasks whose ids the files get; None numbers masks and labels from 0.
    """

    out: Path
    classes: list[SourceClass]
    label: Labeller
    link: bool
    work: Path
    known: Classes | None = None

    def write(self, train: list[SourceFrame], test: list[SourceFrame], labels: list[str]) -> Written:
        """Writes all frames, then the tables.

        Args:
            train: frames of Train; those with neither mask nor label are left out.
            test: frames of Test; where they have masks or labels, these become the reference.
            labels: names of labels that come first, in this order; others follow by name.

        Raises:
            DataError: a photo or a mask cannot be read, or they differ in size; nothing is to be kept then.
        """
        written = Written()

        def write_train(frame: SourceFrame) -> None:
            row = self._write_train(frame)
            if row is None:
                written.useless.append(frame.name)
            else:
                written.train.append(row)

        self._write_all(train, write_train)

        def write_test(frame: SourceFrame) -> None:
            row, truth = self._write_test(frame)
            written.test.append(row)
            if truth.cells.get("label_path") or truth.label:
                written.truth.append(truth)

        self._write_all(test, write_test)
        found = {row.label for row in (*written.train, *written.truth)} - {""}
        first = [name for name in labels if name in found]
        written.labels = first + sorted(found - set(first))
        for folder, rows in (("Train", written.train), ("Test", written.test), ("reference", written.truth)):
            if rows:
                self._write_tables(self.out / folder, rows, written.labels)
        return written

    @property
    def _ignore_id(self) -> int:
        """Returns the id in files of pixels that do not count; one that no class has."""
        if self.known is None:
            return IGNORE
        taken = set(self.known.mask.ids)
        ids = [self.known.mask.ignore_id, *range(255, -1, -1)]
        return next(id for id in ids if id not in taken)

    def _write_all(self, frames: list[SourceFrame], write: Callable[[SourceFrame], None]) -> None:
        """Writes frames on all cores; the rows are in no order.

        Raises:
            DataError: of the first MOST_ERRORS frames that cannot be written.
        """
        if not frames:
            return
        errors = []

        def attempt(frame: SourceFrame) -> None:
            try:
                write(frame)
            except DataError as error:
                errors.append(str(error))

        with ThreadPoolExecutor(count_cores()) as pool:
            list(show_progress(pool.map(attempt, frames), total=len(frames), desc="Writing", unit="frame"))
        if errors:
            count = len(errors)
            errors = sorted(errors)[:MOST_ERRORS]
            if count > len(errors):
                errors.append(f"... and {count - len(errors)} more frames. Nothing was written.")
            raise DataError("\n".join(errors))

    def _write_train(self, frame: SourceFrame) -> Row | None:
        """Writes photo and mask of a frame of Train; None for one that teaches nothing."""
        mask = self._read_mask(frame)
        label = self.label(frame, mask)
        if mask is None and not label:
            return None
        row = self._write_photo(frame, "Train")
        row.label = label
        self._write_mask(frame, mask, "Train", row)
        return row

    def _write_test(self, frame: SourceFrame) -> tuple[Row, Row]:
        """Writes the photo of a frame of Test, and its truth where it is known."""
        mask = self._read_mask(frame)
        row = self._write_photo(frame, "Test")
        truth = Row(dict(row.cells), self.label(frame, mask))
        self._write_mask(frame, mask, "reference", truth)
        return row, truth

    @staticmethod
    def _read_mask(frame: SourceFrame) -> np.ndarray | None:
        """Reads a frame's mask; None for one of which no pixel counts.

        Raises:
            DataError: it cannot be read, or has another size than the photo.
        """
        if frame.read_mask is None:
            return None
        mask = frame.read_mask()
        height, width = read_photo_size(frame.photo)
        if mask.shape != (height, width):
            reason = "export it again"
            if frame.photo.suffix.lower() in AS_THEY_ARE:
                reason = explain_size(str(frame.photo), mask.shape)
            raise DataError(
                f"The mask of {frame.photo} must have the photo's size, {height} x {width} px, found "
                f"{mask.shape[0]} x {mask.shape[1]}; {reason}."
            )
        return mask if (mask != IGNORE).any() else None

    def _write_photo(self, frame: SourceFrame, folder: str) -> Row:
        """Writes a photo, and lists what is known of it."""
        ending = frame.photo.suffix.lower()
        path = Path("photos") / f"{frame.name}{ending if ending in AS_THEY_ARE else '.png'}"
        target = self.out / folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if ending not in AS_THEY_ARE:
            _convert_photo(frame.photo, target)
        elif self.link and not frame.photo.is_relative_to(self.work):
            target.symlink_to(frame.photo.resolve())
        else:
            shutil.copyfile(frame.photo, target)
        cells = {"image_path": path.as_posix(), "robot_id": frame.recording}
        return Row(cells | read_place(frame.photo))

    def _write_mask(self, frame: SourceFrame, mask: np.ndarray | None, folder: str, row: Row) -> None:
        """Writes a mask, and names it in its row."""
        if mask is None:
            return
        path = Path("masks") / f"{frame.name}.png"
        target = self.out / folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.known is not None:
            ignored = mask == IGNORE
            mask = np.where(ignored, self._ignore_id, self.known.mask.decode(mask)).astype(np.uint8)
        Image.fromarray(mask).save(target)
        row.cells["label_path"] = path.as_posix()

    def _write_tables(self, folder: Path, rows: list[Row], labels: list[str]) -> None:
        """Writes data.csv, without columns that are empty, and classes.csv."""
        folder.mkdir(parents=True, exist_ok=True)  # a reference may have labels only
        rows.sort(key=lambda row: row.cells["image_path"])
        cells = pd.DataFrame([row.cells for row in rows], columns=COLUMNS).fillna("")
        if folder.name != "Test":
            ids = {name: str(id) for name, id in self._number_labels(labels).items()}
            cells["image_lvl_label"] = [ids.get(row.label, "") for row in rows]
        cells = cells.loc[:, (cells != "").any()]
        cells.to_csv(folder / "data.csv", index=False, encoding="utf-8")
        if folder.name != "Test":
            self._list_classes(labels).to_csv(folder / "classes.csv", index=False, encoding="utf-8")

    def _number_labels(self, labels: list[str]) -> dict[str, int]:
        """Gives each label its id by name."""
        if self.known is not None:
            return dict(zip(self.known.label.names, self.known.label.ids, strict=True))
        return {name: id for id, name in enumerate(labels)}

    def _list_classes(self, labels: list[str]) -> pd.DataFrame:
        """Lists the classes of both tasks as classes.csv has them."""
        ids = range(len(self.classes)) if self.known is None else self.known.mask.ids
        rows = [("mask", id, one.name, one.color) for id, one in zip(ids, self.classes, strict=True)]
        if rows:  # photos with labels alone have no masks, so none in which a pixel is ignored
            rows.append(("mask", self._ignore_id, "ignore", ""))
        rows += [("label", id, name, "") for name, id in self._number_labels(labels).items()]
        return pd.DataFrame(rows, columns=["task", "id", "name", "color"])


def _convert_photo(photo: Path, target: Path) -> None:
    """Writes a photo of another format as PNG, turned as it is shown.

    Raises:
        DataError: it cannot be read, or its values have no fixed range.
    """
    try:
        with Image.open(photo) as image:
            shown = ImageOps.exif_transpose(image)
            if image.mode in ("I", "F"):
                raise DataError(
                    f"{photo} must have 8 or 16 bits a channel, found Pillow's mode {image.mode}; export it "
                    "as PNG."
                )
            if not image.mode.startswith("I;16"):  # these stay as they are: in 8 bits all would be white
                shown = shown.convert("RGB")
            shown.save(target)
    except READ_ERRORS as error:
        raise DataError(f"{photo} must be a photo, found one that cannot be read ({error}).") from error
