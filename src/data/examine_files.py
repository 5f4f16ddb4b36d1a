"""Examines the files of each frame and lists what is wrong with them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from src.common.errors import DataError
from src.data import classes as class_lists
from src.data import depth_files, image_files, mask_files
from src.data.classes import Classes, ClassList
from src.data.tables import Problem

THUMBNAIL = (48, 64)  # (height, width) at which a photo's light is measured
LIGHT = {"dark": 64, "dim": 128, "bright": 192, "very bright": 256}  # upper limit of brightness, 0 to 255
SMALLEST_SHARE = 0.01  # share of a mask's pixels that must count, else there is a warning
DIM = 2**14  # a 16-bit photo whose values are all smaller is dark, or not scaled from 14 bits
BLENDED = 0.5  # values between the ids may be blended edges if they have less than this share of all pixels
METRES = 100  # a depth map whose values are all smaller or equal is probably not in millimetres


@dataclass
class FrameFindings:
    """Findings about the files of one frame.

    Attributes:
        errors, warnings: messages about the files, without path and row of the table.
        notes: what was corrected; equal notes are counted over all frames.
        digest: SHA-256 of the photo's bytes, in hex digits.
        light: float, (len(LIGHT),): share of the pixels by brightness.
        look: mean brightness, saturation and warmth, in percent.
        pixels: int64, (256,): number of the mask's pixels by id; None without a mask.
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
    """Examines photo, mask and depth map of one frame.

    Args:
        row: of the table of `samples.read_samples`.
        classes: of both tasks.
    """
    found = FrameFindings()
    steps: list[Callable] = []
    if row.image and row.height:  # a height of 0 has been reported already
        steps.append(_examine_photo)
    if row.mask:
        steps.append(_examine_mask)
    if row.depth:
        steps.append(_examine_depth)
    for step in steps:
        try:
            step(found, row, classes)
        except DataError as error:
            found.errors.append(str(error))
    return found


def _examine_photo(found: FrameFindings, row: tuple, classes: Classes) -> None:
    """Examines the photo of a frame: its mode, orientation and light."""
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
    counts, _ = np.histogram(grey, [0, *LIGHT.values()])
    found.light = counts / grey.size
    saturation = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)[..., 1].mean()
    warmth = photo[..., 0].mean() - photo[..., 2].mean()
    found.look = tuple(float(value) / 2.55 for value in (grey.mean(), saturation, warmth))


def _examine_bits(found: FrameFindings, row: tuple) -> None:
    """Warns of a 16-bit photo whose values use at most 14 bits."""
    with Path(row.image).open("rb") as file:
        peak = int(image_files.decode_16_bits(file).max())
    if peak < DIM:
        found.warnings.append(
            f"{row.image_path} holds at most {peak:,} of 65,535, so it is read as a dark photo; if it has 14 "
            "bits, multiply the values by 4."
        )


def _examine_mask(found: FrameFindings, row: tuple, classes: Classes) -> None:
    """Examines the mask of a frame: its mode and its ids."""
    mode = image_files.read_header(row.mask, ("PNG",)).mode
    ids = mask_files.read_ids(row.mask)
    if mode != "L":
        found.notes.append(f"masks are {mode}, read as one id a pixel")
    found.pixels = class_lists.count_values(ids)
    if classes.mask.count_ignored(found.pixels) > (1 - SMALLEST_SHARE) * ids.size:
        found.warnings.append(f"nearly every pixel of {row.label_path} is ignored; check the mask.")


def _examine_depth(found: FrameFindings, row: tuple, classes: Classes) -> None:
    """Examines the depth map of a frame: its unit and its size.

    Raises:
        DataError: its height and width are swapped.
    """
    steps = depth_files.load_steps(row.depth)
    if 0 < steps.max() <= METRES:
        found.warnings.append(
            f"{row.depth_path} holds at most {steps.max()}; depth in metres? Millimetres are usual."
        )
    if not row.height:  # the photo's size is unknown
        return
    if steps.shape == (row.width, row.height) and row.height != row.width:
        raise DataError(
            f"{row.depth} must have its photo's height and width, {row.height} x {row.width}, found "
            f"{row.width} x {row.height}; turn the depth map like the photo."
        )
    if steps.shape != (row.height, row.width):
        found.notes.append("depth maps have another size than their photo, resized")


def report_unknown_ids(samples: pd.DataFrame, findings: list[FrameFindings], classes: ClassList) -> None:
    """Adds an error to each frame whose mask holds ids that no class has; all masks serve to guess why."""
    unknown = [[] if one.pixels is None else mask_files.find_unknown(one.pixels, classes) for one in findings]
    if not any(unknown):
        return
    pixels = np.sum([one.pixels for one in findings if one.pixels is not None], 0)
    all_unknown = mask_files.find_unknown(pixels, classes)
    which = "the ids" if all(ids in ([], all_unknown) for ids in unknown) else "some of the ids"
    remedy = _guess_unknown(pixels, all_unknown, classes)
    for row, found, ids in zip(samples.itertuples(), findings, unknown, strict=True):
        if ids:
            shown = mask_files.shorten(all_unknown)
            found.errors.append(f"{row.mask} holds {which} {shown} that no class has; {remedy}.")


def _guess_unknown(pixels: np.ndarray, unknown: list[int], classes: ClassList) -> str:
    """Guesses why masks hold ids that no class has, and returns the remedy.

    Args:
        pixels: number of pixels of all masks by id, (256,).
        unknown: ids that no class has, sorted.
        classes: the mask classes.
    """
    present = set(np.flatnonzero(pixels).tolist())
    reason = mask_files.guess_reason(present, classes)
    reason = reason or mask_files.guess_reason(present - {classes.ignore_id}, classes)
    if reason:
        return f"{reason}; correct the masks or classes.csv"
    listed = present - set(unknown)
    is_between = bool(listed) and min(listed) < unknown[0] and unknown[-1] < max(listed)
    if is_between and pixels[unknown].sum() < BLENDED * pixels.sum():
        return (
            "they lie between the ids, as of blended edges: export without smoothing, by nearest neighbour; "
            f"if they are classes, {mask_files.ADD_IDS}"
        )
    return mask_files.ADD_IDS


def find_trivial_masks(path: Path, findings: list[FrameFindings], classes: ClassList) -> list[Problem]:
    """Reports an error if fewer than two classes have pixels, so that there is nothing to learn."""
    if any(one.errors and one.pixels is None for one in findings):
        return []  # a mask that cannot be read, which is an error already, may hold the others
    counts = [one.pixels for one in findings if one.pixels is not None]
    pixels = np.sum(counts, 0) if counts else np.zeros(256, np.int64)
    present = [name for id, name in zip(classes.ids, classes.names, strict=True) if pixels[id]]
    if not pixels.any() or len(present) > 1 or mask_files.find_unknown(pixels, classes):
        return []
    rest = f"one class is left, '{present[0]}'" if present else "no class is left"
    rule = f"{path}: the masks must hold two classes or more"
    if classes.count_ignored(pixels):
        ids = np.flatnonzero(pixels).tolist()
        ignored = classes.ignore_id
        text = (
            f"{rule}, found {ids}, of which {ignored} is ignored, so {rest}; if {ignored} is a class, list "
            f"it in classes.csv (mask,{ignored},NAME; in a reference's, too), else write ids of classes."
        )
    else:
        text = f"{rule}, found '{present[0]}' alone in every pixel; check the masks and classes.csv."
    return [Problem("error", text)]
