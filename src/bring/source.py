"""What the reader of a format finds: frames with their masks, classes, and what is left out."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from os.path import commonprefix
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

import numpy as np

from src.common.errors import DataError
from src.data.classes import IGNORE, MOST_MASK_CLASSES
from src.data.paths import compose_accents

PHOTO_ENDINGS = (".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".bmp", ".tif", ".tiff", ".webp")
# Folders whose names say what lies in them, not where or on which drive it was recorded.
PLAIN_FOLDERS = {
    *("images", "image", "img", "imgs", "photos", "frames", "rgb", "data", "jpegimages", "leftimg8bit"),
    *("pictures", "bilder", "fotos", "imagenes", "annotations"),
    *("train", "training", "val", "valid", "validation", "test", "testing"),
    *("train2017", "val2017", "default"),
}
_PART = "(train|val|test)"
# Names of parts, the surest first: test or testing, then test2017, test-dev2017, test_images, testannot.
PARTS = (
    f"{_PART}(ing|id|idation)?$",
    rf"{_PART}(ing|id|idation)?[_-]?(dev)?[_-]?(\d+|images?|imgs?|masks?|labels?|annot\w*|set|data)$",
)
BACKGROUND = "background"
BLACK = "#000000"  # colour of what nobody annotated, in most tools' masks
EVERY_PIXEL = ""  # stands for `Options.unlabelled` where masks name the class of every pixel
IGNORED = ("ignore", "__ignore__", "void", "unlabeled", "unlabelled")  # names of classes that do not count


@dataclass(frozen=True)
class SourceClass:
    """A mask class of a source.

    Attributes:
        name: of the class.
        color: "#rrggbb", or "" for one of the built-in palette.
    """

    name: str
    color: str = ""


@dataclass(frozen=True)
class SourceFrame:
    """A photo of a source, with what the source says of it.

    Attributes:
        photo: file of the photo.
        name: its path in the project's folder, without ending.
        read_mask: reads the mask as it is shown, uint8 (H, W): indices of the source's classes, IGNORE where
            a pixel does not count. None for a frame without a mask.
        label: name of the image-level label; "" for none.
        recording: name of the drive; "" where it is unknown.
        is_test: True for a frame of the source's own test part.
    """

    photo: Path
    name: str
    read_mask: Callable[[], np.ndarray] | None = None
    label: str = ""
    recording: str = ""
    is_test: bool = False


@dataclass
class Source:
    """Frames and classes of a source.

    Attributes:
        format: name of the format, for people.
        frames: in the order of the source.
        classes: mask classes; a mask holds their indices. Empty for photos alone.
        left: sentences that say what was left out, and why.
        table: file that names the classes of the masks; None for a format that has none.
    """

    format: str
    frames: list[SourceFrame]
    classes: list[SourceClass] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    table: Path | None = None


@dataclass(frozen=True)
class Options:
    """What the user says of a source.

    Attributes:
        work: folder for files that a reader makes, as the frames of a video.
        unlabelled: what pixels are that nobody annotated, "background" or "ignore".
        masks: where the mask of a photo lies, as "masks/{drive}/{name}_seg.png"; "" to find it.
        colors: table of the colours of the masks' classes; None for the one beside the source.
        every: every how many-th frame of a video is taken.
        drive: regular expression whose first group, found in a photo's path, names its drive; "" for the
            name of the folder.
        classes: folder whose `classes.csv` has the classes of both tasks and their ids, as the Train that the
            frames are to join; None numbers the source's own.
        photos_suffice: True for Test, whose photos need no masks where `masks` would lead to them.
        table: of the data set that Test belongs to; names the colours of Test's masks where no other does.
    """

    work: Path
    unlabelled: str = BACKGROUND
    masks: str = ""
    colors: Path | None = None
    every: int = 30
    drive: str = ""
    classes: Path | None = None
    photos_suffice: bool = False
    table: Path | None = None


def list_photos(folder: Path) -> list[Path]:
    """Lists the photos in a folder and in the folders below it, in the order of their paths."""
    found = [path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_ENDINGS and path.is_file()]
    return sorted(path for path in found if not path.name.startswith("."))


def index_photos(folder: Path) -> dict[str, list[Path]]:
    """Lists the photos in a folder and below by their file names."""
    found: dict[str, list[Path]] = {}
    for photo in list_photos(folder):
        found.setdefault(_split_path(str(photo))[0], []).append(photo)
    return found


def match_photos(names: Iterable[str], photos: dict[str, list[Path]]) -> dict[str, Path]:
    """Finds the photo of each path that a tool wrote, perhaps on another machine or before a move.

    It is the photo whose path has the longest end in common with it. A photo that two paths fit equally is
    left out, and so is a path that two photos fit equally: a guess would put areas on another photo. For what
    is left, capitals do not count, and web addresses are read as paths.

    Args:
        names: paths of any system; the photo must have the file's name.
        photos: of `index_photos`.
    """
    names = list(names)
    found = _match_parts({name: _split_path(name) for name in names}, photos)
    taken = set(found.values())
    folded: dict[str, list[Path]] = {}
    for name, same in photos.items():
        folded.setdefault(name.casefold(), []).extend(photo for photo in same if photo not in taken)
    rest = {name: _split_path(_read_address(name).casefold()) for name in names if name not in found}
    return found | _match_parts(rest, folded, str.casefold)


def _match_parts(
    names: dict[str, list[str]], photos: dict[str, list[Path]], spell: Callable[[str], str] = str
) -> dict[str, Path]:
    """Finds photos for `match_photos`.

    Args:
        names: parts of each path, of `_split_path`.
        photos: by their file names, spelled by `spell`.
        spell: is applied to the paths of photos before they are compared.
    """
    claims: dict[Path, list[tuple[int, str]]] = {}
    for name, parts in names.items():
        ends = {}
        for photo in photos.get(parts[0], []) if parts else []:
            ends[photo] = len(commonprefix([parts, _split_path(spell(str(photo)))]))
        longest = [photo for photo, length in ends.items() if length == max(ends.values())]
        if len(longest) == 1:
            claims.setdefault(longest[0], []).append((ends[longest[0]], name))
    found = {}
    for photo, claimed in claims.items():
        best = max(claimed)
        if [length for length, _ in claimed].count(best[0]) == 1:
            found[best[1]] = photo
    return found


def _read_address(name: str) -> str:
    """Reads a web address, or a path with %20 for a blank, as a path."""
    return unquote(name.partition("?")[0] if "://" in name else name)


def _split_path(path: str) -> list[str]:
    """Splits a path into its parts, the file's name first. macOS writes accents apart from their letters."""
    return [*reversed(PureWindowsPath(compose_accents(path)).parts)]


