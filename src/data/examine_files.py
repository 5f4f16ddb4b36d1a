"""The files of each frame, looked at one by one, and what is wrong with them."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from src.common.errors import DataError
from src.data import classes as class_lists
from src.data import image_files, mask_files
from src.data.classes import Classes, ClassList
from src.data.tables import Problem

THUMBNAIL = (48, 64)  # (height, width) at which a photo's light is measured
LIGHT = {"dark": 64, "dim": 128, "bright": 192, "very bright": 256}  # brightness below, of 255
SCARCE = 0.01  # share of a mask's pixels that must count, else it is nearly empty
DIM = 2**14  # a 16-bit photo whose values stay below is dark, or a camera's of 14 bits
BLENDED = 0.5  # share of all pixels below which values between the ids may be blended edges
METRES = 100  # a depth that never exceeds this is hardly one in millimetres


@dataclass
class FrameFindings:
    """What the files of one frame hold.

    Attributes:
        errors, warnings: about the files, without file and row of the table.
        notes: what was put right, in words that are counted over all frames.
        digest: of the photo's bytes.
        light: float, (len(LIGHT),): share of the pixels by brightness.
        look: mean brightness, saturation and warmth, in percent.
        pixels: int64, (256,): of the mask by id; None without one.
    """

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    digest: str = ""
    light: np.ndarray | None = None
    look: tuple[float, float, float] | None = None
    pixels: np.ndarray | None = None


# One frame ----------------------------------------------
def examine_frame(row: tuple, classes: Classes) -> FrameFindings:
    """Reads photo, mask and depth of one frame."""
    found = FrameFindings()
    steps = (
        (row.image and row.height, _examine_photo),
        (row.mask, _examine_mask),
        (row.depth, _examine_depth),
    )
    for there, step in steps:
        try:
            if there:
                step(found, row, classes)
        except DataError as error:
            found.errors.append(str(error))
    return found


def _examine_photo(found: FrameFindings, row: tuple, classes: Classes) -> None:
    found.digest = hashlib.sha256(Path(row.image).read_bytes()).hexdigest()
    header = image_files.read_header(row.image)
    if header.mode != "RGB":
        found.notes.append(f"photos are {header.mode}, made RGB")
    if header.orientation != 1:
        found.notes.append("photos are turned as their EXIF or XMP says")
    photo = image_files.load_photo(row.image, THUMBNAIL)
    if header.bits == 16:
        _examine_bits(found, row)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    found.light = np.histogram(grey, [0, *LIGHT.values()])[0] / grey.size
    vivid = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)[..., 1].mean()
    warm = photo[..., 0].mean() - photo[..., 2].mean()
    found.look = tuple(float(value) / 2.55 for value in (grey.mean(), vivid, warm))


def _examine_bits(found: FrameFindings, row: tuple) -> None:
    """Warns of a photo of 16 bits that uses a quarter of their range, as one of a camera of 14 bits does."""
    with Path(row.image).open("rb") as file:
        peak = int(image_files.decode_deep(file).max())
    if peak < DIM:
        text = f"{row.image_path} holds at most {peak:,} of 65,535, so it is read as dark; values of 14 bits?"
        found.warnings.append(text)


def _examine_mask(found: FrameFindings, row: tuple, classes: Classes) -> None:
    mode = image_files.read_header(row.mask, ("PNG",)).mode
    if mode != "L":
        found.notes.append(f"masks are {mode}, read as one id a pixel")
    ids = mask_files.read_ids(row.mask)
    found.pixels = class_lists.count_values(ids)
    if found.pixels[classes.mask.ignore_id] > (1 - SCARCE) * ids.size:
        found.warnings.append(f"nearly every pixel of {row.label_path} is ignored; look at the mask.")


def _examine_depth(found: FrameFindings, row: tuple, classes: Classes) -> None:
    steps = image_files.load_steps(row.depth)
    if 0 < steps.max() <= METRES:
        text = f"{row.depth_path} holds at most {steps.max()}; depth in metres? Millimetres are usual."
        found.warnings.append(text)
    if row.height and steps.shape == (row.width, row.height) and row.height != row.width:
        raise DataError(
            f"{row.depth} must lie as its photo is seen, {row.height} x {row.width}, found {row.width} x "
            f"{row.height}; turn the depth likewise."
        )
    if row.height and steps.shape != (row.height, row.width):
        found.notes.append("depth maps have another size than their photo, resized")


def report_unknown_ids(samples: pd.DataFrame, findings: list[FrameFindings], classes: ClassList) -> None:
    """Adds an error to each frame whose mask holds ids that no class has; why, all masks together tell."""
    unknown = [[] if one.pixels is None else mask_files.find_unknown(one.pixels, classes) for one in findings]
    if not any(unknown):
        return
    pixels = np.sum([one.pixels for one in findings if one.pixels is not None], 0)
    every = mask_files.find_unknown(pixels, classes)
    which = "the ids" if all(ids in ([], every) for ids in unknown) else "some of the ids"
    remedy = _guess_unknown(pixels, every, classes) or mask_files.ADD_IDS
    for row, found, ids in zip(samples.itertuples(), findings, unknown, strict=True):
        if ids:
            text = f"{row.mask} holds {which} {mask_files.shorten(every)} that no class has; {remedy}."
            found.errors.append(text)


def _guess_unknown(pixels: np.ndarray, unknown: list[int], classes: ClassList) -> str:
    """Guesses why masks hold ids that no class has, from their pixels by id; "" where nothing is likely."""
    held = set(np.flatnonzero(pixels).tolist())
    shift = mask_files.guess_shift(held - {classes.ignore_id}, classes)
    if shift:
        return f"{shift}; write the masks or classes.csv anew"
    known = held - set(unknown)
    between = known and min(known) < unknown[0] and unknown[-1] < max(known)
    if between and pixels[unknown].sum() < BLENDED * pixels.sum():
        return (
            "they lie between the ids, as of blended edges: export without smoothing, by nearest neighbour; "
            f"if they are classes, {mask_files.ADD_IDS}"
        )
    return ""


def find_trivial_masks(path: Path, findings: list[FrameFindings], classes: ClassList) -> list[Problem]:
    """Finds that fewer than two classes have pixels, so that there is nothing to tell apart."""
    counts = [one.pixels for one in findings if one.pixels is not None]
    pixels = np.sum(counts, 0) if counts else np.zeros(256, np.int64)
    present = [name for id, name in zip(classes.ids, classes.names, strict=True) if pixels[id]]
    if not pixels.any() or len(present) > 1 or mask_files.find_unknown(pixels, classes):
        return []
    left = f"one class is left, '{present[0]}'" if present else "no class is left"
    rule = f"{path}: the masks must hold two classes or more"
    if pixels[classes.ignore_id]:
        ids = np.flatnonzero(pixels).tolist()
        ignored = classes.ignore_id
        text = (
            f"{rule}, found {ids}, of which {ignored} is ignored, so {left}; if {ignored} is a class, list "
            f"it in classes.csv (mask,{ignored},NAME; in a reference's, too), else write the classes' ids."
        )
    else:
        text = f"{rule}, found '{present[0]}' alone in every pixel; look at the masks, and at classes.csv."
    return [Problem("error", text)]