def name_below(photo: Path, root: Path) -> Path:
    """Returns a photo's path below a folder; its file name if it lies elsewhere."""
    return photo.relative_to(root) if photo.is_relative_to(root) else Path(photo.name)


def name_folder(relative: Path) -> str:
    """Names the recording of a photo by its folders, without those that every data set has."""
    parts = [part for part in relative.parent.parts if part.lower() not in PLAIN_FOLDERS]
    return "/".join(parts)


def find_part(path: Path) -> str:
    """Names the part of a source that a path belongs to: "train", "val" or "test"; "" for none.

    The folder whose name is most surely a part's decides: test/valencia is of the test part.
    """
    for pattern in PARTS:
        for part in reversed(path.parts):
            if match := re.match(pattern, part, re.IGNORECASE):
                return match[1].lower()
    return ""


def number_classes(names: list[str], unlabelled: str) -> dict[str, int]:
    """Gives each class name the index that masks hold: first the background, if unlabelled pixels are it.

    Args:
        names: of the classes in the order of the source; those of IGNORED get IGNORE.
        unlabelled: as in `Options`, or EVERY_PIXEL.

    Raises:
        DataError: there are more classes than a mask can hold.
    """
    counted = [name for name in dict.fromkeys(names) if name.strip().lower() not in IGNORED]
    if unlabelled != EVERY_PIXEL:
        counted = [name for name in counted if not is_background(name)]
    if unlabelled == BACKGROUND:
        counted = [BACKGROUND, *counted]
    if len(counted) > MOST_MASK_CLASSES:
        raise DataError(
            f"A source may have at most {MOST_MASK_CLASSES} mask classes, found {len(counted)}; merge some."
        )
    indices = {name: index for index, name in enumerate(counted)}
    for name in names:
        if is_background(name) and unlabelled == BACKGROUND:
            indices[name] = 0
        indices.setdefault(name, IGNORE)
    return indices


def is_background(name: str) -> bool:
    """Returns whether a class is the background, as "_background_" of labelme."""
    return name.strip("_ ").lower() == BACKGROUND


def list_classes(indices: dict[str, int], colors: dict[str, str] | None = None) -> list[SourceClass]:
    """Lists the classes of `number_classes` by their indices, each with its colour if it has one."""
    names = {}
    for name, index in indices.items():
        if index != IGNORE:
            names.setdefault(index, name)
    colors = {BACKGROUND: BLACK, **(colors or {})}
    return [SourceClass(names[index], colors.get(names[index], "")) for index in sorted(names)]
